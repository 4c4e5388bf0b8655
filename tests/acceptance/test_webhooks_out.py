"""Those who get events by webhook: signed, in order, tried again, given up, and never one behind another."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifier import hooks, subscribers
from services.notifier.domain import webhook
from tests.answering import Answer, answering
from tests.builders import eventually
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

    def answered(headers: dict[str, str], raw: bytes) -> Answer:
        made.got.append((headers, json.loads(raw), raw))
        status, told = made.answer(len(made.got))
        return status, told, b""

    with answering(answered) as port:
        made.url = f"http://127.0.0.1:{port}/hook"
        yield made


@contextmanager
def subscribed(system: System, url: str, *events: str) -> Iterator[tuple[str, str]]:
    """Add a subscriber and disable it afterwards; gives its name and secret."""
    name, secret = system.fresh()[0], webhook.new_secret()
    with system.database() as connection:
        assert subscribers.add(connection, name, url, events, secret)
    try:
        yield name, secret
    finally:
        with system.database() as connection:
            subscribers.disable(connection, name, "the test is over")


def _valid(headers: dict[str, str], raw: bytes, secret: str) -> bool:
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    expected = "v1," + base64.b64encode(hmac.digest(webhook.key(secret), content, hashlib.sha256)).decode()
    return expected in headers["webhook-signature"].split()


def _state(system: System, name: str) -> tuple[str | None, dict[str, int]]:
    with system.database() as connection:
        found = next(each for each in subscribers.all_(connection) if each.name == name)
        return found.disabled, subscribers.counts(connection).get(found.id, {})


def test_every_message_is_signed_in_order_and_only_of_the_types_that_were_asked_for(system: System) -> None:
    with receiver(lambda _: (200, {})) as made, subscribed(system, made.url, "accepted", "noted") as (_, secret):
        number = system.opened()
        for text in "abc":
            system.do(number, "note", text=text)
        eventually(lambda: len(made.of(number)) >= 4, within=30)
        told = made.of(number)
        assert [each["type"] for each in told] == ["duban.ticket.accepted"] + ["duban.ticket.noted"] * 3
        assert [each["data"]["details"].get("text") for each in told[1:]] == ["a", "b", "c"]
        assert all(_valid(headers, raw, secret) for headers, _, raw in made.got)
        assert abs(int(made.got[0][0]["webhook-timestamp"]) - time.time()) < 60


def test_a_receiver_that_fails_nine_times_gets_it_the_tenth_and_what_follows_in_order(system: System) -> None:
    with receiver(lambda count: (500 if count <= 9 else 200, {})) as made:
        with subscribed(system, made.url, "noted") as (name, _):
            number = system.opened()
            system.do(number, "note", text="first")
            system.do(number, "note", text="second")
            eventually(lambda: _state(system, name)[1].get("delivered", 0) == 2, within=60)
        ids = [headers["webhook-id"] for headers, _, _ in made.got]
        assert ids[:10] == [ids[0]] * 10
        assert [each["data"]["details"]["text"] for each in made.of(number)][9:] == ["first", "second"]


def test_one_that_hangs_delays_no_other(system: System) -> None:
    over = threading.Event()

    def hang(_: int) -> tuple[int, dict[str, str]]:
        over.wait(30)
        return 200, {}

    with (
        receiver(hang) as slow,
        receiver(lambda _: (200, {})) as fast,
        subscribed(system, slow.url, "accepted"),
        subscribed(system, fast.url, "accepted"),
    ):
        began = time.monotonic()
        number = system.opened()
        eventually(lambda: fast.of(number), within=10)
        assert time.monotonic() - began < 10
        eventually(lambda: slow.got, within=10)
        over.set()


def test_a_redirect_is_not_followed(system: System) -> None:
    with receiver(lambda _: (200, {})) as elsewhere, receiver(lambda _: (302, {"location": elsewhere.url})) as made:
        with subscribed(system, made.url, "accepted") as (name, _):
            system.opened()
            eventually(lambda: _state(system, name)[1].get("failed", 0) >= 1, within=60)
        assert elsewhere.got == []
        assert len(made.got) >= webhook.ATTEMPTS


def test_one_that_is_gone_gets_no_more(system: System) -> None:
    with receiver(lambda _: (410, {})) as made, subscribed(system, made.url, "accepted") as (name, _):
        system.opened()
        eventually(lambda: _state(system, name)[0] is not None, within=30)
        assert "410" in (_state(system, name)[0] or "")
        eventually(lambda: _quiet(made), within=30)
        before = len(made.got)
        system.opened()
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
            found = next(each for each in subscribers.all_(connection) if each.name == name)
        assert len(found.secrets) == 1


def _both(system: System, made: Receiver, old: str, new: str) -> bool:
    system.opened()
    return any(_valid(headers, raw, old) and _valid(headers, raw, new) for headers, _, raw in made.got)


def test_what_was_given_up_is_sent_again_when_asked(system: System) -> None:
    broken = threading.Event()
    broken.set()
    with (
        receiver(lambda _: (500 if broken.is_set() else 200, {})) as made,
        subscribed(system, made.url, "accepted") as (name, _),
    ):
        number = system.opened()
        eventually(lambda: _state(system, name)[1].get("failed", 0) >= 1, within=60)
        broken.clear()
        with system.database() as connection:
            assert subscribers.redeliver(connection, name, since=datetime(2020, 1, 1, tzinfo=UTC), everything=False)
        eventually(lambda: _state(system, name)[1].get("failed", 0) == 0, within=30)
        eventually(lambda: made.of(number), within=30)


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "http://localhost/x", "ftp://example.com/x"])
def test_an_address_within_the_walls_is_refused(url: str) -> None:
    with pytest.raises(hooks.Refused):
        asyncio.run(hooks.resolved(url, private=False))
