"""`duban sender add | list | revoke`: API clients of intake and their keys (promise 7)."""

import sys
from collections.abc import Collection, Iterable
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.arguments import SenderName
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
    name: SenderName,
    policy: Annotated[str, typer.Option(help="the policy pack of its contacts")] = "carrier",
    channel: Annotated[list[str], typer.Option(help="a channel it may use; * for all")] = [senders.ANY],  # noqa: B006
    action: Annotated[list[str], typer.Option(help="contacts, commands, read or receipts")] = ["contacts"],  # noqa: B006
    rate: Annotated[int | None, typer.Option(min=1, help="messages per minute, at the most; none: unlimited")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Create a sender's key and print it, this once; an earlier key of the same name is revoked."""
    check_known("action", action, ACTIONS)
    for code in (name, *(code for code in channel if code != senders.ANY)):
        check_code(code)
    with system_connection.find(data).connect() as connection:
        check_known("policy", [policy], sorted({version.pack for version in versions.load(connection)}))
        note = note_own_channels(channel, channels())
        if note:
            print(note, file=sys.stderr)
        print(senders.add(connection, name, policy=policy, channels=channel, actions=action, per_minute=rate))


def check_code(name: str) -> None:
    """Check that a name of a sender or a channel is a code as contacts have it.

    Raises:
        DubanError: it is not.

    """
    try:
        msgspec.convert(name, Code)
    except msgspec.ValidationError:
        raise DubanError(f"{name!r} cannot be a name: write up to 64 lower-case letters, digits, _, . and -") from None


def check_known(kind: str, names: Iterable[str], known: Collection[str]) -> None:
    """Check that names are known ones.

    Raises:
        DubanError: one is not; lists those that are.

    """
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise DubanError(f"there is no {kind} {unknown!r}: choose one of {', '.join(known)}")


def note_own_channels(names: Iterable[str], table: Collection[str]) -> str | None:
    """Return a note about channels that have no native format, None when all have one.

    Contacts in our own format may name any channel, so this is no error, but it may be a typing mistake.
    """
    unknown = [name for name in names if name != senders.ANY and name not in table]
    if not unknown:
        return None
    return (
        f"note: {', '.join(unknown)}: only for POST /v1/contacts, where the sender names the channel; "
        f"channels with a native format are {', '.join(table)}, and those of DUBAN_MAPPINGS"
    )


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List the senders; keys are stored only as hashes, so they cannot be shown."""
    table = Table(title="Senders")
    for column in ("name", "policy", "channels", "actions", "per minute", "since", "revoked"):
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
def revoke(name: SenderName, data: Data = DEFAULT_DATA) -> None:
    """Revoke a sender's key; intake applies it within a few seconds."""
    with system_connection.find(data).connect() as connection:
        if connection.execute(senders.queries["revoke_sender"], {"name": name}).rowcount == 0:
            raise DubanError(f"there is no sender {name!r} with a valid key: `duban sender list` shows them")
    print(f"{name} has no key any more")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="sender")
