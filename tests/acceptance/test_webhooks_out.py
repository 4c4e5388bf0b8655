"""Those who get events by webhook: signed, in order, tried again, given up, and never one behind another."""

import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from services.notifier import subscribers, webhook_client
from services.notifier.domain import webhook
from tests.builders import eventually
from tests.stub_server import StubResponse, stub_server
from tests.system import System


@dataclass
class Receiver:
    """A receiver that answers as it is told.

    Attributes:
        got: the headers and body of each message.

    """

    url: str
    answer: Callable[[int], tuple[int, dict[str, str]]]
    got: list[tuple[dict[str, str], dict[str, Any], bytes]] = field(default_factory=list)

    def of(self, number: str) -> list[dict[str, Any]]:
        """Return the messages about a ticket that were answered with 200."""
        return [body for _, body, _ in self.got if body["data"].get("ticket", {}).get("number") == number]


@contextmanager
def receiver(answer: Callable[[int], tuple[int, dict[str, str]]]) -> Iterator[Receiver]:
    made = Receiver("", answer)

    def answered(headers: dict[str, str], raw: bytes) -> StubResponse:
        made.got.append((headers, json.loads(raw), raw))
        status, told = made.answer(len(made.got))
        return status, told, b""

    with stub_server(answered) as port:
        made.url = f"http://127.0.0.1:{port}/hook"
        yield made


@contextmanager
def subscribed(system: System, url: str, *events: str) -> Iterator[tuple[str, str]]:
    """Add a subscriber and disable it afterwards; gives its name and secret."""
    name, secret = system.unique_ids()[0], webhook.new_secret()
    with system.database() as connection:
        assert subscribers.add(connection, name, url, events, secret)
    try:
        yield name, secret
    finally:
        with system.database() as connection:
            subscribers.disable(connection, name, "the test is over")


def _valid(headers: dict[str, str], raw: bytes, secret: str) -> bool:
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    expected = "v1," + base64.b64encode(hmac.digest(webhook.decode_secret(secret), content, hashlib.sha256)).decode()
    return expected in headers["webhook-signature"].split()


def _state(system: System, name: str) -> tuple[str | None, dict[str, int]]:
    with system.database() as connection:
        found = next(each for each in subscribers.load_all(connection) if each.name == name)
        return found.disabled, subscribers.counts(connection).get(found.id, {})


def test_every_message_is_signed_in_order_and_only_of_the_types_that_were_asked_for(system: System) -> None:
    with receiver(lambda _: (200, {})) as made, subscribed(system, made.url, "accepted", "noted") as (_, secret):
        number = system.open_ticket()
        for text in "abc":
            system.send_command(number, "note", text=text)
        eventually(lambda: len(made.of(number)) >= 4, within=30)
        told = made.of(number)
        assert [each["type"] for each in told] == ["duban.ticket.accepted"] + ["duban.ticket.noted"] * 3
        assert [each["data"]["details"].get("text") for each in told[1:]] == ["a", "b", "c"]
        assert all(_valid(headers, raw, secret) for headers, _, raw in made.got)
        assert abs(int(made.got[0][0]["webhook-timestamp"]) - time.time()) < 60


def test_a_receiver_that_fails_nine_times_gets_it_the_tenth_and_what_follows_in_order(system: System) -> None:
    with receiver(lambda count: (500 if count <= 9 else 200, {})) as made:
        with subscribed(system, made.url, "noted") as (name, _):
            number = system.open_ticket()
            system.send_command(number, "note", text="first")
            system.send_command(number, "note", text="second")
            eventually(lambda: _state(system, name)[1].get("delivered", 0) == 2, within=60)
        ids = [headers["webhook-id"] for headers, _, _ in made.got]
        assert ids[:10] == [ids[0]] * 10
        assert [each["data"]["details"]["text"] for each in made.of(number)][9:] == ["first", "second"]


HANGING = 30
"""Subscribers that do not answer; each is sent eight messages at a time."""


