"""Webhooks to subscribers: signed, in order, retried, given up, and independent of each other."""

import asyncio
import base64
import hashlib
import hmac
import json
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
class WebhookReceiver:
    """A receiver that answers as a test defines.

    Attributes:
        url: address of the receiver.
        respond: returns status and headers of the response to the nth message.
        messages: headers, parsed body and raw body of each message.

    """

    url: str
    respond: Callable[[int], tuple[int, dict[str, str]]]
    messages: list[tuple[dict[str, str], dict[str, Any], bytes]] = field(default_factory=list)

    def about(self, number: str) -> list[dict[str, Any]]:
        """Return the bodies of all messages about a ticket."""
        return [body for _, body, _ in self.messages if body["data"].get("ticket", {}).get("number") == number]


@contextmanager
def receiving(respond: Callable[[int], tuple[int, dict[str, str]]]) -> Iterator[WebhookReceiver]:
    """Run a receiver while the block runs."""
    receiver = WebhookReceiver("", respond)

    def record(headers: dict[str, str], raw: bytes) -> StubResponse:
        receiver.messages.append((headers, json.loads(raw), raw))
        status, response_headers = receiver.respond(len(receiver.messages))
        return status, response_headers, b""

    with stub_server(record) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver


def accept(_: int) -> tuple[int, dict[str, str]]:
    """Respond to every message with success."""
    return 200, {}


@contextmanager
def subscribed(system: System, url: str, *events: str) -> Iterator[tuple[str, str]]:
    """Add a subscriber and disable it after the block; yields its name and secret."""
    name, secret = system.unique_ids()[0], webhook.new_secret()
    with system.database() as connection:
        assert subscribers.add(connection, name, url, events, secret)
    try:
        yield name, secret
    finally:
        with system.database() as connection:
            subscribers.disable(connection, name, "the test is over")


def _is_signed(headers: dict[str, str], raw: bytes, secret: str) -> bool:
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    expected = "v1," + base64.b64encode(hmac.digest(webhook.decode_secret(secret), content, hashlib.sha256)).decode()
    return expected in headers["webhook-signature"].split()


def _state(system: System, name: str) -> tuple[str | None, dict[str, int]]:
    """Return why a subscriber is disabled, if it is, and its messages by state."""
    with system.database() as connection:
        found = next(subscriber for subscriber in subscribers.load_all(connection) if subscriber.name == name)
        return found.disabled, subscribers.counts(connection).get(found.id, {})


def test_messages_are_signed_in_order_and_only_of_the_subscribed_types(system: System) -> None:
    with receiving(accept) as receiver, subscribed(system, receiver.url, "accepted", "noted") as (_, secret):
        number = system.open_ticket()
        for text in "abc":
            system.send_command(number, "note", text=text)
        eventually(lambda: len(receiver.about(number)) >= 4, within=30)
        bodies = receiver.about(number)
        assert [body["type"] for body in bodies] == ["duban.ticket.accepted"] + ["duban.ticket.noted"] * 3
        assert [body["data"]["details"].get("text") for body in bodies[1:]] == ["a", "b", "c"]
        assert all(_is_signed(headers, raw, secret) for headers, _, raw in receiver.messages)
        assert abs(int(receiver.messages[0][0]["webhook-timestamp"]) - time.time()) < 60


def test_a_message_is_retried_nine_times_and_later_ones_wait_for_it(system: System) -> None:
    with receiving(lambda count: (500 if count <= 9 else 200, {})) as receiver:
        with subscribed(system, receiver.url, "noted") as (name, _):
            number = system.open_ticket()
            system.send_command(number, "note", text="first")
            system.send_command(number, "note", text="second")
            eventually(lambda: _state(system, name)[1].get("delivered", 0) == 2, within=60)
        ids = [headers["webhook-id"] for headers, _, _ in receiver.messages]
        assert ids[:10] == [ids[0]] * 10
        assert [body["data"]["details"]["text"] for body in receiver.about(number)][9:] == ["first", "second"]


HANGING = 30
"""Subscribers that do not answer; each gets eight messages at the same time."""


def test_hanging_subscribers_do_not_delay_or_count_against_another(system: System) -> None:
    released = threading.Event()

    def hang(_: int) -> tuple[int, dict[str, str]]:
        released.wait(60)
        return 200, {}

    with receiving(hang) as slow, receiving(accept) as fast, ExitStack() as stack:
        stack.callback(released.set)
        for _ in range(HANGING):
            stack.enter_context(subscribed(system, slow.url, "accepted"))
        # This host name does not resolve, which must not affect the others either.
        stack.enter_context(subscribed(system, "https://nobody.invalid/hook", "accepted"))
        name, _ = stack.enter_context(subscribed(system, fast.url, "accepted"))
        for _ in range(8):
            system.open_ticket()
        eventually(lambda: len(slow.messages) >= HANGING * 8, within=60)
        number = system.open_ticket()
        eventually(lambda: fast.about(number), within=10)
        with system.database() as connection:
            attempts = connection.execute(
                "select max(attempts) from notifier.hook h join notifier.subscriber s on s.id = h.subscriber_id"
                " where s.name = %s",
                (name,),
            ).fetchone()
        assert attempts == (1,)


def test_a_broken_subscriber_and_an_invalid_retry_after_stop_no_delivery(system: System) -> None:
    invalid = {"retry-after": "²"}
    with (
        receiving(lambda count: (503, invalid) if count == 1 else (200, {})) as receiver,
        subscribed(system, receiver.url, "accepted") as (name, _),
        subscribed(system, receiver.url, "noted") as (broken, _),
    ):
        with system.database() as connection:
            secrets = Jsonb([{"secret": "whsec_none"}])
            connection.execute("update notifier.subscriber set secrets = %s where name = %s", (secrets, broken))
        # The notifier reloads subscribers once a second.
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


