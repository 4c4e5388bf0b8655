"""The record of readings on a real PostgreSQL: intake adds to it and cannot change it, and searches are hashes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from services.intake import access_log, outcomes
from services.intake.access_log import AccessFilter, AccessRecord
from services.shared.postgres.database import Database
from services.shared.runtime.errors import Retryable
from tests.postgres import PostgresServer

pytestmark = pytest.mark.requirement("R5.6")

SECRET = SecretStr("s")
DIGEST = access_log.search_digest("phone", "+8613800000101", SECRET)
SEARCH = AccessRecord("hall", "li", "tickets", "phone", ("TS1", "TS2"), "masked", "回电13800000101", DIGEST)
READING = AccessRecord("crm", None, "ticket", "number", ("TS2",), "personal")


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(SecretStr(url), name="test", size=1)
    yield database
    database.close()


def listed(url: str, **wanted: object) -> list[str]:
    with psycopg.connect(url) as connection:
        return [stored.key for stored in access_log.load(connection, AccessFilter(**wanted))]  # type: ignore[arg-type]


def test_readings_are_found_by_what_was_read_by_whom_and_when(url: str, database: Database) -> None:
    access_log.write(database, SEARCH)
    access_log.write(database, READING)
    assert listed(url) == ["hall", "crm"]
    assert listed(url, limit=1) == ["crm"]
    assert listed(url, ticket="TS1") == listed(url, person="li") == listed(url, digest=DIGEST) == ["hall"]
    assert listed(url, ticket="TS2", key="crm") == ["crm"]
    now = datetime.now(UTC)
    assert listed(url, until=now - timedelta(hours=1)) == listed(url, since=now + timedelta(hours=1)) == []
    assert listed(url, digest=access_log.search_digest("identity", "+8613800000101", SECRET)) == []


def test_nothing_of_the_person_is_kept(url: str, database: Database) -> None:
    access_log.write(database, SEARCH)
    with psycopg.connect(url) as connection:
        (row,) = connection.execute("select a::text from intake.access a").fetchall()
    assert "13800000101" not in row[0]
    assert "****0101" in row[0]


@contextmanager
def as_intake(postgres: PostgresServer, url: str) -> Iterator[psycopg.Connection]:
    """Connect with the rights of intake."""
    conninfo = make_conninfo(postgres.superuser_url, dbname=url.rpartition("/")[2])
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("set role duban_intake")
        yield connection


def test_intake_can_add_and_read_but_neither_change_nor_delete(postgres: PostgresServer, url: str) -> None:
    with as_intake(postgres, url) as connection:
        access_log.insert(connection, READING)
        assert [stored.key for stored in access_log.load(connection, AccessFilter())] == ["crm"]
        for statement in ("update intake.access set key = 'x'", "delete from intake.access", "truncate intake.access"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_only_what_has_outlived_its_retention_goes(postgres: PostgresServer, url: str, database: Database) -> None:
    now = datetime.now(UTC)
    for age in (1, 100, 200, 400):
        access_log.write(database, AccessRecord(f"d{age}", None, "ticket", "number", ("TS1",), "masked"))
        with psycopg.connect(url) as connection:
            connection.execute(
                "update intake.access set at = %s where key = %s", (now - timedelta(days=age), f"d{age}")
            )
    with as_intake(postgres, url) as connection:
        connection.execute("select intake.delete_access(interval '300 days')")
        assert listed(url) == ["d200", "d100", "d1"]
    assert access_log.delete_expired(database, timedelta(0)) == 1
    assert listed(url) == ["d100", "d1"], "never younger than half a year"


def test_a_reading_that_cannot_be_written_is_an_error_that_passes(url: str, database: Database) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("alter table intake.access rename to away")
    with pytest.raises(Retryable, match="does not fit this version"):
        access_log.write(database, READING)


def test_tickets_of_an_identity_are_found_by_its_contacts(url: str, database: Database) -> None:
    with psycopg.connect(url) as connection:
        for number, pack, identity in (("TS1", "carrier", "openid"), ("TS2", "bus", "openid"), ("TS3", "carrier", "x")):
            ticket = uuid4()
            connection.execute(
                "insert into ledger.ticket (id, number, version, partition, status, contact_id, accepted_at,"
                " updated_at, body) values (%s, %s, 1, 0, 'accepted', %s, now(), now(), %s)",
                (ticket, number, uuid4(), Jsonb({"number": number, "policy": {"pack": pack}})),
            )
            for contact in (1, 2):
                connection.execute(
                    "insert into router.contact (id, digest, ticket_id, disposition, reason, sender, channel,"
                    " message_id, identity, subject, switchboard, commands, topic, partition,"
                    ' "offset", received_at, decided_at)'
                    " values (%s, '', %s, 'open', '', 's', 'wechat', %s, %s, '', false, '[]', 't', 0, 0, now(), now())",
                    (uuid4(), ticket, str(contact), identity),
                )

    def found(**wanted: object) -> list[str]:
        parameters = {"number": None, "phone": None, "identity": None, "packs": None, "most": 10} | wanted
        return sorted(body["number"] for body in outcomes.tickets(database, **parameters))  # type: ignore[arg-type]

    assert found(identity="openid") == ["TS1", "TS2"]
    assert found(identity="openid", packs=["carrier"]) == ["TS1"]
    assert found(identity="openid", number="TS2") == ["TS2"]
    assert found(packs=["carrier"]) == ["TS1", "TS3"]
