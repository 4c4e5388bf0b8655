"""Stores attachments durably and before their message is acknowledged (DESIGN 1)."""

import hashlib
from collections.abc import Iterable

from services.intake.blob_store import BlobStore, FolderStore, ObjectStore
from services.intake.settings import IntakeSettings

MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024
"""Bytes of one attachment."""
SCHEME = "sha256:"
"""Prefix of a reference; the hexadecimal digest of the content follows."""


class AttachmentStore:
    """Stores attachments under the digest of their content, and optionally under a name that their owner chose."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    @classmethod
    def from_settings(cls, settings: IntakeSettings) -> "AttachmentStore":
        """Return the store that the settings name.

        Raises:
            ConfigurationError: the object store's client is missing, or cannot use its settings.

        """
        if settings.attachments_bucket:
            return cls(ObjectStore(settings.attachments_bucket, settings.attachments_endpoint))
        return cls(FolderStore(settings.attachments))

    def put(self, reference: str, content: bytes) -> None:
        """Store content under its reference; the same content is stored once.

        Raises:
            Retryable: it cannot be stored now.

        """
        self._blobs.put(_content_name(reference), content)

    def get(self, reference: str) -> bytes | None:
        """Return the content of a reference, None when it is not stored.

        Raises:
            Retryable: the store cannot be read now.

        """
        return self._blobs.get(_content_name(reference))

    def put_named(self, owners: Iterable[str], name: str, content: bytes) -> str:
        """Store content under a name for each owner, a sender or a channel, and return its reference.

        Raises:
            Retryable: it cannot be stored now.

        """
        reference = f"{SCHEME}{hashlib.sha256(content).hexdigest()}"
        self.put(reference, content)
        for owner in owners:
            self._blobs.put(_owned_name(owner, name), reference.encode())
        return reference

    def get_named(self, owner: str, name: str) -> bytes | None:
        """Return what an owner stored under a name, None when there is nothing.

        Raises:
            Retryable: the store cannot be read now.

        """
        reference = self._blobs.get(_owned_name(owner, name))
        return self.get(reference.decode()) if reference is not None else None


def _content_name(reference: str) -> str:
    digest = reference.removeprefix(SCHEME)
    return f"sha256/{digest[:2]}/{digest}"


def _owned_name(owner: str, name: str) -> str:
    # Names are untrusted: only their digest becomes a path.
    digest = hashlib.sha256(f"{len(owner)}:{owner}/{name}".encode()).hexdigest()
    return f"named/{digest[:2]}/{digest}"
