"""Versions of policy packs in PostgreSQL: what this version of Duban can read of them, and what waits."""

from collections.abc import Iterator, Mapping
from contextlib import closing

import psycopg
import pytest
from pydantic import SecretStr

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.domain.policy.forms import FORM_VERSION
from services.policies import versions
from services.policies.versions import PolicyRegistry
from services.shared.postgres.database import Database
from services.shared.runtime.errors import Retryable
from tests.builders import MORNING
from tests.database_ledger import SettableClock
from tests.postgres import PostgresServer

BUS = loading.read_files(PROJECT / "policies", "bus")
NEWER_KEY = BUS | {"pack.toml": BUS["pack.toml"].replace("[calendar]", "newer = true\n[calendar]", 1)}


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        with psycopg.connect(url) as connection:
            versions.seed(connection, PROJECT / "policies")
        yield url


def write(url: str, files: Mapping[str, str], form_version: int = FORM_VERSION) -> None:
    with psycopg.connect(url) as connection:
        versions.write(connection, "bus", files, at=MORNING, by="a test", note="", form_version=form_version)


def test_each_version_carries_the_number_of_its_form(url: str) -> None:
    write(url, BUS)
    with psycopg.connect(url) as connection:
        found = versions.load(connection)
    assert {version.form_version for version in found} == {FORM_VERSION}
    assert all(version.label == version.policy.reference.version for version in found)


def test_services_ignore_keys_that_a_newer_version_has_written(url: str) -> None:
    write(url, NEWER_KEY)
    with closing(Database(SecretStr(url), name="tests", size=1)) as database:
        packs = PolicyRegistry(database, SettableClock())
        assert packs["bus"].revision == loading.revision(NEWER_KEY) != loading.revision(BUS)


def test_records_wait_while_the_version_in_force_is_of_a_newer_form(url: str) -> None:
    """Nothing becomes a dead letter: the service is not ready, says why, and goes on once it is upgraded."""
    write(url, BUS, FORM_VERSION + 1)
    with closing(Database(SecretStr(url), name="tests", size=1)) as database:
        packs = PolicyRegistry(database, SettableClock())
        with pytest.raises(Retryable, match=r"bus: .*upgrade Duban here as well"):
            packs["bus"]
        assert "bus" in packs, "so no record of it is refused"
        assert packs["carrier"].header.name == "carrier", "other packs are not concerned"


def test_a_version_that_cannot_be_read_is_listed_all_the_same(url: str) -> None:
    write(url, BUS, FORM_VERSION + 1)
    with psycopg.connect(url) as connection:
        last = versions.load(connection)[-1]
    with pytest.raises(PolicyError, match="form"):
        _ = last.policy
    assert last.label == f"+{loading.revision(BUS)} (form {FORM_VERSION + 1})"
