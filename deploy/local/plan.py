"""Command lines and environments of the services and test receivers of a local system."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.folder import DataFolder
from deploy.local.postgres import DATABASE, OWNER
from deploy.local.process import module_command, module_path
from services.shared.runtime import package_data

SERVICES = ("intake", "router", "ledger", "sla_monitor", "hot_issues", "callback", "notifier")
RECEIVERS = ("smtp", "sms")
MAX_REPLICAS = 99
ROLES = (OWNER, *(f"duban_{name}" for name in SERVICES))


@dataclass(frozen=True)
class StackOptions:
    """Options of a local system, as `duban up` takes them.

    Attributes:
        data: the data folder.
        scale: seconds of policy time in a real second.
        origin: policy time at the first start, ISO 8601 with an offset; empty: real time.
        services: names of the services to run.
        replicas: number of processes of each service that has more than one.
        http_port: port of intake; 0: 8080, or a free one if that is taken.
        stop_with_parent: stop everything when the process that started the system ends.
        kafka_proxy, postgres_proxy: port on loopback of a proxy by which services reach the embedded store; 0: none.
        kafka: bootstrap servers of an external broker; empty: start the embedded one.
        postgres: superuser's URL of an external server; empty: start the embedded one.
        environment: name of the deployment's environment, such as local or test.

    """

    data: Path
    scale: float = 1.0
    origin: str = ""
    services: tuple[str, ...] = SERVICES
    replicas: Mapping[str, int] = field(default_factory=dict)
    http_port: int = 0
    stop_with_parent: bool = False
    kafka_proxy: int = 0
    postgres_proxy: int = 0
    kafka: str = ""
    postgres: str = ""
    environment: str = "local"

    def arguments(self) -> list[str]:
        """Return these options as arguments of the supervisor's command line."""
        arguments = [
            f"--data={self.data}",
            f"--scale={self.scale:g}",
            f"--origin={self.origin}",
            f"--services={','.join(self.services)}",
            f"--replicas={','.join(f'{service}={count}' for service, count in self.replicas.items())}",
            f"--http-port={self.http_port}",
            f"--kafka-proxy={self.kafka_proxy}",
            f"--postgres-proxy={self.postgres_proxy}",
            f"--kafka={self.kafka}",
            f"--postgres={self.postgres}",
            f"--environment={self.environment}",
        ]
        return [*arguments, "--stop-with-parent"] if self.stop_with_parent else arguments

    @property
    def processes(self) -> tuple[str, ...]:
        """Names of the services' processes: a service's first has its name, further ones `<service>-2` and so on."""
        return tuple(
            replica_name(service, number)
            for service in self.services
            for number in range(1, self.replicas.get(service, 1) + 1)
        )


def replica_name(service: str, number: int) -> str:
    """Return the name of a service's process, counted from 1."""
    return service if number == 1 else f"{service}-{number}"


def service_of(process: str) -> str:
    """Return the service that a process belongs to."""
    return process.partition("-")[0]


def parse_replicas(text: str) -> dict[str, int]:
    """Parse numbers of processes by service, such as `ledger=3,router=2`; empty: one of each.

    Raises:
        LocalError: a service does not exist, or its number is not from 1 to 99.

    """
    return dict(_parse_replica_count(part.strip()) for part in text.split(",") if part.strip())


def _parse_replica_count(part: str) -> tuple[str, int]:
    service, _, count = part.partition("=")
    if service not in SERVICES:
        raise LocalError(f"--replicas: there is no service {service!r}: choose from {', '.join(SERVICES)}")
    if not count.isdecimal() or not 1 <= int(count) <= MAX_REPLICAS:
        raise LocalError(f"--replicas: write {service}=2 to run two of it, at most {MAX_REPLICAS}, not {part!r}")
    return service, int(count)


@dataclass
class Endpoints:
    """Addresses of a system's processes.

    Attributes:
        bootstrap_servers: address of the broker.
        database_host, database_port: address of the database.
        ports: other ports by name: intake, mail, smtp, sms, and those of intake's further processes.
        operations: ports of the services' health pages, by process.

    """

    bootstrap_servers: str
    database_host: str
    database_port: int
    ports: dict[str, int] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)


def database_url(folder: DataFolder, endpoints: Endpoints, role: str) -> str:
    """Return the URL by which a role connects to Duban's database."""
    return f"postgresql://{role}:{folder.secret(role)}@{endpoints.database_host}:{endpoints.database_port}/{DATABASE}"


def mail_port_name(intake: str) -> str:
    """Return under which name the port of the SMTP door of a process of intake is kept."""
    return intake.replace("intake", "mail", 1)


def service_environment(process: str, folder: DataFolder, endpoints: Endpoints, environment: str) -> dict[str, str]:
    """Return the environment variables of a service's process.

    These are the caller's variables without its DUBAN_ settings, the settings of this system, and each DUBAN_TUNE_X of
    the caller as DUBAN_X.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUBAN_")}
    tuned = {name: value for name, value in os.environ.items() if name.startswith("DUBAN_TUNE_")}
    return inherited | {
        **module_path(),
        "PYTHONUNBUFFERED": "1",
        "DUBAN_ENVIRONMENT": environment,
        "DUBAN_INSTANCE": process,
        "DUBAN_KAFKA_BOOTSTRAP_SERVERS": endpoints.bootstrap_servers,
        "DUBAN_DATABASE_URL": database_url(folder, endpoints, f"duban_{service_of(process)}"),
        "DUBAN_OPERATIONS_PORT": str(endpoints.operations.get(process, 0)),
        "DUBAN_HTTP_PORT": str(endpoints.ports.get(process, 0)),
        "DUBAN_POLICIES": str(package_data.policies().resolve()),
        "DUBAN_ATTACHMENTS": str(folder.attachments),
        "DUBAN_MAIL_PORT": str(endpoints.ports.get(mail_port_name(process), 0)),
        "DUBAN_FAULTS": str(folder.crash_points),
        "DUBAN_SMTP_HOST": "127.0.0.1",
        "DUBAN_SMTP_PORT": str(endpoints.ports.get("smtp", 0)),
        "DUBAN_SMS_URL": f"http://127.0.0.1:{endpoints.ports.get('sms', 0)}/messages",
        "DUBAN_PUBLIC_URL": f"http://127.0.0.1:{endpoints.ports.get('intake', 0)}",
        "DUBAN_CONTACT_KEY_SECRET": folder.secret("contact_key"),
        **{name.replace("DUBAN_TUNE_", "DUBAN_", 1): value for name, value in tuned.items()},
    }


def service_command(service: str) -> list[str]:
    """Return the command line of a service."""
    return module_command(f"services.{service}")


def receiver_command(receiver: str, folder: DataFolder, port: int) -> list[str]:
    """Return the command line of a test receiver of mail or SMS."""
    return module_command(f"deploy.receivers.{receiver}", str(port), str(folder.received / f"{receiver}.jsonl"))
