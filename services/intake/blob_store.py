"""Where attachments are kept: bytes by name, in a folder of this host or in an object store that all hosts share."""

import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

from services.shared.runtime.errors import ConfigurationError, Retryable

CONNECT_TIMEOUT, READ_TIMEOUT = 2.0, 5.0
"""Seconds to wait for the object store; a door answers 503 when it takes longer."""
ATTEMPTS = 2
NOT_FOUND = frozenset({"NoSuchKey", "404"})


class BlobStore(Protocol):
    """Keeps bytes durably under names; a name is a relative path of safe characters."""

    def put(self, name: str, content: bytes) -> None:
        """Store content durably; what was there under this name is replaced.

        Raises:
            Retryable: it cannot be stored now.

        """
        ...

    def get(self, name: str) -> bytes | None:
        """Return the content, None when there is nothing under this name.

        Raises:
            Retryable: the store cannot be read now.

        """
        ...


class FolderStore:
    """Keeps bytes in files, for a single host or a file system that all hosts share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Store content durably; see `BlobStore`."""
        path = self._folder / name
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

    def get(self, name: str) -> bytes | None:
        """Return the content, None when there is none; see `BlobStore`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Retryable(f"the attachment cannot be read ({error.strerror})") from error


class ObjectStore:
    """Keeps bytes in a bucket of a store that speaks S3; credentials come from the client's usual places.

    Args:
        bucket: which exists already.
        endpoint: URL of the store; None: Amazon's own.

    Raises:
        ConfigurationError: the client is not installed, or the endpoint is no URL.

    """

    def __init__(self, bucket: str, endpoint: str | None) -> None:
        try:
            import boto3  # noqa: PLC0415 - only this store needs it
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError as error:
            raise ConfigurationError("DUBAN_ATTACHMENTS_BUCKET needs boto3: run `pip install duban[s3]`") from error
        self._bucket = bucket
        self._unavailable, self._refused = BotoCoreError, ClientError
        options = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            # Other stores than Amazon's know neither its newer checksums nor a host name for each bucket.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if endpoint is not None else "auto"},
        )
        try:
            self._client: Any = boto3.client("s3", endpoint_url=endpoint, config=options)
        except (ValueError, BotoCoreError) as error:
            raise ConfigurationError(f"DUBAN_ATTACHMENTS_ENDPOINT, or the client's own settings: {error}") from error

    def put(self, name: str, content: bytes) -> None:
        """Store content durably; see `BlobStore`."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=name, Body=content)
        except (self._unavailable, self._refused) as error:
            raise Retryable(f"the attachment cannot be stored ({_reason(error)})") from error

    def get(self, name: str) -> bytes | None:
        """Return the content, None when there is none; see `BlobStore`."""
        try:
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        except self._refused as error:
            if _reason(error) in NOT_FOUND:
                return None
            raise Retryable(f"the attachment cannot be read ({_reason(error)})") from error
        except self._unavailable as error:
            raise Retryable(f"the attachment cannot be read ({_reason(error)})") from error
        return content


def _reason(error: Exception) -> str:
    """Return the store's code, or the type of the error, but never its text, which may hold names."""
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
