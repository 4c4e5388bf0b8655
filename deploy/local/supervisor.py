"""Runs the broker, the database and every service of one data folder: `python -m deploy.local.supervisor`."""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from deploy.local import plan, probes
from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder, StackState
from deploy.local.kafka import Kafka
from deploy.local.plan import Endpoints, StackOptions
from deploy.local.ports import PortChooser, is_listening, port_is_free
from deploy.local.postgres import OWNER, Postgres, ensure_roles
from deploy.local.process import OwnedProcess, stop_process
from deploy.local.process_manager import ManagedProcess, ProcessManager
from services.domain.policy.base import PolicyError
from services.policies.versions import seed
from services.shared.postgres.migrations import migrate
from services.shared.runtime import deployment, package_data
from services.shared.runtime.errors import DubanError
from services.shared.runtime.settings import KafkaSettings

CHECK_EVERY = 0.1
"""Seconds between two checks of the processes."""
READY_WITHIN = 90.0
"""Seconds that each process has to become ready."""
DEFAULT_HTTP_PORT = 8080


class Supervisor:
    """Starts a system, keeps its processes running, and stops them in order."""

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._folder = DataFolder(options.data)
        self._stopping = threading.Event()
        self._state = StackState(supervisor=OwnedProcess.of(os.getpid()), scale=options.scale)
        self._processes = ProcessManager(self._folder, self._state)

    def stop(self, *_: object) -> None:
        """Make `run` stop every process and return; may be called from a signal handler or another thread."""
        self._stopping.set()

    def run(self) -> int:
        """Run until `stop` is called; returns the exit code.

        Raises:
            LocalError: another supervisor uses the folder, or the folder cannot be used.

        """
        self._folder.create()
        with self._folder.locked():
            self._stop_leftovers(self._folder.read_state())
            try:
                self._start_everything()
                self._processes.record_phase("ready")
                while not self._stopping.is_set():
                    self._processes.check()
                    self._stopping.wait(CHECK_EVERY)
            except _StopRequested:
                pass
            except (LocalError, DubanError, PolicyError, OSError, psycopg.Error) as error:
                self._state.problem = str(error).strip().replace("\n", " ")
                self._processes.record_phase("failed")
                print(self._state.problem, flush=True)
                return 1
            finally:
                if self._state.phase != "failed":
                    self._processes.record_phase("stopping")
                self._processes.stop_all()
            self._folder.state_file.unlink(missing_ok=True)
            return 0

    def _stop_leftovers(self, previous: StackState | None) -> None:
        """Stop processes that a killed supervisor left running."""
        for name, process in (previous.processes if previous is not None else {}).items():
            if process.alive:
                self._print(f"{name} (pid {process.pid}) still runs from an earlier start: stopping it")
                stop_process(process, first_signal=signal.SIGINT if name == "postgres" else signal.SIGTERM, timeout=15)

    def _start_everything(self) -> None:
        endpoints = self._choose_endpoints(self._folder.read_state())
        self._state.ports, self._state.operations = endpoints.ports, endpoints.operations
        self._state.bootstrap_servers = endpoints.bootstrap_servers
        self._state.database_host, self._state.database_port = endpoints.database_host, endpoints.database_port
        self._processes.record_phase("starting")
        superuser = self._start_stores(endpoints)
        self._wait_for(lambda: probes.database_accepts_connections(superuser), "PostgreSQL", "postgres")
        ensure_roles(superuser, {role: self._folder.secret(role) for role in plan.ROLES})
        url = plan.database_url(self._folder, endpoints, OWNER)
        migrate(SecretStr(url))
        kafka = KafkaSettings(bootstrap_servers=endpoints.bootstrap_servers)
        self._wait_for(lambda: probes.topics_exist(kafka), "Apache Kafka", "kafka")
        with psycopg.connect(url) as connection:
            seed(connection, package_data.policies())
            deployment.store_clock(
                connection,
                scale=self._options.scale,
                business_origin=datetime.fromisoformat(self._options.origin) if self._options.origin else None,
                environment=self._options.environment,
            )
        self._print("the services are starting")
        self._start_services(endpoints)
        for name in (*plan.RECEIVERS, *self._options.processes):
            self._wait_for(self._processes[name].ready, name, name)

    def _choose_endpoints(self, previous: StackState | None) -> Endpoints:
        """Choose ports, keeping those of the previous start that are still free.

        Raises:
            LocalError: the port that the user asked for is taken.

        """
        options = self._options
        ports = PortChooser(previous)
        if options.http_port and not port_is_free(options.http_port):
            raise LocalError(f"port {options.http_port} is taken by another program: choose another with --port")
        intake = options.http_port or ports.choose("intake", default=DEFAULT_HTTP_PORT)
        ports.reserve(intake)
        doors = [name for name in options.processes if plan.service_of(name) == "intake"]
        named = (*plan.RECEIVERS, *doors[1:], *map(plan.mail_port_name, doors), "kafka", "controller", "postgres")
        chosen = {name: ports.choose(name) for name in named}
        host, database_port = "127.0.0.1", options.postgres_proxy or chosen["postgres"]
        if options.postgres:
            parameters = conninfo_to_dict(options.postgres)
            host, database_port = str(parameters["host"]), int(str(parameters.get("port", 5432)))
        return Endpoints(
            bootstrap_servers=options.kafka or f"127.0.0.1:{options.kafka_proxy or chosen['kafka']}",
            database_host=host,
            database_port=database_port,
            ports=chosen | {"intake": intake},
            operations={name: ports.choose(f"{name}.operations") for name in options.processes},
        )

    def _start_stores(self, endpoints: Endpoints) -> str:
        """Start the database and the broker, unless they are external; returns the superuser's URL."""
        environment = plan.service_environment("ledger", self._folder, endpoints, "local")
        plain_environment = {name: value for name, value in environment.items() if not name.startswith("DUBAN_")}
        superuser = self._options.postgres
        if not superuser:
            postgres = Postgres(self._folder, endpoints.ports["postgres"])
            postgres.prepare(self._print)
            superuser = postgres.superuser_url
            self._processes.add(
                ManagedProcess(
                    "postgres",
                    postgres.command,
                    plain_environment,
                    lambda: is_listening(endpoints.ports["postgres"]),
                    stop_signal=signal.SIGINT,
                    stop_timeout=30,
                )
            )
        if not self._options.kafka:
            ports = endpoints.ports
            kafka = Kafka(self._folder, ports["kafka"], ports["controller"], self._options.kafka_proxy)
            kafka.prepare(self._print)
            self._processes.add(
                ManagedProcess(
                    "kafka",
                    kafka.command,
                    plain_environment,
                    lambda: is_listening(endpoints.ports["kafka"]),
                    stop_timeout=30,
                )
            )
        self._print("PostgreSQL and Apache Kafka are starting")
        return superuser

    def _start_services(self, endpoints: Endpoints) -> None:
        for name in plan.RECEIVERS:
            port = endpoints.ports[name]
            command = plan.receiver_command(name, self._folder, port)
            environment = plan.service_environment(name, self._folder, endpoints, self._options.environment)
            self._processes.add(ManagedProcess(name, command, environment, partial(is_listening, port)))
        for name in self._options.processes:
            environment = plan.service_environment(name, self._folder, endpoints, self._options.environment)
            pages = f"http://127.0.0.1:{endpoints.operations[name]}"
            self._processes.add(
                ManagedProcess(
                    name,
                    plan.service_command(plan.service_of(name)),
                    environment,
                    partial(probes.is_ready, f"{pages}/readyz"),
                    liveness=f"{pages}/livez",
                )
            )
        self._processes.watch_liveness()

    def _wait_for(self, ready: Callable[[], bool], title: str, name: str) -> None:
        until = time.monotonic() + READY_WITHIN
        while not ready():
            if self._stopping.is_set():
                raise _StopRequested
            if time.monotonic() > until:
                raise LocalError(
                    f"{title} did not become ready within {READY_WITHIN:.0f} s: look at `duban logs {name}` "
                    f"({self._folder.logs / name}.log)"
                )
            self._processes.check()
            time.sleep(CHECK_EVERY)

    @staticmethod
    def _print(text: str) -> None:
        print(text, flush=True)


