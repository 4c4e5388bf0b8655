"""Command lines and environments of the services and test receivers of a local system."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.folder import DataFolder
from deploy.local.postgres import DATABASE, OWNER
from deploy.local.process import module_command, module_path
from services.shared.runtime import package_data

SERVICES = ("intake", "router", "ledger", "sla_monitor", "hot_issues", "callback", "notifier")
RECEIVERS = ("smtp", "sms")
ROLES = (OWNER, *(f"duban_{name}" for name in SERVICES))


@dataclass(frozen=True)
class StackOptions:
    """Options of a local system, as `duban up` takes them.

    Attributes:
        data: the data folder.
        scale: seconds of policy time in a real second.
        origin: policy time at the first start, ISO 8601 with an offset; empty: real time.
        services: names of the services to run.
        http_port: port of intake; 0: 8080, or a free one if that is taken.
        stop_with_parent: stop everything when the process that started the system ends.
        kafka: bootstrap servers of an external broker; empty: start the embedded one.
        postgres: superuser's URL of an external server; empty: start the embedded one.
        environment: name of the deployment's environment, such as local or test.

    """

    data: Path
    scale: float = 1.0
    origin: str = ""
    services: tuple[str, ...] = SERVICES
    http_port: int = 0
    stop_with_parent: bool = False
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
            f"--http-port={self.http_port}",
            f"--kafka={self.kafka}",
            f"--postgres={self.postgres}",
            f"--environment={self.environment}",
        ]
        return [*arguments, "--stop-with-parent"] if self.stop_with_parent else arguments


@dataclass
class Endpoints:
    """Addresses of a system's processes.

    Attributes:
        bootstrap_servers: address of the broker.
        database_host, database_port: address of the database.
        ports: other ports by name: intake, mail, smtp, sms.
        operations: ports of the services' health pages, by service.

    """

    bootstrap_servers: str
    database_host: str
    database_port: int
    ports: dict[str, int] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)


def database_url(folder: DataFolder, endpoints: Endpoints, role: str) -> str:
    """Return the URL by which a role connects to Duban's database."""
    return f"postgresql://{role}:{folder.secret(role)}@{endpoints.database_host}:{endpoints.database_port}/{DATABASE}"


def service_environment(service: str, folder: DataFolder, endpoints: Endpoints, environment: str) -> dict[str, str]:
    """Return a service's environment variables.

    These are the caller's variables without its DUBAN_ settings, the settings of this system, and each DUBAN_TUNE_X of
    the caller as DUBAN_X.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUBAN_")}
    tuned = {name: value for name, value in os.environ.items() if name.startswith("DUBAN_TUNE_")}
    return inherited | {
        **module_path(),
        "PYTHONUNBUFFERED": "1",
        "DUBAN_ENVIRONMENT": environment,
        "DUBAN_INSTANCE": f"{service}-0",
        "DUBAN_KAFKA_BOOTSTRAP_SERVERS": endpoints.bootstrap_servers,
        "DUBAN_DATABASE_URL": database_url(folder, endpoints, f"duban_{service}"),
        "DUBAN_OPERATIONS_PORT": str(endpoints.operations.get(service, 0)),
        "DUBAN_HTTP_PORT": str(endpoints.ports.get("intake", 0)),
        "DUBAN_POLICIES": str(package_data.policies().resolve()),
        "DUBAN_ATTACHMENTS": str(folder.attachments),
        "DUBAN_MAIL_PORT": str(endpoints.ports.get("mail", 0)),
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