def test_messages_older_than_the_retention_are_deleted_in_any_state(system: System) -> None:
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


def test_a_removed_subscriber_is_deleted_with_its_messages(system: System) -> None:
    with receiving(accept) as receiver, subscribed(system, receiver.url, "accepted") as (name, _):
        system.open_ticket()
        eventually(lambda: _state(system, name)[1].get("delivered", 0) >= 1, within=30)
        with system.database() as connection:
            subscribers.disable(connection, name, "by hand")
        system.open_ticket()
        # For a second after it was disabled, a message may still be sent.
        eventually(lambda: sum(_state(system, name)[1].values()) >= 2, within=30)
        with system.database() as connection, connection.transaction():
            assert subscribers.remove(connection, name)
            assert not subscribers.remove(connection, name)
            assert name not in {subscriber.name for subscriber in subscribers.load_all(connection)}
        # Other subscribers are not affected.
        with subscribed(system, receiver.url, "noted") as (other, _):
            system.send_command(system.open_ticket(), "note", text="x")
            eventually(lambda: _state(system, other)[1].get("delivered", 0) == 1, within=30)


def test_a_redirect_is_not_followed(system: System) -> None:
    with receiving(accept) as elsewhere, receiving(lambda _: (302, {"location": elsewhere.url})) as receiver:
        with subscribed(system, receiver.url, "accepted") as (name, _):
            system.open_ticket()
            eventually(lambda: _state(system, name)[1].get("failed", 0) >= 1, within=60)
        assert elsewhere.messages == []
        assert len(receiver.messages) >= webhook.MAX_ATTEMPTS


def test_a_subscriber_that_answers_410_is_disabled(system: System) -> None:
    with receiving(lambda _: (410, {})) as receiver, subscribed(system, receiver.url, "accepted") as (name, _):
        system.open_ticket()
        eventually(lambda: _state(system, name)[0] is not None, within=30)
        assert "410" in (_state(system, name)[0] or "")
        eventually(lambda: _is_idle(receiver), within=30)
        before = len(receiver.messages)
        system.open_ticket()
        assert len(receiver.messages) == before
        assert _state(system, name)[1]["queued"] >= 1


def _is_idle(receiver: WebhookReceiver) -> bool:
    before = len(receiver.messages)
    time.sleep(1.5)
    return len(receiver.messages) == before


def test_during_a_rotation_messages_are_signed_with_both_secrets(system: System) -> None:
    with receiving(accept) as receiver, subscribed(system, receiver.url, "accepted") as (name, old):
        new = webhook.new_secret()
        with system.database() as connection:
            assert subscribers.rotate(connection, name, new, overlap=timedelta(hours=1))
        # The notifier reloads subscribers once a second.
        eventually(lambda: _signed_by_both(system, receiver, old, new), within=30)
        with system.database() as connection:
            assert subscribers.rotate(connection, name, webhook.new_secret(), overlap=timedelta(0))
            found = next(subscriber for subscriber in subscribers.load_all(connection) if subscriber.name == name)
        assert len(found.secrets) == 1


def _signed_by_both(system: System, receiver: WebhookReceiver, old: str, new: str) -> bool:
    system.open_ticket()
    return any(_is_signed(headers, raw, old) and _is_signed(headers, raw, new) for headers, _, raw in receiver.messages)


def test_failed_messages_are_redelivered_on_request(system: System) -> None:
    failing = threading.Event()
    failing.set()
    with (
        receiving(lambda _: (500 if failing.is_set() else 200, {})) as receiver,
        subscribed(system, receiver.url, "accepted") as (name, _),
    ):
        number = system.open_ticket()
        eventually(lambda: _state(system, name)[1].get("failed", 0) >= 1, within=60)
        failing.clear()
        with system.database() as connection:
            assert subscribers.redeliver(connection, name, since=datetime(2020, 1, 1, tzinfo=UTC), everything=False)
        eventually(lambda: _state(system, name)[1].get("failed", 0) == 0, within=30)
        eventually(lambda: receiver.about(number), within=30)


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "http://localhost/x", "ftp://example.com/x"])
def test_a_private_or_non_http_address_is_refused(url: str) -> None:
    with pytest.raises(webhook_client.AddressNotAllowed):
        asyncio.run(webhook_client.resolve_url(url, private=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://127.0.0.1:9/x", "--events", "accepted"], "the address is not public"),
        (["http://[::1", "--private"], "the address is no URL"),
        (["http://127.0.0.1:9/x", "--private", "--events", "acepted"], "there is no event 'acepted': choose"),
    ],
)
def test_an_invalid_subscriber_is_refused_with_the_reason(system: System, arguments: list[str], message: str) -> None:
    refused = system.duban("subscriber", "add", system.unique_ids()[0], *arguments)
    assert (refused.returncode != 0, "Traceback" in refused.stderr) == (True, False)
    assert message in " ".join(refused.stderr.split())


def test_a_subscriber_is_added_tested_and_removed_on_the_command_line(system: System) -> None:
    name = system.unique_ids()[0]
    with receiving(accept) as receiver:
        types = "duban.ticket.accepted,regulator_replied"
        added = system.duban("subscriber", "add", name, receiver.url, "--private", "--events", types)
        assert added.stdout.startswith("whsec_")
        with system.database() as connection:
            found = next(subscriber for subscriber in subscribers.load_all(connection) if subscriber.name == name)
        assert (found.private, found.events) == (True, ("accepted", "regulator_replied"))
        assert "answered 200" in system.duban("subscriber", "test", name).stdout
        assert system.duban("subscriber", "remove", name).returncode == 0
        assert "there is no subscriber" in system.duban("subscriber", "remove", name).stderr
