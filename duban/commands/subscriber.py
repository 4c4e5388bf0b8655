"""`duban subscriber add | list | test | rotate | disable | enable | redeliver`: those who get events by webhook."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from duban import target
from duban.target import DEFAULT_DATA, Data
from services.notifier import hooks, subscribers
from services.notifier.domain import webhook
from services.notifier.settings import NotifierSettings
from services.shared.errors import DubanError

group = typer.Typer(help="Subscribers of webhooks.", no_args_is_help=True)
Private = Annotated[bool, typer.Option("--private", help="the address may be one within your own walls")]


@group.command()
def add(
    name: str,
    url: str,
    events: Annotated[str, typer.Option(help="types that are wanted, such as accepted,closed; none: all")] = "",
    secret: Annotated[str, typer.Option(help="whsec_...; none: a new one is made")] = "",
    private: Private = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Add a subscriber and show the secret that signs its messages, this once."""
    chosen = [each.strip() for each in events.split(",") if each.strip()]
    made = secret or webhook.new_secret()
    try:
        webhook.key(made)
        asyncio.run(hooks.resolved(url, private=private or NotifierSettings().webhook_private))
    except (ValueError, hooks.Refused) as error:
        raise DubanError(str(error)) from error
    with target.find(data).connect() as connection:
        if not subscribers.add(connection, name, url, chosen, made):
            raise DubanError(f"there is a subscriber {name} already: choose another name, or `duban subscriber rotate`")
    print(made)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List subscribers, with how many messages they got and still have to get."""
    with target.find(data).connect() as connection:
        found, counted = subscribers.all_(connection), subscribers.counts(connection)
    table = Table(
        "name", "address", "events", "queued", "delivered", "failed", "disabled", box=None, padding=(0, 2, 0, 0)
    )
    for each in found:
        counts = [str(counted.get(each.id, {}).get(state, 0)) for state in ("queued", "delivered", "failed")]
        table.add_row(each.name, each.url, ",".join(each.events) or "all", *counts, each.disabled or "")
    Console(highlight=False).print(table if found else "no subscribers")


@group.command(name="test")
def try_out(
    name: str,
    private: Private = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Send a signed message of type duban.test and show the answer; exit code 1 unless it is 2xx."""
    with target.find(data).connect() as connection:
        found = next((each for each in subscribers.all_(connection) if each.name == name), None)
    if found is None:
        raise _unknown(name)
    body = json.dumps({"type": "duban.test", "timestamp": datetime.now(UTC).isoformat(), "data": {}}).encode()

    async def send() -> webhook.Answer:
        async with httpx.AsyncClient(timeout=10) as http:
            allowed = private or NotifierSettings().webhook_private
            return await hooks.ask(http, found, str(uuid.uuid4()), body, private=allowed)

    answer = asyncio.run(send())
    print(f"{found.url} {answer.told}")
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
    with target.find(data).connect() as connection:
        if not subscribers.rotate(connection, name, made, overlap=timedelta(hours=overlap)):
            raise _unknown(name)
    print(made)


@group.command()
def disable(name: str, data: Data = DEFAULT_DATA) -> None:
    """Send a subscriber no more; what queues up waits until it is enabled."""
    with target.find(data).connect() as connection:
        if not subscribers.disable(connection, name, "by hand"):
            raise _unknown(name)


@group.command()
def enable(name: str, data: Data = DEFAULT_DATA) -> None:
    """Send a subscriber messages again, beginning with what has queued up."""
    with target.find(data).connect() as connection:
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
    with target.find(data).connect() as connection:
        if all(each.name != name for each in subscribers.all_(connection)):
            raise _unknown(name)
        count = subscribers.redeliver(connection, name, since=begin, everything=everything)
    print(f"{count} messages queued again")


def _unknown(name: str) -> DubanError:
    return DubanError(f"there is no subscriber {name}: `duban subscriber list` shows them")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="subscriber")
