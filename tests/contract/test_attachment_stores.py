"""Attachments behave alike in a folder and in an object store that speaks S3 (moto's, on loopback)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.intake.attachments import SCHEME, AttachmentStore
from services.intake.blob_store import BlobStore, FolderStore, ObjectStore
from services.intake.settings import IntakeSettings
from services.shared.runtime.errors import Retryable

boto3 = pytest.importorskip("boto3", reason="needs duban[s3]")
moto_server = pytest.importorskip("moto.server", reason="needs moto and flask")

BUCKET = "attachments"
NOBODY = "http://127.0.0.1:9"
"""Where nothing listens."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run an object store with a bucket and yield its URL."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
        try:
            yield url
        finally:
            server.stop()


@pytest.fixture(params=["folder", "object store"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, endpoint: str) -> BlobStore:
    return FolderStore(tmp_path) if request.param == "folder" else ObjectStore(BUCKET, endpoint)


@pytest.mark.requirement("R2.2")
def test_what_was_stored_is_found_by_its_reference_and_by_the_name_of_its_owner(blobs: BlobStore) -> None:
    store = AttachmentStore(blobs)
    reference = store.put_named(["mailroom", "channel:letter_fax"], "../s.tif", b"scan")
    assert reference.startswith(SCHEME)
    assert store.get(reference) == b"scan"
    assert store.get_named("mailroom", "../s.tif") == store.get_named("channel:letter_fax", "../s.tif") == b"scan"
    assert store.get_named("another", "../s.tif") is None
    store.put_named(["mailroom"], "../s.tif", b"another scan")
    assert store.get_named("mailroom", "../s.tif") == b"another scan"
    assert store.get_named("channel:letter_fax", "../s.tif") == b"scan"
    store.put(reference, b"scan")
    assert store.get(reference) == b"scan"
    assert store.get(f"{SCHEME}{'0' * 64}") is None


@pytest.mark.requirement("R2.2")
def test_a_store_that_cannot_be_used_now_is_tried_again_later(endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for unusable in (
        ObjectStore(BUCKET, NOBODY),
        ObjectStore("no-such-bucket", endpoint),
        FolderStore(tmp_path / "file"),
    ):
        with pytest.raises(Retryable, match="cannot be stored"):
            unusable.put("sha256/00/00", b"scan")
        with pytest.raises(Retryable, match="cannot be read"):
            unusable.get("sha256/00/00")


def test_settings_choose_the_object_store_by_its_bucket(endpoint: str, tmp_path: Path) -> None:
    shared = IntakeSettings(attachments=tmp_path, attachments_bucket=BUCKET, attachments_endpoint=endpoint)
    reference = AttachmentStore.from_settings(shared).put_named(["halls"], "form", b"form")
    assert AttachmentStore.from_settings(shared).get(reference) == b"form", "another host finds it"
    assert AttachmentStore.from_settings(IntakeSettings(attachments=tmp_path)).get(reference) is None
