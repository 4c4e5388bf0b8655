"""The system that the faults are injected into: 3 ledgers, 2 of every other service, a proxy before each store."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import httpx
import psutil
import psycopg
from kafka import TopicPartition
from pydantic import SecretStr

from demo import drain, senders
from deploy.local import Stack
from deploy.local.plan import SERVICES, StackOptions
from deploy.local.ports import free_port
from deploy.local.postgres import OWNER
from deploy.local.process import module_command, spawn
from deploy.tools.checkout import PROJECT
from duban import local_sender
from services.shared.kafka.topic_reader import ConsumerLag
from services.shared.postgres.database import Database
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import FREEZE
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings
from tests.builders import eventually
from tests.faults.delivery.load import SteadyLoad
from tests.faults.delivery.proxy import StoreProxy
from tests.faults.delivery.readiness import ReadinessWatch
from tests.system import ORIGIN, SCALE

REPLICAS = {service: 3 if service == "ledger" else 2 for service in SERVICES}
STORES = ("kafka", "postgres")
KEYS_READ_WITHIN = 4.0
"""Real seconds in which every door knows a new key."""
CHECKED_WITHIN = 40.0
"""Real seconds in which the checker has to find nothing wrong: what is still under way is no damage."""
DECIDED_WITHIN = 45.0
"""Real seconds within which a due threshold is decided, after whatever fault: the sweeper takes 30."""
LIVE_AGAIN_WITHIN = 2.0
"""Real seconds in which a process that goes on says that it is live."""
IDLE_WITHIN = 90.0
"""Real seconds in which everything has to be read once the load pauses."""


class DeliveryRig:
    """A running system under a steady load, whose processes and connections can be troubled.

    Attributes:
        stack: the running system.
        kafka_proxy, postgres_proxy: what stands between the services and the stores.
        load: the load.
        readiness: what the readiness pages said.
        clock: source of policy time.
        http: client of the first door, with the local key.
        kafka: settings of a Kafka client that is not troubled.

    """

    def __init__(self, stack: Stack, kafka_proxy: StoreProxy, postgres_proxy: StoreProxy, seed: int) -> None:
        self.stack = stack
        self.kafka_proxy, self.postgres_proxy = kafka_proxy, postgres_proxy
        self.key = local_sender.ensure(stack)
        keys = senders.ensure_senders(stack)
        pool = Database(SecretStr(stack.database_url()), name="faults", size=1)
        self.clock: Clock = deployment.load_clock(pool, "test")
        pool.close()
        self.kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self.http = httpx.Client(
            base_url=stack.intake_url, headers={"Authorization": f"Bearer {self.key}", "X-Actor": "faults"}, timeout=20
        )
        self.load = SteadyLoad(stack, self.clock, keys, seed)
        self.readiness = ReadinessWatch(lambda: stack.state.operations)
        self._lag = ConsumerLag(self.kafka, drain.INPUTS)

    def close(self) -> None:
        """Stop load and watch."""
        self.load.stop()
        self.readiness.stop()
        self._lag.close()
        self.http.close()

    def pids(self) -> dict[str, int]:
        """Return the pid of each running process by name."""
        return {name: process.pid for name, process in self.stack.state.processes.items()}

    def process(self, name: str) -> psutil.Process:
        """Return a running process."""
        return psutil.Process(self.pids()[name])

    @contextmanager
    def database(self, role: str = OWNER) -> Iterator[psycopg.Connection]:
        """Connect to the database as a role, past the proxy, while the block runs."""
        url = self.stack.database_url(role).replace(
            f":{self.stack.state.database_port}/", f":{self.stack.state.ports['postgres']}/"
        )
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    def kill(self, *names: str) -> None:
        """Kill processes; the supervisor starts them again."""
        for name in names:
            eventually(lambda name=name: self.stack.kill(name), within=30, why=f"{name} does not run")  # type: ignore[misc]

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Freeze processes and their children while the block runs.

        Raises:
            AssertionError: a process is not frozen.

        """
        processes = [each for name in names for each in _with_children(self.process(name))]
        _signal_all(processes, signal.SIGSTOP)
        try:
            eventually(
                lambda: all(each.status() == psutil.STATUS_STOPPED for each in processes),
                within=5,
                why=f"{', '.join(names)} cannot be frozen",
            )
            yield
        finally:
            _signal_all(processes, signal.SIGCONT)

    @contextmanager
    def frozen_at(self, service: str, point: str) -> Iterator[None]:
        """Let a process of a service freeze itself at a crash point, and keep it so while the block runs.

        Raises:
            AssertionError: no process of the service reaches the point.

        """
        file = self.stack.folder.crash_points / service
        new = file.with_suffix(".new")
        new.write_text(point + FREEZE, encoding="utf-8")
        new.replace(file)
        frozen: list[psutil.Process] = []

        def find() -> bool:
            processes = [self.process(name) for name in self.stack.replicas(service)]
            frozen[:] = [each for each in processes if each.status() == psutil.STATUS_STOPPED]
            return bool(frozen)

        with self._unwatched():
            try:
                eventually(find, within=30, why=f"{service} does not reach {point}")
                yield
            finally:
                file.unlink(missing_ok=True)
                _signal_all(frozen, signal.SIGCONT)

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        """Keep the supervisor from replacing a process that stands still for long: it would never go on."""
        marker = self.stack.folder.unwatched
        marker.touch()
        try:
            yield
            time.sleep(LIVE_AGAIN_WITHIN)
        finally:
            marker.unlink()

    @contextmanager
    def extra_process(self, service: str, instance: str, *, clock_file: Path | None = None) -> Iterator[int]:
        """Run one more process of a service while the block runs; yields the port of its pages.

        Args:
            service: the service.
            instance: name of the process.
            clock_file: file with the seconds by which its clock is wrong; None: its clock is right.

        """
        port = free_port()
        arguments = ("tests.faults.skewed", str(clock_file), service) if clock_file else (f"services.{service}",)
        process = spawn(
            module_command(*arguments),
            log=self.stack.folder.logs / f"extra-{instance}.log",
            environment=self.stack.environment(service)
            | {"DUBAN_INSTANCE": instance, "DUBAN_OPERATIONS_PORT": str(port)},
        )
        try:
            yield port
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def contact_body(self, message_id: str, customer: Mapping[str, str]) -> dict[str, Any]:
        """Return the body of a contact."""
        text = "家里宽带网速很慢，已经一个星期了"
        return {"channel": "web", "message_id": message_id, "customer": dict(customer), "text": text}

    def open_ticket(self) -> str:
        """Open a ticket of a customer of its own and return its number.

        Raises:
            AssertionError: it is not opened within 20 s.

        """
        name = uuid4().hex
        customer = {"phone": f"159{int(name[:7], 16) % 10**8:08d}", "name": "李女士"}
        response = self.http.post("/v1/contacts", params={"wait": 20}, json=self.contact_body(name, customer))
        answer = response.json()
        assert answer.get("state") == "ticket", answer
        return str(answer["ticket"]["number"])

    def wait_until(self, condition: Callable[[], object], within: float, why: str) -> None:
        """Wait until a condition holds.

        Raises:
            AssertionError: it does not in time.

        """
        eventually(condition, within=within, why=why)

    def ends(self) -> Mapping[TopicPartition, int] | None:
        """Return the present end of each partition; None if the broker does not answer."""
        try:
            return self._lag.ends()
        except Retryable:
            return None

    def unread(
        self, ends: Mapping[TopicPartition, int] | None = None, services: Sequence[str] = tuple(drain.INPUTS)
    ) -> int:
        """Return how many records services have still to read, at most up to `ends`; 1 if the broker is away."""
        try:
            return sum(count for service, count in self._lag.measure(ends).items() if service in services)
        except Retryable:
            return 1

    def all_alive(self) -> bool:
        """Return whether every process runs."""
        expected = {*self.stack.state.operations, *STORES}
        processes = self.stack.state.processes
        return all(name in processes and processes[name].alive for name in expected)

    def recovered(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Return whether every process runs and is ready, and everything up to `ends` has been processed."""
        return self.all_alive() and not self.readiness.not_ready() and not self.unread(ends)

    def check(self) -> tuple[int, list[str]]:
        """Pause load and deadlines, and run the checker until it finds nothing wrong or its time is over.

        Returns:
            the number of lost messages, and what is wrong.

        """
        until = time.monotonic() + CHECKED_WITHIN
        with self.load.paused():
            while True:
                with self.frozen(*self.stack.replicas(*drain.TIME_DRIVEN)):
                    # Frozen services read nothing; what they had sent is decided before anything is checked.
                    self.wait_until(
                        lambda: not self.unread(services=drain.PIPELINE), IDLE_WITHIN, "records are left to be read"
                    )
                    time.sleep(0.5)
                    lost, problems = self._run_checker()
                if not problems or time.monotonic() > until:
                    return lost, problems
                time.sleep(2)

    def _run_checker(self) -> tuple[int, list[str]]:
        due_before = self.clock.now() - self.clock.business_span(DECIDED_WITHIN)
        command = [sys.executable, "-m", "chaos.checker", "--running"]
        command += ["--kafka", self.stack.bootstrap_servers, "--database", self.stack.database_url()]
        command += ["--accepted", str(self.load.accepted), "--received", str(self.stack.folder.received)]
        command += ["--due-before", due_before.isoformat()]
        completed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
        if not completed.stdout:
            return 0, [f"the checker failed: {completed.stderr.strip().splitlines()[-1:]}"]
        found = json.loads(completed.stdout)
        return found["lost"], found["problems"]


def _with_children(process: psutil.Process) -> Sequence[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _signal_all(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


@contextmanager
def running_rig(data: Path, seed: int) -> Iterator[DeliveryRig]:
    """Run the system under its load while the block runs.

    Args:
        data: an empty data folder.
        seed: of the load.

    """
    with ExitStack() as cleanup:
        stacks: list[Stack] = []

        def pids() -> dict[str, int]:
            return {name: process.pid for name, process in stacks[0].state.processes.items()} if stacks else {}

        def port(name: str) -> Callable[[], int]:
            return lambda: json.loads((data / "run" / "state.json").read_text(encoding="utf-8"))["ports"][name]

        kafka = cleanup.enter_context(StoreProxy(port("kafka"), pids))
        postgres = cleanup.enter_context(StoreProxy(port("postgres"), pids))
        # A session of six seconds, so that a frozen process loses its partitions within a short fault.
        cleanup.enter_context(patch.dict(os.environ, {"DUBAN_TUNE_KAFKA_SESSION_TIMEOUT_MS": "6000"}))
        options = StackOptions(
            data=data,
            scale=SCALE,
            origin=ORIGIN,
            replicas=REPLICAS,
            stop_with_parent=True,
            http_port=free_port(),
            kafka_proxy=kafka.port,
            postgres_proxy=postgres.port,
        )
        stack = cleanup.enter_context(Stack.start(options))
        stacks.append(stack)
        local_sender.wait_for_key(stack.intake_url, local_sender.ensure(stack))
        rig = DeliveryRig(stack, kafka, postgres, seed)
        cleanup.callback(rig.close)
        # Until every door has read the keys of all senders.
        time.sleep(KEYS_READ_WITHIN)
        rig.readiness.start()
        rig.load.start()
        yield rig
