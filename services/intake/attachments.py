"""The store of attachments: a folder, written durably before the message with them is acknowledged (DESIGN 1)."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from services.shared.runtime.errors import Retryable

MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024
"""Bytes of one attachment."""
SCHEME = "sha256:"


class AttachmentStore:
    """Attachments by the digest of their content, and by the name that somebody gave them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, reference: str, content: bytes) -> None:
        """Store content under its reference; the same content twice is one file.

        Raises:
            Retryable: the disk does not take it.

        """
        self._write(self._path(reference), content)

    def get(self, reference: str) -> bytes | None:
        """Return what is stored under a reference, None when there is nothing."""
        return _read(self._path(reference))

    def put_named(self, owners: Iterable[str], name: str, content: bytes) -> str:
        """Store what owners, a sender or a channel, will speak of by name, and return its reference.

        Raises:
            Retryable: the disk does not take it.

        """
        reference = f"{SCHEME}{hashlib.sha256(content).hexdigest()}"
        self.put(reference, content)
        for owner in owners:
            self._write(self._named_path(owner, name), reference.encode())
        return reference

    def get_named(self, owner: str, name: str) -> bytes | None:
        """Return what an owner has under a name, None when it is nothing."""
        reference = _read(self._named_path(owner, name))
        return self.get(reference.decode()) if reference is not None else None

    def _path(self, reference: str) -> Path:
        digest = reference.removeprefix(SCHEME)
        return self._folder / "sha256" / digest[:2] / digest

    def _named_path(self, owner: str, name: str) -> Path:
        # A name is a stranger's word: only its digest becomes a path.
        digest = hashlib.sha256(f"{len(owner)}:{owner}/{name}".encode()).hexdigest()
        return self._folder / "named" / digest[:2] / digest

    def _write(self, place: Path, content: bytes) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(place)
            folder = os.open(place.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise Retryable(f"the store of attachments does not take it ({error.strerror})") from error


def _read(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except OSError:
        return None
