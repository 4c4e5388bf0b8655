"""Keeps the broker, the database and every service of one data folder running: `python -m deploy.local.supervisor`."""

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
from deploy.local.postgres import OWNER, Postgres, ensure_roles
from deploy.local.process import OwnedProcess, accepts, end, free_port, port_is_free
from deploy.local.process_manager import ManagedProcess, ProcessManager
from services.domain.policy.loading import PolicyError
from services.policies.versions import seed
from services.shared.postgres.migrations import migrate
from services.shared.runtime import deployment, package_data
from services.shared.runtime.errors import DubanError
from services.shared.runtime.settings import KafkaSettings

TICK = 0.1
STARTED_WITHIN = 90.0
DEFAULT_HTTP_PORT = 8080


class Supervisor:
    """One data folder's processes."""

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._folder = DataFolder(options.data)
        self._stopping = threading.Event()
        self._state = StackState(supervisor=OwnedProcess.of(os.getpid()), scale=options.scale)
        self._parts = ProcessManager(self._folder, self._state)

    def stop(self, *_: object) -> None:
        """Ask it to stop everything and end."""
        self._stopping.set()

    def run(self) -> int:
        """Run until told to stop; returns the exit code."""
        self._folder.make()
        with self._folder.locked():
            self._reap(self._folder.read())
            try:
                self._bring_up()
                self._parts.note("ready")
                while not self._stopping.is_set():
                    self._parts.watch()
                    self._stopping.wait(TICK)
            except _Stopped:
                pass
            except (LocalError, DubanError, PolicyError, OSError, psycopg.Error) as error:
                self._state.problem = str(error).strip().replace("\n", " ")
                self._parts.note("failed")
                print(self._state.problem, flush=True)
                return 1
            finally:
                if self._state.phase != "failed":
                    self._parts.note("stopping")
                self._parts.bring_down()
            self._folder.state_file.unlink(missing_ok=True)
            return 0

    def _reap(self, before: StackState | None) -> None:
        """End what a supervisor that was killed has left behind."""
        for name, known in (before.processes if before is not None else {}).items():
            if known.alive:
                self._say(f"{name} (pid {known.pid}) is left from an earlier run: stopping it")
                end(known, first=signal.SIGINT if name == "postgres" else signal.SIGTERM, patience=15)

    # ---- up ----

    def _bring_up(self) -> None:
        before = self._folder.read()
        places = self._places(before)
        self._state.ports, self._state.operations = places.ports, places.operations
        self._state.bootstrap_servers = places.bootstrap_servers
        self._state.database_host, self._state.database_port = places.database_host, places.database_port
        self._parts.note("starting")
        superuser = self._start_stores(places)
        self._until(lambda: probes.answers(superuser), "PostgreSQL", "postgres")
        ensure_roles(superuser, {role: self._folder.secret(role) for role in plan.ROLES})
        url = plan.database_url(self._folder, places, OWNER)
        migrate(SecretStr(url))
        kafka = KafkaSettings(bootstrap_servers=places.bootstrap_servers)
        self._until(lambda: probes.topics_exist(kafka), "Apache Kafka", "kafka")
        with psycopg.connect(url) as connection:
            seed(connection, package_data.policies())
            deployment.fix(
                connection,
                scale=self._options.scale,
                business_origin=datetime.fromisoformat(self._options.origin) if self._options.origin else None,
                environment=self._options.environment,
            )
        self._say("the services are starting")
        self._start_programs(places)
        for name in (*plan.RECEIVERS, *self._options.services):
            self._until(self._parts[name].ready, name, name)

    def _places(self, before: StackState | None) -> Endpoints:
        options = self._options
        taken: dict[str, int] = {}
        if before is not None:
            taken = {**before.ports, **{f"{name}.operations": port for name, port in before.operations.items()}}

        chosen: set[int] = set(taken.values())

        def port(name: str) -> int:
            kept = taken.get(name, 0)
            if not kept or not port_is_free(kept):
                kept = free_port(chosen)
                chosen.add(kept)
            return kept

        wanted = options.http_port
        if wanted and not port_is_free(wanted):
            raise LocalError(f"port {wanted} is taken by another program: choose another with --port")
        intake = wanted or (DEFAULT_HTTP_PORT if port_is_free(DEFAULT_HTTP_PORT) else port("intake"))
        chosen.add(intake)
        ports = {name: port(name) for name in (*plan.RECEIVERS, "mail", "kafka", "controller", "postgres")} | {
            "intake": intake
        }
        host, database_port = "127.0.0.1", ports["postgres"]
        if options.postgres:
            told = conninfo_to_dict(options.postgres)
            host, database_port = str(told["host"]), int(str(told.get("port", 5432)))
        return Endpoints(
            bootstrap_servers=options.kafka or f"127.0.0.1:{ports['kafka']}",
            database_host=host,
            database_port=database_port,
            ports=ports,
            operations={name: port(f"{name}.operations") for name in options.services},
        )

    def _start_stores(self, places: Endpoints) -> str:
        """Start the database and the broker, unless they run elsewhere; return the superuser's URL."""
        environment = plan.service_environment("ledger", self._folder, places, "local")
        quiet = {name: value for name, value in environment.items() if not name.startswith("DUBAN_")}
        superuser = self._options.postgres
        if not superuser:
            postgres = Postgres(self._folder, places.ports["postgres"])
            postgres.prepare(self._say)
            superuser = postgres.superuser_url
            self._parts.add(
                ManagedProcess(
                    "postgres",
                    postgres.command,
                    quiet,
                    lambda: accepts(places.ports["postgres"]),
                    stop_signal=signal.SIGINT,
                    patience=30,
                )
            )
        if not self._options.kafka:
            kafka = Kafka(self._folder, places.ports["kafka"], places.ports["controller"])
            kafka.prepare(self._say)
            self._parts.add(
                ManagedProcess("kafka", kafka.command, quiet, lambda: accepts(places.ports["kafka"]), patience=30)
            )
        self._say("PostgreSQL and Apache Kafka are starting")
        return superuser

    def _start_programs(self, places: Endpoints) -> None:
        for name in plan.RECEIVERS:
            port = places.ports[name]
            command = plan.receiver_command(name, self._folder, port)
            environment = plan.service_environment(name, self._folder, places, self._options.environment)
            self._parts.add(ManagedProcess(name, command, environment, partial(accepts, port)))
        for name in self._options.services:
            environment = plan.service_environment(name, self._folder, places, self._options.environment)
            page = f"http://127.0.0.1:{places.operations[name]}/readyz"
            self._parts.add(
                ManagedProcess(name, plan.service_command(name), environment, partial(probes.is_ready, page))
            )

    def _until(self, ready: Callable[[], bool], title: str, part: str) -> None:
        until = time.monotonic() + STARTED_WITHIN
        while not ready():
            if self._stopping.is_set():
                raise _Stopped
            if time.monotonic() > until:
                raise LocalError(
                    f"{title} did not get ready within {STARTED_WITHIN:.0f} s: look at `duban logs {part}` "
                    f"({self._folder.logs / part}.log)"
                )
            self._parts.watch()
            time.sleep(TICK)

    @staticmethod
    def _say(text: str) -> None:
        print(text, flush=True)


class _Stopped(Exception):
    """Told to stop while coming up."""


def _options(arguments: list[str] | None = None) -> StackOptions:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--origin", default="")
    parser.add_argument("--services", default=",".join(plan.SERVICES))
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--kafka", default="")
    parser.add_argument("--postgres", default="")
    parser.add_argument("--environment", default="local")
    parser.add_argument("--tied", action="store_true")
    told = parser.parse_args(arguments)
    services = tuple(name for name in told.services.split(",") if name)
    return StackOptions(**vars(told) | {"services": services, "data": told.data.resolve()})


def _end_with_input(supervisor: Supervisor) -> None:
    """Whoever started a tied supervisor holds its standard input open; however that process dies, the input ends."""
    # Unbuffered: a buffered reader in another thread would disturb the end of the interpreter.
    while os.read(0, 1):
        pass
    supervisor.stop()


def main() -> int:
    """Run one supervisor."""
    options = _options()
    supervisor = Supervisor(options)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if options.tied:
        threading.Thread(target=_end_with_input, args=(supervisor,), daemon=True).start()
    try:
        return supervisor.run()
    except LocalError as error:
        print(error, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
