"""What runs: every service and receiver, its command line and its environment."""

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
    """What `duban up` was asked for.

    Attributes:
        data: the data folder.
        scale: seconds of policy time in one second.
        origin: policy time at the first start, ISO 8601 with an offset; empty: real time.
        services: which services to run.
        http_port: port of intake; 0: 8080 or any free one.
        tied: end when standard input ends.
        kafka: bootstrap servers of a broker that runs elsewhere; empty: the embedded one.
        postgres: URL of a superuser of a server that runs elsewhere; empty: the embedded one.
        environment: what the deployment says it is.

    """

    data: Path
    scale: float = 1.0
    origin: str = ""
    services: tuple[str, ...] = SERVICES
    http_port: int = 0
    tied: bool = False
    kafka: str = ""
    postgres: str = ""
    environment: str = "local"

    def arguments(self) -> list[str]:
        """Return the command line that gives a supervisor these options."""
        told = [
            f"--data={self.data}",
            f"--scale={self.scale:g}",
            f"--origin={self.origin}",
            f"--services={','.join(self.services)}",
            f"--http-port={self.http_port}",
            f"--kafka={self.kafka}",
            f"--postgres={self.postgres}",
            f"--environment={self.environment}",
        ]
        return [*told, "--tied"] if self.tied else told


@dataclass
class Endpoints:
    """Where everything listens."""

    bootstrap_servers: str
    database_host: str
    database_port: int
    ports: dict[str, int] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)


def database_url(folder: DataFolder, places: Endpoints, role: str) -> str:
    """Return how a role reaches Duban's database."""
    return f"postgresql://{role}:{folder.secret(role)}@{places.database_host}:{places.database_port}/{DATABASE}"


def service_environment(service: str, folder: DataFolder, places: Endpoints, environment: str) -> dict[str, str]:
    """Return the environment of a service: what the caller's has, without a stray DUBAN_ setting, and ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DUBAN_")}
    tuned = {name: value for name, value in os.environ.items() if name.startswith("DUBAN_TUNE_")}
    return kept | {
        **module_path(),
        "PYTHONUNBUFFERED": "1",
        "DUBAN_ENVIRONMENT": environment,
        "DUBAN_INSTANCE": f"{service}-0",
        "DUBAN_KAFKA_BOOTSTRAP_SERVERS": places.bootstrap_servers,
        "DUBAN_DATABASE_URL": database_url(folder, places, f"duban_{service}"),
        "DUBAN_OPERATIONS_PORT": str(places.operations.get(service, 0)),
        "DUBAN_HTTP_PORT": str(places.ports.get("intake", 0)),
        "DUBAN_POLICIES": str(package_data.policies().resolve()),
        "DUBAN_ATTACHMENTS": str(folder.attachments),
        "DUBAN_MAIL_PORT": str(places.ports.get("mail", 0)),
        "DUBAN_FAULTS": str(folder.faults),
        "DUBAN_SMTP_HOST": "127.0.0.1",
        "DUBAN_SMTP_PORT": str(places.ports.get("smtp", 0)),
        "DUBAN_SMS_URL": f"http://127.0.0.1:{places.ports.get('sms', 0)}/messages",
        "DUBAN_PUBLIC_URL": f"http://127.0.0.1:{places.ports.get('intake', 0)}",
        "DUBAN_CONTACT_KEY_SECRET": folder.secret("contact_key"),
        **{name.replace("DUBAN_TUNE_", "DUBAN_", 1): value for name, value in tuned.items()},
    }


def service_command(service: str) -> list[str]:
    """Return the command line of a service."""
    return module_command(f"services.{service}")


def receiver_command(receiver: str, folder: DataFolder, port: int) -> list[str]:
    """Return the command line of a receiver of mail or SMS."""
    return module_command(f"deploy.receivers.{receiver}", str(port), str(folder.mail / f"{receiver}.jsonl"))
