"""What exists for the rules of a pack to refer to: Duban's own words, and what the pack defines. Pure."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import get_args

import msgspec

from schemas.action import Suspend
from schemas.command import MODELS
from schemas.contact import Contact
from services.domain.authority.table import internal_actions
from services.domain.channels import CHANNELS
from services.domain.events import EVENTS
from services.domain.policy.clocks import ANCHORS, FACTS
from services.domain.policy.notices import HOT_ISSUE_OPENED
from services.domain.policy.outcome import ASSISTANCE, CALLBACK, OUTCOME_PARTS, PHONE
from services.domain.policy.pack import Pack
from services.domain.policy.routing import Signal
from services.domain.policy.units import ROLES

READERS = frozenset({"unit", "person", "holder", "centre", "next_level"})
"""Readers that a limit or a notice may name, besides the codes of units."""
LIABILITIES = frozenset({"liable", "not_liable", "unclear"})
"""Who is liable, as an assessment may find (R3.6)."""
NETWORKS = frozenset({"2g", "3g", "4g", "5g"})
"""Network generations that a customer may use, as policies write them."""
VIP = "vip"
UNKNOWN_FIELDS = "unknown_fields"
MEANS = frozenset({PHONE, "sms", "mail"})
"""Means by which a customer is asked after the answer."""
NEEDED_TO_DECIDE = frozenset(
    {
        *("anchor", "calendar", "covers", "entry", "event", "fact", "group", "level", "person", "reader"),
        *("requirement", "title", "unit"),
    }
)
"""Names without which no decision can be made, so that even a version in force is refused where one is unknown."""


def known_names(pack: Pack) -> Mapping[str, AbstractSet[str]]:
    """Return the names that exist, by what a field of a policy file may refer to (`references.Refers`).

    Letters are in no pack: `duban policy check` finds a letter that is missing when it renders all of them.
    """
    entries = pack.entries.keys()
    rule = pack.outcome.compensation
    routing = pack.routing
    titled = {*routing.kinds, *routing.validities, *routing.origins, *routing.channels, *pack.tiers}
    return {
        "action": MODELS.keys() - internal_actions(),
        "anchor": ANCHORS | entries | {ASSISTANCE},
        "business": pack.business,
        "calendar": pack.calendars.keys(),
        "channel": CHANNELS | {*pack.routing.channels},
        "clock": pack.limits.by_name.keys(),
        "covers": set(rule.covers) if rule is not None else set(),
        "entry": entries,
        "event": EVENTS.keys() | {HOT_ISSUE_OPENED} | {entry.event for entry in pack.outcome.entries},
        "fact": FACTS | entries | {ASSISTANCE},
        "field": frozenset(contact_fields()),
        "group": {group.code for group in pack.types.groups},
        "kind": set(pack.routing.kinds),
        "level": {level.level for level in rule.levels} if rule is not None else set(),
        "liability": LIABILITIES,
        "means": MEANS,
        "network": NETWORKS | {VIP},
        "origin": set(pack.routing.origins),
        "person": pack.persons.keys(),
        "problem": pack.problems,
        "reader": READERS | pack.units.keys(),
        "requirement": {*OUTCOME_PARTS, CALLBACK, *entries},
        "role": ROLES,
        "signal": frozenset(get_args(Signal)),
        "tier": pack.tiers,
        "title": pack.routing.titles.keys(),
        "titled": titled,
        "unit": pack.units.keys(),
        "validity": set(pack.routing.validities),
        "wait": _waits(),
    }


@cache
def _waits() -> AbstractSet[str]:
    """Return what a suspension may wait for."""
    return frozenset(get_args(Suspend.__annotations__["waiting_for"]))


@cache
def contact_fields() -> tuple[str, ...]:
    """Return the paths of the fields that a registration form may show, such as `customer.name`."""
    return tuple(_fields(Contact, ""))


def _fields(model: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    for field in msgspec.structs.fields(model):
        if field.name == UNKNOWN_FIELDS:
            continue
        path = f"{prefix}{field.name}"
        inner = next((each for each in (field.type, *get_args(field.type)) if _is_struct(each)), None)
        yield path
        if inner is not None and not _is_list(field.type):
            yield from _fields(inner, f"{path}.")


def _is_struct(type_: object) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _is_list(type_: object) -> bool:
    return getattr(type_, "__origin__", None) is tuple
