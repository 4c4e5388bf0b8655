"""Connects a command to a system: the one that `DUBAN_*` settings name, else the one on the data folder."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import httpx
import psycopg
import typer
from pydantic import SecretStr

from deploy.local import Stack
from deploy.local.errors import LocalError
from duban.arguments import login_name
from services.domain.authority.judge import CALLBACK_ROLE
from services.domain.authority.reach import ANY
from services.intake import sender_store
from services.intake.senders import Sender
from services.shared.postgres.database import Database
from services.shared.postgres.timed_connection import CONNECT_OPTIONS
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import DubanError
from services.shared.runtime.settings import KafkaSettings, KeyedSettings

DEFAULT_DATA = Path(".duban")
LOCAL_SENDER = "local"
"""The sender that `duban up` creates, so that its example request works."""
KEY_WITHIN = 30.0
KEY_INTERVAL = 0.2
"""Real seconds within which intake has to serve a new key, and between two tries."""
LOCAL = Sender(
    LOCAL_SENDER,
    ("carrier", ANY),
    (ANY,),
    ("contacts", "commands", "read", "search", "personal", "receipts"),
    (ANY,),
    (CALLBACK_ROLE,),
)
"""It may do everything that a unit may, and stands for every unit: for one machine, not for a deployment."""

Data = Annotated[Path, typer.Option("--data", envvar="DUBAN_DATA", help="the data folder", show_default="./.duban")]


@dataclass(frozen=True)
class SystemConnection:
    """Addresses, key and secret of one system, with the clients made of them."""

    kafka: KafkaSettings
    database_url: SecretStr
    intake_url: str
    key: str
    contact_key_secret: SecretStr

    def connect(self) -> psycopg.Connection:
        """Return a connection to the database.

        Raises:
            DubanError: it cannot be reached.

        """
        try:
            return psycopg.connect(self.database_url.get_secret_value(), **CONNECT_OPTIONS)
        except psycopg.OperationalError as error:
            raise DubanError(
                f"the database cannot be reached ({type(error).__name__}): look at `duban status`"
            ) from error

    def clock(self) -> Clock:
        """Return the system's clock of business time.

        Raises:
            ConfigurationError: the database was not migrated, or its clock is not permitted in production.
            Retryable: the database cannot be reached.

        """
        database = Database(self.database_url, name="duban", size=1)
        try:
            return deployment.load_clock(database, "local")
        finally:
            database.close()

    def http(self) -> httpx.Client:
        """Return an HTTP client of intake that sends the key, and says who is logged in.

        Raises:
            DubanError: there is no key.

        """
        if not self.key:
            raise DubanError("set DUBAN_KEY to a sender's key: `duban sender add` creates one")
        headers = {"Authorization": f"Bearer {self.key}", "X-Actor": quote(login_name())}
        return httpx.Client(base_url=self.intake_url, headers=headers, timeout=60)


def find(data: Path) -> SystemConnection:
    """Return the system that the environment names, else the one on the data folder.

    Raises:
        LocalError: DUBAN_DATABASE_URL is not set, and no system runs on the data folder.

    """
    if "DUBAN_DATABASE_URL" in os.environ:
        settings = KeyedSettings()
        url = os.environ.get("DUBAN_INTAKE_URL", "http://127.0.0.1:8080")
        key = os.environ.get("DUBAN_KEY", "")
        return SystemConnection(settings.kafka, settings.database_url, url, key, settings.contact_key_secret)
    stack = Stack.attach(data)
    return SystemConnection(
        KafkaSettings(bootstrap_servers=stack.bootstrap_servers),
        SecretStr(stack.database_url()),
        stack.intake_url,
        os.environ.get("DUBAN_KEY") or stack.folder.secret(LOCAL_SENDER),
        SecretStr(stack.folder.secret("contact_key")),
    )


def ensure_local_sender(stack: Stack) -> str:
    """Create the local sender, or give it its key again, and return the key."""
    key = stack.folder.secret(LOCAL_SENDER)
    with psycopg.connect(stack.database_url()) as connection:
        sender_store.add(connection, LOCAL, key=key)
    return key


def wait_for_key(url: str, key: str, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Return when intake serves requests with a new key, which it reads every few seconds.

    Args:
        url: base URL of intake.
        key: the key.
        pause: waits some real seconds.

    Raises:
        LocalError: it still does not after KEY_WITHIN.

    """
    answer = ""
    for _ in range(int(KEY_WITHIN / KEY_INTERVAL)):
        try:
            # Asks for a contact that cannot exist, which neither changes nor counts anything.
            response = httpx.get(
                f"{url}/v1/contacts/{UUID(int=0)}", headers={"Authorization": f"Bearer {key}"}, timeout=5
            )
        except httpx.HTTPError as error:
            answer = type(error).__name__
        else:
            if response.status_code == HTTPStatus.NOT_FOUND:
                return
            answer = str(response.status_code)
        pause(KEY_INTERVAL)
    raise LocalError(f"intake does not serve the key of {LOCAL_SENDER!r} ({answer}): look at `duban logs intake`")


def curl(url: str, key: str) -> str:
    """Return a curl command line that sends a first contact."""
    body = (
        '{"channel": "web", "message_id": "first-1", "customer": {"phone": "13800000001", "name": "Li"}, '
        '"text": "宽带断网三天了"}'
    )
    return (
        f"curl -s '{url}/v1/contacts?wait=5' -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' "
        f"-d '{body}'"
    )