def test_many_that_hang_delay_no_other_and_count_nothing_against_it(system: System) -> None:
    over = threading.Event()

    def hang(_: int) -> tuple[int, dict[str, str]]:
        over.wait(60)
        return 200, {}

    with receiver(hang) as slow, receiver(lambda _: (200, {})) as fast, ExitStack() as stack:
        stack.callback(over.set)
        for _ in range(HANGING):
            stack.enter_context(subscribed(system, slow.url, "accepted"))
        # Its names are never looked up in time, or at once found to be none; both are nothing to the others.
        stack.enter_context(subscribed(system, "https://nobody.invalid/hook", "accepted"))
        name, _ = stack.enter_context(subscribed(system, fast.url, "accepted"))
        for _ in range(8):
            system.open_ticket()
        eventually(lambda: len(slow.got) >= HANGING * 8, within=60)
        number = system.open_ticket()
        eventually(lambda: fast.of(number), within=10)
        with system.database() as connection:
            attempts = connection.execute(
                "select max(attempts) from notifier.hook h join notifier.subscriber s on s.id = h.subscriber_id"
                " where s.name = %s",
                (name,),
            ).fetchone()
        assert attempts == (1,)


def test_a_fault_of_ours_with_one_subscriber_stops_no_other_and_an_odd_answer_stops_nothing(system: System) -> None:
    odd = {"retry-after": "²"}
    with (
        receiver(lambda count: (503, odd) if count == 1 else (200, {})) as made,
        subscribed(system, made.url, "accepted") as (name, _),
        subscribed(system, made.url, "noted") as (broken, _),
    ):
        with system.database() as connection:
            secrets = Jsonb([{"secret": "whsec_none"}])
            connection.execute("update notifier.subscriber set secrets = %s where name = %s", (secrets, broken))
        # The notifier looks for changes once a second.
        time.sleep(2)
        number = system.open_ticket()
        system.send_command(number, "note", text="x")
        eventually(lambda: _state(system, name)[1].get("delivered", 0) == 1, within=30)
        eventually(lambda: "could not be sent" in _error(system, broken), within=30)


def _error(system: System, name: str) -> str:
    with system.database() as connection:
        found = connection.execute(
            "select error from notifier.hook h join notifier.subscriber s on s.id = subscriber_id where name = %s",
            (name,),
        ).fetchone()
    return str(found[0]) if found else ""


def test_what_is_older_than_is_kept_is_forgotten_whatever_became_of_it(system: System) -> None:
    with subscribed(system, "https://nobody.invalid/hook", "accepted") as (name, _):
        with system.database() as connection:
            subscribers.disable(connection, name, "by hand")
            for state in ("queued", "delivered", "failed"):
                for age in (31, 29):
                    connection.execute(
                        "insert into notifier.hook"
                        " (subscriber_id, event_id, ticket_id, version, type, body, state, queued_at)"
                        " select id, gen_random_uuid(), gen_random_uuid(), 1, 'noted', '', %s,"
                        " clock_timestamp() - make_interval(days => %s) from notifier.subscriber where name = %s",
                        (state, age, name),
                    )
            assert subscribers.delete_expired(connection, datetime.now(UTC) - timedelta(days=30)) == 3
        assert _state(system, name)[1] == {"queued": 1, "delivered": 1, "failed": 1}


def test_one_that_is_removed_is_forgotten_with_its_messages(system: System) -> None:
    with receiver(lambda _: (200, {})) as made, subscribed(system, made.url, "accepted") as (name, _):
        system.open_ticket()
        eventually(lambda: _state(system, name)[1].get("delivered", 0) >= 1, within=30)
        with system.database() as connection:
            subscribers.disable(connection, name, "by hand")
        system.open_ticket()
        # Within a second of being disabled it may still be sent.
        eventually(lambda: sum(_state(system, name)[1].values()) >= 2, within=30)
        with system.database() as connection, connection.transaction():
            assert subscribers.remove(connection, name)
            assert not subscribers.remove(connection, name)
            assert name not in {each.name for each in subscribers.load_all(connection)}
        # Others still get what is theirs.
        with subscribed(system, made.url, "noted") as (other, _):
            system.send_command(system.open_ticket(), "note", text="x")
            eventually(lambda: _state(system, other)[1].get("delivered", 0) == 1, within=30)


