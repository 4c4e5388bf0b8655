"""`duban subscriber add | list | test | rotate | disable | enable | redeliver | remove`: who gets events by webhook."""

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
from duban.system_connection import DEFAULT_DATA, Data
from services.domain.events import EVENTS
from services.notifier import subscribers, webhook_client
from services.notifier.domain import webhook
from services.notifier.settings import NotifierSettings
from services.notifier.webhook_client import SubscriberConnection
from services.policies import versions
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Subscribers of webhooks.", no_args_is_help=True)
ANSWER_WITHIN = 10.0
"""Real seconds that a test waits for an answer."""


@group.command()
def add(
    name: str,
    url: str,
    events: Annotated[str, typer.Option(help="types that are wanted, such as accepted,closed; none: all")] = "",
    secret: Annotated[str, typer.Option(help="whsec_...; none: a new one is made")] = "",
    private: Annotated[bool, typer.Option("--private", help="its address may be one within your own walls")] = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Add a subscriber and show the secret that signs its messages, this once."""
    wanted = [each for each in events.split(",") if each.strip()]
    made = secret or webhook.new_secret()
    system = system_connection.find(data)
    try:
        webhook.decode_secret(made)
        asyncio.run(webhook_client.resolve_url(url, private=private or NotifierSettings().webhook_private))
        with system.connect() as connection:
            chosen = webhook.parse_event_types(wanted, EVENTS.keys() | _of_entries(connection, system.clock().now()))
            added = subscribers.add(connection, name, url, chosen, made, private=private)
    except (ValueError, webhook_client.AddressNotAllowed) as error:
        raise DubanError(str(error)) from error
    if not added:
        raise DubanError(f"there is a subscriber {name} already: choose another name, or `duban subscriber rotate`")
    print(made)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List subscribers, with how many messages they got and still have to get."""
    with system_connection.find(data).connect() as connection:
        found, counted = subscribers.load_all(connection), subscribers.counts(connection)
    table = Table(
        "name", "address", "events", "queued", "delivered", "failed", "disabled", box=None, padding=(0, 2, 0, 0)
    )
    for each in found:
        counts = [str(counted.get(each.id, {}).get(state, 0)) for state in ("queued", "delivered", "failed")]
        table.add_row(each.name, each.url, ",".join(each.events) or "all", *counts, each.disabled or "")
    Console(highlight=False).print(table if found else "no subscribers")


@group.command(name="test")
def try_out(name: str, data: Data = DEFAULT_DATA) -> None:
    """Send a signed message of type duban.test and show the answer; exit code 1 unless it is 2xx."""
    with system_connection.find(data).connect() as connection:
        found = next((each for each in subscribers.load_all(connection) if each.name == name), None)
    if found is None:
        raise _unknown(name)
    body = json.dumps({"type": "duban.test", "timestamp": datetime.now(UTC).isoformat(), "data": {}}).encode()

    async def send() -> webhook.WebhookResponse:
        line = SubscriberConnection(httpx.create_ssl_context(), timeout=ANSWER_WITHIN)
        headers = webhook.signed_headers(str(uuid.uuid4()), datetime.now(UTC), body, found.secrets)
        try:
            return await line.post(
                found.url, headers, body, private=found.private or NotifierSettings().webhook_private
            )
        finally:
            await line.close()

    answer = asyncio.run(send())
    print(f"{found.url} {answer.summary}")
    if answer.verdict != "delivered":
        raise typer.Exit(1)


@group.command()
def rotate(
    name: str,
    overlap: Annotated[float, typer.Option(help="hours in which both secrets sign")] = 24.0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Give a subscriber a new secret and show it, this once; for a while messages carry both signatures."""
    made = webhook.new_secret()
    with system_connection.find(data).connect() as connection:
        if not subscribers.rotate(connection, name, made, overlap=timedelta(hours=overlap)):
            raise _unknown(name)
    print(made)


@group.command()
def disable(name: str, data: Data = DEFAULT_DATA) -> None:
    """Send a subscriber no more; what queues up waits until it is enabled."""
    with system_connection.find(data).connect() as connection:
        if not subscribers.disable(connection, name, "by hand"):
            raise _unknown(name)


@group.command()
def enable(name: str, data: Data = DEFAULT_DATA) -> None:
    """Send a subscriber messages again, beginning with what has queued up."""
    with system_connection.find(data).connect() as connection:
        if not subscribers.disable(connection, name, None):
            raise _unknown(name)


@group.command()
def redeliver(
    name: str,
    since: Annotated[datetime | None, typer.Option(help="real time in UTC; none: from the first")] = None,
    everything: Annotated[bool, typer.Option("--all", help="what was delivered too")] = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Send again what was given up, or what waits for its next attempt."""
    begin = (since or datetime(2000, 1, 1)).replace(tzinfo=UTC)  # noqa: DTZ001 - the zone comes right after
    with system_connection.find(data).connect() as connection:
        if all(each.name != name for each in subscribers.load_all(connection)):
            raise _unknown(name)
        count = subscribers.redeliver(connection, name, since=begin, everything=everything)
    print(f"{count} messages queued again")


@group.command()
def remove(name: str, data: Data = DEFAULT_DATA) -> None:
    """Forget a subscriber with everything that is queued for it or was sent to it."""
    with system_connection.find(data).connect() as connection:
        if not subscribers.remove(connection, name):
            raise _unknown(name)


def _of_entries(connection: psycopg.Connection, now: datetime) -> set[str]:
    """Return the types of events that the packs in force make of their own entries."""
    known = versions.load(connection)
    present = [versions.in_force(known, pack, now) for pack in {each.pack for each in known}]
    return {rule.event for each in present if each is not None for rule in each.policy.outcome.entries}


def _unknown(name: str) -> DubanError:
    return DubanError(f"there is no subscriber {name}: `duban subscriber list` shows them")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="subscriber")
