"""The data folder of a local system: its layout, its lock, the supervisor's state file and generated passwords."""

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

MIN_FREE = 700 * 1024 * 1024
"""Free bytes required to start: one Kafka log segment, the WAL, and some room."""


class StackState(BaseModel):
    """State of a supervisor and its processes, as written to run/state.json.

    Attributes:
        supervisor: the supervisor's own process.
        phase: starting, ready, failed or stopping.
        problem: why it failed; empty in any other phase.
        scale: seconds of policy time in a real second.
        bootstrap_servers: address of the broker.
        database_port, database_host: address of the database.
        ports: ports by name: intake, mail, smtp, sms, kafka, controller, postgres, and intake's further processes.
        processes: running processes by name.
        restarts: how often each process was restarted, by name.
        operations: ports of the services' health pages, by name.

    """

    supervisor: OwnedProcess
    phase: str = "starting"
    problem: str = ""
    scale: float = 1.0
    bootstrap_servers: str = ""
    database_port: int = 0
    database_host: str = "127.0.0.1"
    ports: dict[str, int] = Field(default_factory=dict)
    processes: dict[str, OwnedProcess] = Field(default_factory=dict)
    restarts: dict[str, int] = Field(default_factory=dict)
    operations: dict[str, int] = Field(default_factory=dict)


@dataclass(frozen=True)
class DataFolder:
    """One data folder; its properties are the paths of files and subfolders."""

    root: Path

    @property
    def kafka(self) -> Path:
        """Folder of the broker's log."""
        return self.root / "kafka"

    @property
    def postgres(self) -> Path:
        """Folder of the database cluster."""
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        """Folder with one log file for each process."""
        return self.root / "logs"

    @property
    def crash_points(self) -> Path:
        """Folder in which fault tests arm crash points, one file for each service."""
        return self.root / "faults"

    @property
    def held(self) -> Path:
        """Folder of holds: a file named after a process keeps that process stopped."""
        return self.root / "run" / "held"

    @property
    def unwatched(self) -> Path:
        """File that keeps the supervisor from ending processes that are stuck, for tests that freeze them."""
        return self.root / "run" / "unwatched"

    @property
    def attachments(self) -> Path:
        """Folder of attachments."""
        return self.root / "attachments"

    @property
    def received(self) -> Path:
        """Folder of the messages that the test receivers of mail, SMS and webhooks accepted."""
        return self.root / "received"

    @property
    def state_file(self) -> Path:
        """File with the supervisor's `StackState`."""
        return self.root / "run" / "state.json"

    def create(self) -> None:
        """Create missing folders.

        Raises:
            LocalError: the folder cannot be written, or the disk is nearly full.

        """
        try:
            for folder in (self.root, self.logs, self.crash_points, self.held, self.received, self.state_file.parent):
                folder.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise LocalError(f"{self.root} cannot be written ({error.strerror}): choose another with --data") from error
        free = shutil.disk_usage(self.root).free
        if free < MIN_FREE:
            raise LocalError(
                f"only {free // 2**20} MB are free below {self.root}, {MIN_FREE // 2**20} MB are needed: "
                "free some space, or choose another folder with --data"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock while the block runs.

        Raises:
            LocalError: another supervisor holds it.

        """
        with (self.root / "run" / "lock").open("a+", encoding="utf-8") as lock:
            try:
                # The kernel releases the lock however its owner ends, so there are no stale locks.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                owner = lock.read().strip() or "unknown"
                raise LocalError(
                    f"{self.root} is in use by process {owner}: stop it with `duban down`, "
                    "or choose another folder with --data"
                ) from error
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def read_state(self) -> StackState | None:
        """Return the state that the last supervisor wrote; None if there is none or it is unreadable."""
        try:
            return StackState.model_validate_json(self.state_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write_state(self, state: StackState) -> None:
        """Replace the state file atomically."""
        new = self.state_file.with_suffix(".new")
        new.write_text(state.model_dump_json(indent=1), encoding="utf-8")
        new.replace(self.state_file)

    def secret(self, name: str) -> str:
        """Return a password or key of this folder, generated on first use; only the file's owner may read it."""
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
