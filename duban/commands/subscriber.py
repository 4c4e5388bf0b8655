"""`duban subscriber add | list | test | rotate | disable | enable | redeliver | remove`: subscribers of webhooks."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

import httpx
import psycopg
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.arguments import SubscriberName
from duban.system_connection import DEFAULT_DATA, Data
from services.domain.events import EVENTS
from services.notifier import subscribers, webhook_client
from services.notifier.domain import webhook
from services.notifier.settings import NotifierSettings
from services.notifier.webhook_client import SubscriberConnection
from services.policies import versions
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Subscribers of webhooks.", no_args_is_help=True)
TEST_TIMEOUT = 10.0
"""Real seconds that a test waits for a response."""


@group.command()
def add(
    name: SubscriberName,
    url: Annotated[str, typer.Argument(help="where its messages are sent: http or https")],
    events: Annotated[str, typer.Option(help="event types, such as accepted,closed; none: all")] = "",
    secret: Annotated[str, typer.Option(help="whsec_...; none: a new one is generated")] = "",
    private: Annotated[bool, typer.Option("--private", help="allow an address of your own private network")] = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Add a subscriber and print the secret that signs its messages, this once."""
    names = [name_ for name_ in events.split(",") if name_.strip()]
    secret = secret or webhook.new_secret()
    system = system_connection.find(data)
    try:
        webhook.decode_secret(secret)
        asyncio.run(webhook_client.resolve_url(url, private=private or NotifierSettings().webhook_private))
        with system.connect() as connection:
            types = webhook.parse_event_types(names, EVENTS.keys() | _entry_types(connection, system.clock().now()))
            added = subscribers.add(connection, name, url, types, secret, private=private)
    except (ValueError, webhook_client.AddressNotAllowed) as error:
        raise DubanError(str(error)) from error
    if not added:
        raise DubanError(
            f"there is a subscriber {name} already: choose another name, or run `duban subscriber rotate {name}`"
        )
    print(secret)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List the subscribers, with the number of their messages in each state."""
    with system_connection.find(data).connect() as connection:
        found, counted = subscribers.load_all(connection), subscribers.counts(connection)
    table = Table(
        "name", "address", "events", "queued", "delivered", "failed", "disabled", box=None, padding=(0, 2, 0, 0)
    )
    for subscriber in found:
        counts = [str(counted.get(subscriber.id, {}).get(state, 0)) for state in ("queued", "delivered", "failed")]
        events = ",".join(subscriber.events) or "all"
        table.add_row(subscriber.name, subscriber.url, events, *counts, subscriber.disabled or "")
    Console(highlight=False).print(table if found else "no subscribers")


@group.command(name="test")
def send_test(name: SubscriberName, data: Data = DEFAULT_DATA) -> None:
    """Send a signed message of type duban.test and show the response; exit code 1 unless it is 2xx."""
    with system_connection.find(data).connect() as connection:
        matches = [each for each in subscribers.load_all(connection) if each.name == name]
    if not matches:
        raise _unknown(name)
    subscriber = matches[0]
    private = subscriber.private or NotifierSettings().webhook_private
    body = json.dumps({"type": "duban.test", "timestamp": datetime.now(UTC).isoformat(), "data": {}}).encode()

    async def send() -> webhook.WebhookResponse:
        connection = SubscriberConnection(httpx.create_ssl_context(), timeout=TEST_TIMEOUT)
        headers = webhook.signed_headers(str(uuid.uuid4()), datetime.now(UTC), body, subscriber.secrets)
        try:
            return await connection.post(subscriber.url, headers, body, private=private)
        finally:
            await connection.close()

    response = asyncio.run(send())
    print(f"{subscriber.url} {response.summary}")
    if response.verdict != "delivered":
        raise typer.Exit(1)


@group.command()
def rotate(
    name: SubscriberName,
    overlap: Annotated[float, typer.Option(help="hours for which the previous secret signs too")] = 24.0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Give a subscriber a new secret and print it, this once; for a while messages carry both signatures."""
    secret = webhook.new_secret()
    with system_connection.find(data).connect() as connection:
        if not subscribers.rotate(connection, name, secret, overlap=timedelta(hours=overlap)):
            raise _unknown(name)
    print(secret)


@group.command()
def disable(name: SubscriberName, data: Data = DEFAULT_DATA) -> None:
    """Stop sending to a subscriber; messages go on being queued until it is enabled."""
    with system_connection.find(data).connect() as connection:
        if not subscribers.disable(connection, name, "by hand"):
            raise _unknown(name)


@group.command()
def enable(name: SubscriberName, data: Data = DEFAULT_DATA) -> None:
    """Send to a subscriber again, queued messages first."""
    with system_connection.find(data).connect() as connection:
        if not subscribers.disable(connection, name, None):
            raise _unknown(name)


@group.command()
def redeliver(
    name: SubscriberName,
    since: Annotated[
        datetime | None, typer.Option(help="queued since then, real time in UTC; none: from the first")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="delivered messages too")] = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Send messages again that failed, and at once those that wait for a retry."""
    start = (since or datetime(2000, 1, 1)).replace(tzinfo=UTC)  # noqa: DTZ001 - the zone comes right after
    with system_connection.find(data).connect() as connection:
        if all(each.name != name for each in subscribers.load_all(connection)):
            raise _unknown(name)
        count = subscribers.redeliver(connection, name, since=start, everything=everything)
    print(f"{count} messages queued again")


@group.command()
def remove(name: SubscriberName, data: Data = DEFAULT_DATA) -> None:
    """Delete a subscriber with all its messages, queued and sent."""
    with system_connection.find(data).connect() as connection:
        if not subscribers.remove(connection, name):
            raise _unknown(name)


def _entry_types(connection: psycopg.Connection, now: datetime) -> set[str]:
    """Return the event types of the entries that the packs in force define."""
    known = versions.load(connection)
    present = [versions.in_force(known, pack, now) for pack in {version.pack for version in known}]
    return {rule.event for version in present if version is not None for rule in version.policy.outcome.entries}


def _unknown(name: str) -> DubanError:
    return DubanError(f"there is no subscriber {name}: `duban subscriber list` shows them")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="subscriber")
