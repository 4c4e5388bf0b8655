"""A failed download of Kafka is an error that says what to do."""

import pytest

from deploy.local import kafka
from deploy.local.errors import LocalError


def test_a_failed_download_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    jgo = pytest.importorskip("jgo")

    def fail(_: str) -> None:
        raise ConnectionError("name resolution")

    monkeypatch.setattr(jgo, "resolve", fail)
    with pytest.raises(LocalError, match=r"could not be downloaded .* run the same command again"):
        kafka.jars(lambda _: None)