def test_a_redirect_is_not_followed(system: System) -> None:
    with receiver(lambda _: (200, {})) as elsewhere, receiver(lambda _: (302, {"location": elsewhere.url})) as made:
        with subscribed(system, made.url, "accepted") as (name, _):
            system.open_ticket()
            eventually(lambda: _state(system, name)[1].get("failed", 0) >= 1, within=60)
        assert elsewhere.got == []
        assert len(made.got) >= webhook.MAX_ATTEMPTS


def test_one_that_is_gone_gets_no_more(system: System) -> None:
    with receiver(lambda _: (410, {})) as made, subscribed(system, made.url, "accepted") as (name, _):
        system.open_ticket()
        eventually(lambda: _state(system, name)[0] is not None, within=30)
        assert "410" in (_state(system, name)[0] or "")
        eventually(lambda: _quiet(made), within=30)
        before = len(made.got)
        system.open_ticket()
        assert len(made.got) == before
        assert _state(system, name)[1]["queued"] >= 1


def _quiet(made: Receiver) -> bool:
    before = len(made.got)
    time.sleep(1.5)
    return len(made.got) == before


def test_while_a_secret_rotates_both_sign(system: System) -> None:
    with receiver(lambda _: (200, {})) as made, subscribed(system, made.url, "accepted") as (name, old):
        new = webhook.new_secret()
        with system.database() as connection:
            assert subscribers.rotate(connection, name, new, overlap=timedelta(hours=1))
        # The notifier looks for changes once a second.
        eventually(lambda: _both(system, made, old, new), within=30)
        with system.database() as connection:
            assert subscribers.rotate(connection, name, webhook.new_secret(), overlap=timedelta(0))
            found = next(each for each in subscribers.load_all(connection) if each.name == name)
        assert len(found.secrets) == 1


def _both(system: System, made: Receiver, old: str, new: str) -> bool:
    system.open_ticket()
    return any(_valid(headers, raw, old) and _valid(headers, raw, new) for headers, _, raw in made.got)


def test_what_was_given_up_is_sent_again_when_asked(system: System) -> None:
    broken = threading.Event()
    broken.set()
    with (
        receiver(lambda _: (500 if broken.is_set() else 200, {})) as made,
        subscribed(system, made.url, "accepted") as (name, _),
    ):
        number = system.open_ticket()
        eventually(lambda: _state(system, name)[1].get("failed", 0) >= 1, within=60)
        broken.clear()
        with system.database() as connection:
            assert subscribers.redeliver(connection, name, since=datetime(2020, 1, 1, tzinfo=UTC), everything=False)
        eventually(lambda: _state(system, name)[1].get("failed", 0) == 0, within=30)
        eventually(lambda: made.of(number), within=30)


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "http://localhost/x", "ftp://example.com/x"])
def test_an_address_within_the_walls_is_refused(url: str) -> None:
    with pytest.raises(webhook_client.AddressNotAllowed):
        asyncio.run(webhook_client.resolve_url(url, private=False))


def duban(system: System, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "duban", "subscriber", *words, "--data", str(system.stack.folder.root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_who_adds_a_subscriber_is_told_what_is_wrong_with_it(system: System) -> None:
    name = system.unique_ids()[0]
    wrong = {
        ("http://127.0.0.1:9/x", "--events", "accepted"): "the address is not public",
        ("http://[::1", "--private"): "the address is no URL",
        (
            "http://127.0.0.1:9/x",
            "--private",
            "--events",
            "acepted",
        ): "there is no event 'acepted': choose one of accepted,",
    }
    for words, told in wrong.items():
        refused = duban(system, "add", name, *words)
        assert (refused.returncode != 0, "Traceback" in refused.stderr) == (True, False)
        assert told in " ".join(refused.stderr.split())
    with receiver(lambda _: (200, {})) as made:
        chosen = "duban.ticket.accepted,regulator_replied"
        assert duban(system, "add", name, made.url, "--private", "--events", chosen).stdout.startswith("whsec_")
        with system.database() as connection:
            found = next(each for each in subscribers.load_all(connection) if each.name == name)
        assert (found.private, found.events) == (True, ("accepted", "regulator_replied"))
        assert "answered 200" in duban(system, "test", name).stdout
        assert duban(system, "remove", name).returncode == 0
        assert "there is no subscriber" in duban(system, "remove", name).stderr
