"""Checks the rights of a sender before a key is made: each is known, and all fit together (DECISIONS 35). Pure."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import msgspec

from schemas.command import MODELS
from schemas.contact import Code
from services.domain.authority.reach import ANY
from services.domain.authority.table import internal_actions
from services.domain.channels import OWN_FORMAT
from services.domain.policy.pack import Pack
from services.domain.policy.references import references
from services.intake.actors import MAX_NAME_LENGTH
from services.intake.senders import ACTIONS, ROLES, Sender


def people_actions() -> tuple[str, ...]:
    """Return the names of the actions that people take, sorted."""
    return tuple(sorted(MODELS.keys() - internal_actions()))


def channels_of(pack: Pack) -> frozenset[str]:
    """Return the channels that a pack adds, and those that its rules name."""
    parts = (pack.limits, pack.routing, pack.outcome, pack.notices, pack.authority)
    named = (found.name for part in parts for found in references(part) if found.to == "channel")
    return frozenset((*pack.routing.channels, *named))


def problems(
    sender: Sender, packs: Mapping[str, Pack], native: Collection[str], now: datetime, *, own_channels: bool = False
) -> Iterator[str]:
    """Yield everything that is wrong with the rights of a sender, a sentence each that says what to do.

    Args:
        sender: as somebody wants it to be.
        packs: all that there are, by name.
        native: channels with a native format.
        now: real time.
        own_channels: whether it may name channels that nobody knows yet, in our own format.

    """
    if not _is_code(sender.name):
        yield (
            f"{sender.name!r} cannot be the name of a sender: write up to 64 lower-case letters, digits, _, . and -, "
            "the first a letter or a digit"
        )
    yield from (
        f"{person!r} cannot be the name of a person: write at most {MAX_NAME_LENGTH} characters"
        for person in sender.persons
        if not 0 < len(person.strip()) <= len(person) <= MAX_NAME_LENGTH
    )
    yield from _unknown("action", sender.actions, ACTIONS)
    yield from _unknown("role", sender.roles, ROLES)
    yield from _unknown("action to take (--may)", sender.may, people_actions())
    yield from _unknown("pack", sender.packs, sorted(packs), anything=True)
    yield from _unknown_in(sender, [pack for name, pack in packs.items() if sender.reaches_pack(name)])
    if own_channels:
        yield from (f"{channel!r} cannot be a channel" for channel in sender.channels if not _is_reach(channel))
    else:
        named = {channel for pack in packs.values() for channel in channels_of(pack)}
        known = sorted({*native, *OWN_FORMAT, *named})
        or_else = "; --own-channels for one of your own in our own format"
        yield from _unknown("channel", sender.channels, known, anything=True, or_else=or_else)
    yield from (sentence for found, sentence in (*_about_doors(sender, now), *_about_commands(sender)) if found)


def _unknown_in(sender: Sender, packs: Collection[Pack]) -> Iterator[str]:
    """Yield the units and the level that none of the packs has which the key reaches."""
    if not packs:
        return
    units = list(dict.fromkeys(unit for pack in packs for unit in pack.units))
    yield from _unknown("unit", sender.units, units, anything=True)
    if sender.level is not None:
        rules = [pack.outcome.compensation for pack in packs if pack.outcome.compensation is not None]
        levels = list(dict.fromkeys(each.level for rule in rules for each in rule.levels))
        yield from _unknown("level", (sender.level,), levels)


def _about_doors(sender: Sender, now: datetime) -> Iterator[tuple[bool, str]]:
    """Yield what makes no sense of what the key does at the doors: whether it is so, and what to do."""
    takes_contacts = "contacts" in sender.actions
    yield not sender.packs, "name the packs that the key reaches with --pack; '*' for all"
    yield (
        takes_contacts and sender.packs[:1] == (ANY,),
        "name the pack of its contacts as the first --pack: a contact runs under one pack, not under '*'",
    )
    yield not sender.actions, f"name what the key may do with --action: {', '.join(ACTIONS)}"
    yield (
        takes_contacts and not sender.channels,
        "a key for contacts needs the channels that it may use: --channel; '*' for all",
    )
    yield (
        sender.expires_at is not None and sender.expires_at <= now,
        f"it would have expired already, at {sender.expires_at}: choose a later time",
    )


def _about_commands(sender: Sender) -> Iterator[tuple[bool, str]]:
    """Yield what makes no sense of who acts by the key: whether it is so, and what to do."""
    commands = "commands" in sender.actions
    yield (
        commands and not sender.units and not sender.is_portal,
        "a key for commands acts for units, by which it is judged what it may do: name them with --unit",
    )
    yield (
        not sender.units and not commands and bool({"read", "search", "personal"} & set(sender.actions)),
        "a key reads the tickets of its units: name them with --unit; '*' for every ticket of its packs",
    )
    yield (
        bool(sender.units or sender.persons) and not {"commands", "read", "search"} & set(sender.actions),
        "--unit and --person are about commands and reading: add such an --action, or leave them out",
    )
    yield (
        not commands and bool(sender.may or sender.level or sender.roles),
        "--may, --level and --role are about commands: add --action commands, or leave them out",
    )
    yield (
        sender.is_portal and (not sender.channels or ANY in sender.channels),
        "a portal speaks for the customers of its own channels: name each with --channel",
    )


def _unknown(
    kind: str, names: Collection[str], known: Collection[str], *, anything: bool = False, or_else: str = ""
) -> Iterator[str]:
    """Yield that a name is not known, with those that are; `anything`: whether `*` is allowed."""
    choices = ", ".join((*known, "'*' for all") if anything else known) or "none"
    for name in names:
        if name not in known and not (anything and name == ANY):
            yield f"there is no {kind} {name!r}: choose one of {choices}{or_else}"


def _is_code(text: str) -> bool:
    try:
        msgspec.convert(text, Code)
    except msgspec.ValidationError:
        return False
    return True


def _is_reach(text: str) -> bool:
    return text == ANY or _is_code(text)
