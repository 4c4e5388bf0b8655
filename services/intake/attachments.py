"""Stores attachments in a folder, durably and before their message is acknowledged (DESIGN 1)."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from services.shared.runtime.errors import Retryable

MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024
"""Bytes of one attachment."""
SCHEME = "sha256:"
"""Prefix of a reference; the hexadecimal digest of the content follows."""


class AttachmentStore:
    """Stores attachments under the digest of their content, and optionally under a name that their owner chose."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, reference: str, content: bytes) -> None:
        """Store content under its reference; the same content is stored once.

        Raises:
            Retryable: the disk cannot store it.

        """
        self._write(self._path(reference), content)

    def get(self, reference: str) -> bytes | None:
        """Return the content of a reference, None when it is not stored."""
        return _read(self._path(reference))

    def put_named(self, owners: Iterable[str], name: str, content: bytes) -> str:
        """Store content under a name for each owner, a sender or a channel, and return its reference.

        Raises:
            Retryable: the disk cannot store it.

        """
        reference = f"{SCHEME}{hashlib.sha256(content).hexdigest()}"
        self.put(reference, content)
        for owner in owners:
            self._write(self._named_path(owner, name), reference.encode())
        return reference

    def get_named(self, owner: str, name: str) -> bytes | None:
        """Return what an owner stored under a name, None when there is nothing."""
        reference = _read(self._named_path(owner, name))
        return self.get(reference.decode()) if reference is not None else None

    def _path(self, reference: str) -> Path:
        digest = reference.removeprefix(SCHEME)
        return self._folder / "sha256" / digest[:2] / digest

    def _named_path(self, owner: str, name: str) -> Path:
        # Names are untrusted: only their digest becomes a path.
        digest = hashlib.sha256(f"{len(owner)}:{owner}/{name}".encode()).hexdigest()
        return self._folder / "named" / digest[:2] / digest

    def _write(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise Retryable(f"the attachment cannot be stored ({error.strerror})") from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
