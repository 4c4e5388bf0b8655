"""`duban sender add | change | rotate | list | show | revoke | unbar`: clients and their keys (DECISIONS 35, 41)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.arguments import SenderName
from duban.defaults import DEFAULT_PACK, DEFAULT_ZONE
from duban.policy_folder import DEFAULT_POLICIES
from duban.system_connection import DEFAULT_DATA, Data
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.domain.policy.pack import Pack
from services.intake import sender_rights, sender_store
from services.intake.channel_registry import channels
from services.intake.sender_store import SenderRecord
from services.intake.senders import ACTIONS, ROLES, Sender
from services.policies import versions
from services.shared.kafka import bars
from services.shared.kafka.bars import Bar
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Senders and their keys.", no_args_is_help=True)
ZONE = ZoneInfo(DEFAULT_ZONE)
"""Zone of a day that is given without a time, and of the times shown."""
_SPAN = re.compile(r"^([0-9]{1,6})(m|h|d)$")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

Packs = Annotated[
    list[str] | None,
    typer.Option("--pack", help="a policy pack that it reaches; its contacts run under the first; '*' for all"),
]
Channels = Annotated[list[str] | None, typer.Option("--channel", help="a channel that it may use; '*' for all")]
Actions = Annotated[list[str] | None, typer.Option("--action", help=f"what it may do: {', '.join(ACTIONS)}")]
Units = Annotated[list[str] | None, typer.Option("--unit", help="a unit that it acts for; '*' for all")]
Roles = Annotated[list[str] | None, typer.Option("--role", help=f"{' or '.join(ROLES)}")]
May = Annotated[
    list[str] | None, typer.Option("--may", help="an action that it may take on tickets; none: all that its units may")
]
Level = Annotated[
    str | None, typer.Option(help="level of authority to compensate, for persons whom the pack does not name")
]
Persons = Annotated[
    list[str] | None, typer.Option("--person", help="a person that it may act as; none: any, named by each command")
]
Expires = Annotated[
    str | None, typer.Option(help="when it expires: 90d, a day, an instant in ISO 8601 with its offset, or never")
]
PerMinute = Annotated[
    int | None, typer.Option("--per-minute", min=1, help="messages in a minute, at the most; none: any number")
]
OwnChannels = Annotated[
    bool, typer.Option("--own-channels", help="allow channels of your own, for contacts in our own format")
]


@group.command()
def add(
    name: SenderName,
    pack: Packs = None,
    channel: Channels = None,
    action: Actions = None,
    unit: Units = None,
    role: Roles = None,
    may: May = None,
    level: Level = None,
    person: Persons = None,
    expires: Expires = None,
    per_minute: PerMinute = None,
    own_channels: OwnChannels = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Create a sender's key and print it, this once; earlier keys of the same name end.

    Without --pack it is for carrier, without --action it takes contacts in.
    """
    sender = Sender(
        name,
        tuple(pack or (DEFAULT_PACK,)),
        tuple(channel or ()),
        tuple(action or ("contacts",)),
        tuple(unit or ()),
        tuple(role or ()),
        tuple(may or ()),
        level,
        tuple(person or ()),
        parse_expiry(expires, datetime.now(UTC)) if expires is not None else None,
        per_minute,
    )
    with system_connection.find(data).connect() as connection:
        check_rights(sender, packs_in(connection), own_channels=own_channels)
        key = sender_store.add(connection, sender)
    print(key)


