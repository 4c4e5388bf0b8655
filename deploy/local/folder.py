"""The data folder: what lies where, who runs on it, and the passwords that belong to it."""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from deploy.local.errors import LocalError
from deploy.local.process import OwnedProcess

FREE = 700 * 1024 * 1024
"""Bytes that have to be free before anything is started: one log segment, the WAL, and room to work."""


class StackState(BaseModel):
    """What a supervisor says of itself and its processes; written whole, read by everybody."""

    supervisor: OwnedProcess
    phase: str = "starting"
    """starting, ready, failed or stopping."""
    problem: str = ""
    scale: float = 1.0
    bootstrap_servers: str = ""
    database_port: int = 0
    database_host: str = "127.0.0.1"
    ports: dict[str, int] = Field(default_factory=dict)
    """HTTP ports by name: intake, smtp, sms."""
    processes: dict[str, OwnedProcess] = Field(default_factory=dict)
    restarts: dict[str, int] = Field(default_factory=dict)
    operations: dict[str, int] = Field(default_factory=dict)


@dataclass(frozen=True)
class DataFolder:
    """One data folder."""

    root: Path

    @property
    def kafka(self) -> Path:
        """Where the broker keeps its log."""
        return self.root / "kafka"

    @property
    def postgres(self) -> Path:
        """Where the database keeps its cluster."""
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        """One file of output for each process."""
        return self.root / "logs"

    @property
    def faults(self) -> Path:
        """Where a fault test arms crash points."""
        return self.root / "faults"

    @property
    def held(self) -> Path:
        """A file named as a process keeps that process stopped."""
        return self.root / "run" / "held"

    @property
    def attachments(self) -> Path:
        """What customers attached."""
        return self.root / "attachments"

    @property
    def mail(self) -> Path:
        """What the receivers of mail and SMS got."""
        return self.root / "received"

    @property
    def state_file(self) -> Path:
        """What the supervisor says."""
        return self.root / "run" / "state.json"

    def make(self) -> None:
        """Create what is missing.

        Raises:
            LocalError: no right to write there, or no room.

        """
        try:
            for each in (self.root, self.logs, self.faults, self.held, self.mail, self.state_file.parent):
                each.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise LocalError(f"{self.root} cannot be written ({error.strerror}): choose another with --data") from error
        free = shutil.disk_usage(self.root).free
        if free < FREE:
            raise LocalError(
                f"only {free // 2**20} MB are free below {self.root}, {FREE // 2**20} MB are needed: "
                "make room, or choose another folder with --data"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Own the folder while the block runs.

        Raises:
            LocalError: another supervisor owns it.

        """
        with (self.root / "run" / "lock").open("a+", encoding="utf-8") as lock:
            try:
                # The kernel gives the lock back however its owner dies, so a stale one cannot be.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                owner = lock.read().strip() or "unknown"
                raise LocalError(
                    f"{self.root} is in use by process {owner}: `duban down` stops it, "
                    "or choose another folder with --data"
                ) from error
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def read(self) -> StackState | None:
        """Return what the last supervisor said, if anything readable."""
        try:
            return StackState.model_validate_json(self.state_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, state: StackState) -> None:
        """Replace what is said, as a whole."""
        new = self.state_file.with_suffix(".new")
        new.write_text(state.model_dump_json(indent=1), encoding="utf-8")
        new.replace(self.state_file)

    def secret(self, name: str) -> str:
        """Return a password or key of this folder, made when first asked for; its owner alone may read it."""
        path = self.root / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            new = path.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(known, file)
            new.replace(path)
        return known[name]
