"""The keys of senders on a real PostgreSQL: made, changed, rotated, revoked, and those that an earlier version made."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from services.intake import sender_store
from services.intake.senders import Sender, SenderRegistry, hash_key
from services.shared.postgres.database import Database
from services.shared.postgres.migrations import FOLDER, migrate
from services.shared.runtime.errors import Problem
from tests.postgres import PostgresServer

CRM = Sender(
    "crm",
    ("carrier", "bank"),
    ("app", "*"),
    ("commands", "read"),
    units=("provincial_centre",),
    roles=("callback",),
    may=("note",),
    level="head",
    persons=("王工",),
    expires_at=datetime(2099, 1, 1, tzinfo=UTC),
    per_minute=60,
)
BEFORE = "insert into intake.sender (name, key_hash, policy, channels, actions) values (%s, %s, 'bus', '{*}', %s)"

FORBIDDEN: tuple[LiteralString, ...] = (
    "update intake.sender_key set valid_until = null",
    "delete from intake.sender_key",
    "update intake.sender set units = '{*}'",
)


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connected:
        yield connected


def registry(connection: psycopg.Connection) -> Iterator[SenderRegistry]:
    """Yield the keys as intake reads them."""
    parameters = {**connection.info.get_parameters(), "password": connection.info.password}
    with closing(Database(SecretStr(make_conninfo(**parameters)), name="tests", size=1)) as database:
        yield SenderRegistry(database)


@pytest.fixture
def keys(connection: psycopg.Connection) -> Iterator[SenderRegistry]:
    yield from registry(connection)


def sender_by(keys: SenderRegistry, key: str) -> Sender | None:
    keys.refresh()
    try:
        return keys.authenticate(f"Bearer {key}")
    except Problem:
        return None


def test_a_sender_is_read_as_it_was_made_and_its_key_is_not_stored(
    connection: psycopg.Connection, keys: SenderRegistry
) -> None:
    key = sender_store.add(connection, CRM)
    assert sender_by(keys, key) == CRM
    rows = connection.execute("select row_to_json(s)::text from intake.sender s").fetchall()
    assert key not in str(rows)
    other = Sender("crm", ("bus",), ("web",), ("contacts",))
    assert sender_by(keys, sender_store.add(connection, other)) == other
    assert sender_by(keys, key) is None


def test_two_keys_are_valid_until_the_overlap_ends(connection: psycopg.Connection, keys: SenderRegistry) -> None:
    first = sender_store.add(connection, CRM)
    second = sender_store.rotate(connection, "crm", timedelta(hours=24))
    assert second is not None
    assert sender_by(keys, first) == sender_by(keys, second) == CRM
    third = sender_store.rotate(connection, "crm", timedelta(0))
    assert third is not None
    assert [sender_by(keys, key) for key in (first, second, third)] == [CRM, None, CRM]
    stored = sender_store.keys_of(connection, "crm")
    assert [key.present for key in stored] == [False, False, True]
    assert stored[0].valid_until is not None
    assert sender_store.rotate(connection, "nobody", timedelta(0)) is None


def test_other_rights_leave_the_keys_as_they_are(connection: psycopg.Connection, keys: SenderRegistry) -> None:
    key = sender_store.add(connection, CRM)
    other = Sender("crm", ("bus",), (), ("read",))
    assert sender_store.change(connection, other)
    assert sender_by(keys, key) == other
    assert not sender_store.change(connection, Sender("nobody", ("bus",), (), ("read",)))


def test_a_revoked_sender_has_no_key_in_overlap_either(connection: psycopg.Connection, keys: SenderRegistry) -> None:
    first = sender_store.add(connection, CRM)
    second = sender_store.rotate(connection, "crm", timedelta(hours=24))
    assert sender_store.revoke(connection, "crm")
    assert second is not None
    assert [sender_by(keys, first), sender_by(keys, second)] == [None, None]
    assert not sender_store.revoke(connection, "crm")
    (record,) = sender_store.stored(connection)
    assert record.revoked_at is not None
    # Made anew, it has its new key alone.
    third = sender_store.add(connection, CRM)
    assert [sender_by(keys, key) for key in (first, second, third)] == [None, None, CRM]


def test_the_last_use_is_shown(connection: psycopg.Connection, keys: SenderRegistry) -> None:
    key = sender_store.add(connection, CRM)
    assert next(sender_store.stored(connection, "crm")).last_used_at is None
    assert sender_by(keys, key) == CRM
    keys.save_last_used()
    assert next(sender_store.stored(connection, "crm")).last_used_at is not None
    assert sender_store.keys_of(connection, "crm")[0].last_used_at is not None


def test_intake_s_role_writes_the_last_use_and_nothing_else(
    connection: psycopg.Connection, postgres: PostgresServer
) -> None:
    sender_store.add(connection, CRM)
    url = make_conninfo(postgres.superuser_url, dbname=connection.info.dbname)
    with psycopg.connect(url, autocommit=True) as service:
        service.execute("set role duban_intake")
        service.execute("update intake.sender_key set last_used_at = clock_timestamp()")
        assert service.execute("select count(*) from intake.sender_key").fetchone() == (1,)
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(statement)


def test_keys_of_before_take_contacts_in_and_read_their_pack_but_act_for_no_unit(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """What `make test-upgrade` cannot see in a database without senders (docs/versions.md)."""
    (tmp_path / "0001_schema.sql").write_text(
        (FOLDER / "0001_schema.sql").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with postgres.empty_database() as url:
        migrate(SecretStr(url), tmp_path)
        with psycopg.connect(url, autocommit=True) as connection:
            actions = ["contacts", "commands", "read", "receipts"]
            connection.execute(BEFORE, ("crm", hash_key("k"), actions))
            migrate(SecretStr(url))
            # The version before goes on working with the tables, and may make keys.
            connection.execute(BEFORE, ("hall", hash_key("h"), ["contacts"]))
            for keys in registry(connection):
                crm, hall = sender_by(keys, "k"), sender_by(keys, "h")
                assert crm == Sender("crm", ("bus",), ("*",), tuple(actions))
                assert crm.authority.units == ()
                assert hall == Sender("hall", ("bus",), ("*",), ("contacts",))
            assert sender_store.rotate(connection, "hall", timedelta(hours=1)) is not None
            assert [key.present for key in sender_store.keys_of(connection, "hall")] == [False, True]