@group.command()
def change(
    name: SenderName,
    pack: Packs = None,
    channel: Channels = None,
    action: Actions = None,
    unit: Units = None,
    role: Roles = None,
    may: May = None,
    level: Level = None,
    person: Persons = None,
    expires: Expires = None,
    per_minute: PerMinute = None,
    own_channels: OwnChannels = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Change the rights of a sender, whose key stays; what is given replaces what it had, the rest stays.

    An empty text takes away, such as --role ''.
    """
    given: dict[str, object] = {
        attribute: tuple(value for value in values if value)
        for attribute, values in (
            ("packs", pack),
            ("channels", channel),
            ("actions", action),
            ("units", unit),
            ("roles", role),
            ("may", may),
            ("persons", person),
        )
        if values is not None
    }
    if level is not None:
        given["level"] = level or None
    if expires is not None:
        given["expires_at"] = parse_expiry(expires, datetime.now(UTC))
    if per_minute is not None:
        given["per_minute"] = per_minute
    if not given:
        raise DubanError("say what changes: `duban sender change --help` lists what can")
    with system_connection.find(data).connect() as connection:
        record = _find(connection, name)
        sender = replace(record.sender, **given)  # type: ignore[arg-type]
        known = own_channels or channel is None
        check_rights(sender, packs_in(connection), own_channels=known, expires=expires is not None)
        sender_store.change(connection, sender)
    print(f"{name} has other rights now; the doors apply them within a few seconds")


@group.command()
def rotate(
    name: SenderName,
    overlap: Annotated[str, typer.Option(help="how long the present key is valid as well: 24h, 90m, 7d")] = "24h",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a new key of a sender, this once; the present one is valid until the overlap ends."""
    length = parse_span(overlap)
    with system_connection.find(data).connect() as connection:
        _find(connection, name)
        key = sender_store.rotate(connection, name, length)
    if key is None:
        raise _no_sender(name)
    print(key)


@group.command(name="list")
def list_(data: Data = DEFAULT_DATA) -> None:
    """List the senders with their rights and last use; keys are stored as hashes alone and cannot be shown."""
    table = Table(title="Senders")
    for column in ("name", "packs", "channels", "actions", "units", "roles", "expires", "last used", "revoked"):
        table.add_column(column)
    with system_connection.find(data).connect() as connection:
        for record in sender_store.stored(connection):
            sender = record.sender
            lists = (sender.packs, sender.channels, sender.actions, sender.units, sender.roles)
            times = (_moment(sender.expires_at), _moment(record.last_used_at) or "never", _moment(record.revoked_at))
            table.add_row(sender.name, *map(", ".join, lists), *times)
        barred = bars.in_force(connection)
    Console().print(table)
    if barred:
        Console().print(_bar_table(barred))


@group.command()
def unbar(
    name: Annotated[str, typer.Argument(help="the sender, or the channel whose topic it wrote to")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Lift the bars of a sender before they end by themselves; its dead letters until now count no more.

    `duban dlq replay --reason barred` sends the records again that came meanwhile.
    """
    with system_connection.find(data).connect() as connection:
        if not bars.lift(connection, name):
            raise DubanError(f"{name!r} is not barred: `duban sender list` shows who is")
    print(f"{name} is not barred any more; doors and services apply it within a few seconds")


@group.command()
def show(name: SenderName, data: Data = DEFAULT_DATA) -> None:
    """Show everything about a sender: its rights, and when each of its keys was made, ends and was used last."""
    with system_connection.find(data).connect() as connection:
        record = next(sender_store.stored(connection, name), None)
        if record is None:
            raise _no_sender(name)
        keys = sender_store.keys_of(connection, name)
        barred = [bar for bar in bars.in_force(connection) if bar.sender == name]
    lines = _lines(record, barred)
    for label, value in lines.items():
        print(f"{label:<12}{value or '-'}")
    for key in keys:
        ends = "present" if key.present else f"valid until {_moment(key.valid_until)}"
        print(f"{'key':<12}made {_moment(key.created_at)}, {ends}, last used {_moment(key.last_used_at) or 'never'}")


@group.command()
def revoke(name: SenderName, data: Data = DEFAULT_DATA) -> None:
    """Revoke all keys of a sender; intake applies it within a few seconds."""
    with system_connection.find(data).connect() as connection:
        if not sender_store.revoke(connection, name):
            raise _no_sender(name)
    print(f"{name} has no key any more")


def check_rights(
    sender: Sender, packs: Mapping[str, Pack], *, own_channels: bool = False, expires: bool = True
) -> None:
    """Check the rights of a sender.

    Args:
        sender: as it is to be.
        packs: all that there are, by name.
        own_channels: whether it may name channels that nobody knows yet.
        expires: whether its expiry is new, so that it has to be to come.

    Raises:
        DubanError: with everything that is wrong.

    """
    checked = sender if expires else replace(sender, expires_at=None)
    problems = list(sender_rights.problems(checked, packs, channels(), datetime.now(UTC), own_channels=own_channels))
    if problems:
        raise DubanError("\n".join(problems))


def packs_in(connection: psycopg.Connection) -> dict[str, Pack]:
    """Return the packs of a system by name, the latest version of each; before there is any, those of the tree."""
    latest: dict[str, Pack] = {}
    for version in versions.load(connection):
        try:
            latest[version.pack] = version.policy
        except PolicyError:
            # One that only another version of Duban can read; an older version of the pack may do.
            continue
    return latest or loading.load(DEFAULT_POLICIES)


def parse_span(text: str) -> timedelta:
    """Parse a length of real time, such as 24h.

    Raises:
        DubanError: it is none.

    """
    match = _SPAN.match(text.strip())
    if match is None:
        raise DubanError(f"{text!r} is no length of time: write 90m, 24h or 7d")
    return int(match[1]) * _UNITS[match[2]]


def parse_expiry(text: str, now: datetime) -> datetime | None:
    """Return the real time at which a key expires, in UTC; None for never.

    Args:
        text: a length from now, a day (its end in China), an instant with its offset, or never.
        now: real time.

    Raises:
        DubanError: it is none of these.

    """
    text = text.strip()
    if text in {"never", ""}:
        return None
    if _SPAN.match(text):
        return now + parse_span(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise DubanError(
            f"--expires: {text!r} is no time: write 90d, 2027-03-31 or 2027-03-31T18:00:00+08:00"
        ) from None
    if len(text) <= len("2027-03-31"):
        at = datetime.combine(at.date() + timedelta(days=1), time(), ZONE)
    if at.tzinfo is None:
        raise DubanError(f"--expires: {text} has no offset from UTC: write it as {text}+08:00")
    return at.astimezone(UTC)


def _lines(record: SenderRecord, barred: Sequence[Bar]) -> dict[str, str]:
    """Return what there is to show about a sender, by label."""
    sender = record.sender
    return {
        "packs": ", ".join(sender.packs),
        "channels": ", ".join(sender.channels),
        "actions": ", ".join(sender.actions),
        "units": ", ".join(sender.units),
        "roles": ", ".join(sender.roles),
        "may": ", ".join(sender.may) or ("all that its units may" if sender.units else ""),
        "level": sender.level or "",
        "persons": ", ".join(sender.persons) or ("any, named by each command" if sender.units else ""),
        "per minute": str(sender.per_minute or "any number"),
        "created": _moment(record.created_at),
        "expires": _moment(sender.expires_at) or "never",
        "last used": _moment(record.last_used_at) or "never",
        "revoked": _moment(record.revoked_at),
        "barred": "; ".join(f"on {bar.topic} until {_moment(bar.until)}" for bar in barred),
    }


def _bar_table(barred: Sequence[Bar]) -> Table:
    table = Table(title="Barred: too many of their records became dead letters; `duban sender unbar` lifts it")
    for column in ("sender", "topic", "since", "until", "dead letters"):
        table.add_column(column)
    for bar in barred:
        table.add_row(bar.sender, bar.topic, _moment(bar.since), _moment(bar.until), str(bar.dead_letters))
    return table


def _find(connection: psycopg.Connection, name: str) -> SenderRecord:
    record = next(sender_store.stored(connection, name), None)
    if record is None or record.revoked_at is not None:
        raise _no_sender(name)
    return record


def _no_sender(name: str) -> DubanError:
    return DubanError(f"there is no sender {name!r} with a valid key: `duban sender list` shows them")


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}" if at is not None else ""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="sender")
