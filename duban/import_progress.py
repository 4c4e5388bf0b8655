"""Remembers how far an import got, so that the same import continues there and any other starts anew."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from duban.import_account import ImportAccount


@dataclass(frozen=True, slots=True)
class ImportIdentity:
    """What makes two runs the same import; after a run with another server or channel, nothing may be skipped.

    Attributes:
        sha256: digest of the file's content.
        channel: the channel.
        settings: settings of the channel.
        server: address of intake.

    """

    sha256: str
    channel: str
    settings: Mapping[str, str]
    server: str

    @classmethod
    def of(cls, file: Path, channel: str, settings: Mapping[str, str], server: str) -> "ImportIdentity":
        """Return the identity of the import of a file.

        Raises:
            OSError: the file cannot be read.

        """
        with file.open("rb") as content:
            return cls(hashlib.file_digest(content, "sha256").hexdigest(), channel, dict(settings), server)


@dataclass(slots=True)
class SavedProgress:
    """The progress of an interrupted import.

    Attributes:
        parts: parts of the file that earlier runs have dealt with.
        account: what became of them.

    """

    parts: int = 0
    account: ImportAccount = field(default_factory=ImportAccount)


class ProgressFile:
    """The file beside the imported one that holds the progress while the import is not complete."""

    def __init__(self, file: Path, identity: ImportIdentity) -> None:
        self._path = file.with_name(file.name + ".progress")
        self._import = {
            "sha256": identity.sha256,
            "channel": identity.channel,
            "settings": dict(identity.settings),
            "server": identity.server,
        }

    def load(self) -> SavedProgress:
        """Return the progress of the same import; none when there was another, or what is saved cannot be read."""
        try:
            saved = json.loads(self._path.read_text(encoding="utf-8"))
            if saved["import"] != self._import:
                return SavedProgress()
            return SavedProgress(int(saved["parts"]), ImportAccount.from_json(saved["sheets"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return SavedProgress()

    def save(self, progress: SavedProgress) -> None:
        """Save the progress atomically, so that a crash leaves the old file or the new one."""
        new = self._path.with_name(self._path.name + ".new")
        document = {"import": self._import, "parts": progress.parts, "sheets": progress.account.to_json()}
        new.write_text(json.dumps(document), encoding="utf-8")
        new.replace(self._path)

    def remove(self) -> None:
        """Remove it: the import is complete."""
        self._path.unlink(missing_ok=True)