class _StopRequested(Exception):
    """`stop` was called during startup."""


def _options(arguments: list[str] | None = None) -> StackOptions:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--origin", default="")
    parser.add_argument("--services", default=",".join(plan.SERVICES))
    parser.add_argument("--replicas", type=plan.parse_replicas, default={})
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--kafka-proxy", type=int, default=0)
    parser.add_argument("--postgres-proxy", type=int, default=0)
    parser.add_argument("--kafka", default="")
    parser.add_argument("--postgres", default="")
    parser.add_argument("--environment", default="local")
    parser.add_argument("--stop-with-parent", action="store_true")
    options = parser.parse_args(arguments)
    services = tuple(name for name in options.services.split(",") if name)
    return StackOptions(**vars(options) | {"services": services, "data": options.data.resolve()})


def _stop_at_end_of_input(supervisor: Supervisor) -> None:
    """Stop when standard input ends: the parent holds it open, and however the parent ends, the input does too."""
    # os.read: a buffered reader in another thread can abort the interpreter at exit.
    while os.read(0, 1):
        pass
    supervisor.stop()


def main() -> int:
    """Run a supervisor with the options of the command line; returns the exit code."""
    options = _options()
    supervisor = Supervisor(options)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if options.stop_with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=(supervisor,), daemon=True).start()
    try:
        return supervisor.run()
    except LocalError as error:
        print(error, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
