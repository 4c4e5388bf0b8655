"""`duban sender add | list | revoke`: who may put contacts and commands in (promise 7)."""

import sys
from collections.abc import Collection, Iterable
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from schemas.contact import Code
from services.intake import senders
from services.intake.channel_registry import channels
from services.policies import versions
from services.shared.runtime.errors import DubanError

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
    chosen("action", action, ACTIONS)
    for each in (name, *(each for each in channel if each != senders.ANY)):
        usable(each)
    with system_connection.find(data).connect() as connection:
        chosen("policy", [policy], sorted({each.pack for each in versions.load(connection)}))
        note = without_a_door(channel, channels())
        if note:
            print(note, file=sys.stderr)
        print(senders.add(connection, name, policy=policy, channels=channel, actions=action, per_minute=rate))


def usable(name: str) -> None:
    """Check that a contact can carry a name of a sender or a channel.

    Raises:
        DubanError: it cannot.

    """
    try:
        msgspec.convert(name, Code)
    except msgspec.ValidationError:
        raise DubanError(f"{name!r} cannot be a name: write up to 64 small letters, digits, _, . and -") from None


def chosen(what: str, names: Iterable[str], there_are: Collection[str]) -> None:
    """Check names against those that there are.

    Raises:
        DubanError: one is not among them; lists what is.

    """
    unknown = next((each for each in names if each not in there_are), None)
    if unknown is not None:
        raise DubanError(f"there is no {what} {unknown!r}: choose of {', '.join(there_are)}")


def without_a_door(names: Iterable[str], table: Collection[str]) -> str | None:
    """Return what to say of channels that have no door in their own words, None when all have one.

    Contacts in our words may name any channel, so this is no error; it may be a slip of the pen.
    """
    unknown = [each for each in names if each != senders.ANY and each not in table]
    if not unknown:
        return None
    return (
        f"note: {', '.join(unknown)}: only for POST /v1/contacts, where the sender names the channel; "
        f"channels with a door of their own are {', '.join(table)}, and those of DUBAN_MAPPINGS"
    )


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """Show every sender; keys are not stored, so they cannot be shown."""
    table = Table(title="Senders")
    for column in ("name", "policy", "channels", "actions", "a minute", "since", "revoked"):
        table.add_column(column)
    with system_connection.find(data).connect() as connection:
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
    with system_connection.find(data).connect() as connection:
        if connection.execute(senders.queries["revoke_sender"], {"name": name}).rowcount == 0:
            raise DubanError(f"there is no sender {name!r} with a key in force; `duban sender list` shows them")
    print(f"{name} has no key any more")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="sender")
