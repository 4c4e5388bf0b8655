"""`duban sender add | list | revoke`: who may put contacts and commands in (promise 7)."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from duban import target
from duban.target import DEFAULT_DATA, Data
from services.intake import senders
from services.shared.errors import DubanError

group = typer.Typer(help="Senders and their keys.", no_args_is_help=True)
ACTIONS = ("contacts", "commands", "read", "receipts")


@group.command()
def add(
    name: str,
    policy: Annotated[str, typer.Option(help="the pack under which the contacts run")] = "carrier",
    channel: Annotated[list[str], typer.Option(help="a channel it may use; * for all")] = [senders.ANY],  # noqa: B006
    action: Annotated[list[str], typer.Option(help="contacts, commands, read or receipts")] = ["contacts"],  # noqa: B006
    rate: Annotated[int | None, typer.Option(min=1, help="messages a minute at the most; none: any number")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Give a sender a key and print it; it is shown only now. An older key of the same name ends."""
    unknown = sorted(set(action) - set(ACTIONS))
    if unknown:
        raise DubanError(f"there is no action {unknown[0]!r}: choose of {', '.join(ACTIONS)}")
    with target.find(data).connect() as connection:
        print(senders.add(connection, name, policy=policy, channels=channel, actions=action, per_minute=rate))


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """Show every sender; keys are not stored, so they cannot be shown."""
    table = Table(title="Senders")
    for column in ("name", "policy", "channels", "actions", "a minute", "since", "revoked"):
        table.add_column(column)
    with target.find(data).connect() as connection:
        for name, policy, channels, actions, rate, created, revoked in connection.execute(
            senders.queries["all_senders"]
        ):
            table.add_row(
                name,
                policy,
                ", ".join(channels),
                ", ".join(actions),
                str(rate or ""),
                f"{created:%Y-%m-%d %H:%M}",
                f"{revoked:%Y-%m-%d %H:%M}" if revoked else "",
            )
    Console().print(table)


@group.command()
def revoke(name: str, data: Data = DEFAULT_DATA) -> None:
    """End a sender's key; intake knows within a few seconds."""
    with target.find(data).connect() as connection:
        if connection.execute(senders.queries["revoke_sender"], {"name": name}).rowcount == 0:
            raise DubanError(f"there is no sender {name!r} with a key in force; `duban sender list` shows them")
    print(f"{name} has no key any more")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="sender")
