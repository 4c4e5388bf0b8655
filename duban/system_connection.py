"""Connects a command to a system: the one that `DUBAN_*` settings name, else the one on the data folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import httpx
import psycopg
import typer
from pydantic import SecretStr

from deploy.local import Stack
from duban.arguments import login_name
from services.shared.postgres.database import Database
from services.shared.postgres.timed_connection import CONNECT_OPTIONS
from services.shared.runtime import deployment
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import DubanError
from services.shared.runtime.settings import KafkaSettings, KeyedSettings

DEFAULT_DATA = Path(".duban")
LOCAL_SENDER = "local"
"""The sender that `duban up` creates (`duban.local_sender`), so that its example request works."""

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
