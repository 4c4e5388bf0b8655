"""Compares what a simulation came to with what was expected; a word that nobody knows is an error, never a match.

Most expectations are fields of the ticket or of its classification. The others look at more than one field:

- `refused` and `missing`: the code of the refusal, or "" for none, and what it says is missing;
- `due`: of clocks that run, when they are due, or false; `clocks`: see `CLOCK_FIELDS`;
- `running`: every clock that runs, no more and no less, with when it is due, or "paused";
- `may`: by unit, service or customer, which actions they may take now, no more and no less;
- `who_may`: by action, which units, services and whether the customer may take it now, no more and no less;
- `acts_for`: the unit below for which a supervising unit took the last step, or "" where it has the right itself;
- `events`: the types of the last events; `happened`: types that are among all events;
- `notices`: by reader (customer, unit.<code>, person.<code>), which letters the last step sent;
- `callback`: see `CALLBACK_FIELDS`; `figures`: by KPI, what the ticket adds to it, as 1 or as "1/1";
- `routed`: what became of a contact (see `ROUTED`); `links`: the kinds of the ticket's links.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from duban.policy_simulation import PolicySimulation
from duban.present_rights import holders_of, rights_of
from duban.rehearsal_input import RehearsalError, check_names, table
from duban.rehearsed_facts import NO_PLAN, clock_state, counted_in, every_timer, format_part, plan_values, warnings_at
from schemas.base import Model, field_names
from schemas.ticket import SlaTimer, Ticket
from services.domain.events import EVENTS
from services.domain.kpi.catalogue import KPIS
from services.domain.policy.notices import CUSTOMER
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import ESCALATION
from services.ledger.domain.timers import WAITS

NO_VALUE = ""
"""Stands for None in a file, since TOML has no null."""
CLASSIFICATION_FIELDS = (
    "kind",
    "origin",
    "validity",
    "opening",
    "founded",
    "liability",
    "tier",
    "vip",
    "priority",
    "signals",
    "business_type",
    "problem_type",
    "department",
    "path",
    "triage",
)
"""Expected fields that are looked up in the classification; others are looked up in the ticket."""
CLOCK_FIELDS: Mapping[str, Callable[[SlaTimer], Any]] = {
    "start": lambda timer: timer.started_at,
    "due": lambda timer: timer.due_at,
    "warns": warnings_at,
    "escalates": lambda timer: [point.at for point in timer.thresholds if point.name.startswith(ESCALATION)],
    "tells": lambda timer: sorted({reader for point in timer.thresholds for reader in point.notifies}),
    "readers": lambda timer: {point.name: sorted(point.notifies) for point in timer.thresholds},
    "state": clock_state,
    "run": lambda timer: timer.run,
    "rule": lambda timer: timer.rule,
}
"""What can be expected of the latest run of a clock; `readers` is by threshold, such as breach."""
CALLBACK_FIELDS = ("state", "means", "due", "until", "script", "attempts", "reason")
"""What can be expected of the callback plan; without a plan its state is `none`."""
PAUSED = "paused"
"""Stands for the end of a clock that stands still."""
ROUTED: Mapping[str, frozenset[str]] = {
    "new": frozenset({"accepted"}),
    "join": frozenset({"corrected"}),
    "reopen": frozenset({"reopened"}),
    "remind": frozenset({"reminded"}),
    "add_contact": frozenset({"contact_added"}),
    "survey": frozenset({"survey_answered", "callback_ended"}),
}
"""What may become of a contact, by the events that show it; the first that fits."""


def differences(simulation: PolicySimulation, expected: Mapping[str, Any]) -> Iterator[str]:
    """Return a line for each expectation that the ticket which is looked at does not meet.

    Raises:
        RehearsalError: an expectation names something that there is not, or has a value that can never be.

    """
    for name, wanted in table(expected, "expect").items():
        _check_times(name, wanted)
        found = _found(simulation, name, wanted)
        refusal, zone = simulation.refusal, ZoneInfo(simulation.pack.header.zone)
        because = f" ({refusal.message})" if name == "refused" and refusal is not None else ""
        for path, one, other in _differing(name, found, wanted):
            yield f"{path} is {_shown(one, zone)}{because}, not {_shown(other, zone)}"


def _found(simulation: PolicySimulation, name: str, wanted: Any) -> Any:
    if name in SPECIAL:
        return SPECIAL[name](simulation, wanted)
    ticket = simulation.subject.ticket
    holder: Model = ticket.classification if name in CLASSIFICATION_FIELDS else ticket
    check_names([name], (*SPECIAL, *CLASSIFICATION_FIELDS, *field_names(Ticket)), "expectation")
    return _as_expected(getattr(holder, name), wanted, name)


def _as_expected(found: Any, wanted: Any, path: str) -> Any:
    """Return a value as a file writes it; of an object only the fields that are expected."""
    if isinstance(found, Model):
        if not isinstance(wanted, Mapping):
            return msgspec.to_builtins(found, builtin_types=(datetime,))
        check_names(wanted, field_names(type(found)), f"field of {path}")
        return {name: _as_expected(getattr(found, name), each, f"{path}.{name}") for name, each in wanted.items()}
    if isinstance(found, tuple | list):
        items = wanted if isinstance(wanted, list) and len(wanted) == len(found) else [None] * len(found)
        return [_as_expected(each, item, path) for each, item in zip(found, items, strict=True)]
    return found.value if isinstance(found, Enum) else found


def _refused(simulation: PolicySimulation, _: Any) -> str:
    return simulation.refusal.code if simulation.refusal is not None else ""


def _missing(simulation: PolicySimulation, _: Any) -> list[str]:
    return list(simulation.refusal.missing) if simulation.refusal is not None else []


def _due(simulation: PolicySimulation, wanted: Any) -> dict[str, datetime | bool]:
    found: dict[str, datetime | bool] = {}
    for name in _named(wanted, "due"):
        running = [timer for timer in _timers(simulation, name) if timer.stopped_at is None]
        found[name] = running[-1].due_at if running else False
    return found


def _clocks(simulation: PolicySimulation, wanted: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, fields in _named(wanted, "clocks").items():
        named = _named(fields, f"clocks.{name}")
        check_names(named, CLOCK_FIELDS, "expectation of a clock")
        timers = _timers(simulation, name)
        if not timers:
            found[name] = dict.fromkeys(named, "the ticket does not have it")
            continue
        values = {field: CLOCK_FIELDS[field](timers[-1]) for field in named}
        if "readers" in named:
            readers = _named(named["readers"], f"clocks.{name}.readers")
            check_names(readers, values["readers"], f"threshold of {name}")
            values["readers"] = {threshold: values["readers"][threshold] for threshold in readers}
        found[name] = values
    return found


def _running(simulation: PolicySimulation, wanted: Any) -> dict[str, datetime | str]:
    """Return every clock that runs; that of an assisting unit is named as in `assistance/network`."""
    known = simulation.pack.limits.by_name.keys() | WAITS
    check_names((name.partition("/")[0] for name in table(wanted, "running")), known, "clock")
    return {
        f"{timer.name}/{timer.unit}" if timer.unit else timer.name: PAUSED if timer.paused_at else timer.due_at
        for timer in simulation.subject.ticket.clocks
        if timer.stopped_at is None
    }


def _may(simulation: PolicySimulation, wanted: Any) -> dict[str, list[str]]:
    ticket, pack = simulation.subject.ticket, simulation.pack
    return {who: rights_of(who, ticket, pack) for who in _named(wanted, "may")}


def _who_may(simulation: PolicySimulation, wanted: Any) -> dict[str, list[str]]:
    ticket, pack = simulation.subject.ticket, simulation.pack
    return {action: holders_of(action, ticket, pack) for action in _named(wanted, "who_may")}


def _timers(simulation: PolicySimulation, name: str) -> list[SlaTimer]:
    """Return the timers of a clock; the one of an assisting unit alone is named as in `assistance/network`."""
    clock, slash, unit = name.partition("/")
    check_names([clock], simulation.pack.limits.by_name.keys() | WAITS, "clock")
    if slash:
        check_names([unit], simulation.pack.units, "unit")
    return [
        timer for timer in every_timer(simulation.subject) if timer.name == clock and (not unit or timer.unit == unit)
    ]


def _acts_for(simulation: PolicySimulation, wanted: Any) -> str | None:
    check_names([str(wanted)], (NO_VALUE, *simulation.pack.units), "unit")
    found = (event.details.get("acts_for") for event in simulation.recent)
    return next((unit for unit in found if unit is not None), None)


def event_types(pack: Pack) -> frozenset[str]:
    """Return every type of event that a ticket of a pack may have."""
    return frozenset({*EVENTS, *(rule.event for rule in pack.outcome.entries)})


def _events(simulation: PolicySimulation, wanted: Any) -> list[str]:
    types = [event.type for event in simulation.events]
    return types[-len(_types(simulation, wanted, "events")) :]


def _happened(simulation: PolicySimulation, wanted: Any) -> list[str]:
    types = {event.type for event in simulation.events}
    return [type_ for type_ in _types(simulation, wanted, "happened") if type_ in types]


def _types(simulation: PolicySimulation, wanted: Any, name: str) -> list[str]:
    if not isinstance(wanted, list) or not wanted:
        raise RehearsalError(f'{name}: write a list of types of events, such as ["dispatched"], not {wanted!r}'[:300])
    check_names(map(str, wanted), event_types(simulation.pack), "event")
    return wanted


def _notices(simulation: PolicySimulation, wanted: Any) -> dict[str, list[str]]:
    pack, recent = simulation.pack, {event.id for event in simulation.recent}
    readers = {CUSTOMER, *(f"{kind}.{code}" for code in pack.units for kind in ("unit", "person"))}
    letters = {rule.letter for rule in pack.notices.notices} | {rule.letter for rule in pack.notices.apologies}
    found: dict[str, list[str]] = {}
    for reader, expected in _named(wanted, "notices").items():
        check_names([reader], readers, "reader")
        check_names(map(str, expected if isinstance(expected, list) else [expected]), letters, "letter")
        sent = (notice for event, notice in simulation.subject.notices if event.id in recent)
        found[reader] = sorted(notice.template for notice in sent if notice.audience == reader)
    return found


def _callback(simulation: PolicySimulation, wanted: Any) -> dict[str, Any]:
    named = _named(wanted, "callback")
    check_names(named, CALLBACK_FIELDS, "expectation of the callback")
    plan = simulation.subject.plan
    if plan is None:
        return dict.fromkeys(named) | {"state": NO_PLAN}
    values = plan_values(plan)
    return {name: values[name] for name in named}


def _figures(simulation: PolicySimulation, wanted: Any) -> dict[str, Any]:
    """Return what the ticket adds to some KPIs: False where it does not count at all."""
    named = _named(wanted, "figures")
    check_names(named, KPIS, "figure")
    at = simulation.subject.ticket.updated_at
    found = {figure.name: format_part(figure.part) for figure in counted_in(simulation.subject, simulation.pack, at)}
    return {name: found.get(name, False) for name in named}


def _routed(simulation: PolicySimulation, wanted: Any) -> str:
    check_names([str(wanted)], ROUTED, "outcome of a contact")
    types = {event.type for event in simulation.recent}
    return next((name for name, shown_by in ROUTED.items() if shown_by & types), "nothing")


def _links(simulation: PolicySimulation, _: Any) -> list[str]:
    return [link.kind for link in simulation.subject.ticket.links]


def _appeal_barred_at(simulation: PolicySimulation, _: Any) -> datetime | None:
    bar = simulation.subject.ticket.appeal_bar
    return bar.at if bar is not None else None


SPECIAL: Mapping[str, Callable[[PolicySimulation, Any], Any]] = {
    "refused": _refused,
    "missing": _missing,
    "due": _due,
    "clocks": _clocks,
    "running": _running,
    "may": _may,
    "who_may": _who_may,
    "acts_for": _acts_for,
    "events": _events,
    "happened": _happened,
    "notices": _notices,
    "callback": _callback,
    "figures": _figures,
    "routed": _routed,
    "links": _links,
    "appeal_barred_at": _appeal_barred_at,
}
"""Expectations that look at more than one field of the ticket, by their name."""


def _named(wanted: Any, name: str) -> Mapping[str, Any]:
    """Return an expected table, which has to expect something."""
    if not table(wanted, name):
        raise RehearsalError(f"{name}: it is empty, so it expects nothing: name something, or leave it out")
    return table(wanted, name)


def _check_times(name: str, wanted: Any) -> None:
    """Check that every time has an offset: one without would never be equal, and would not say why."""
    if isinstance(wanted, datetime) and wanted.tzinfo is None:
        raise RehearsalError(f"{name}: {wanted.isoformat()} has no offset from UTC: write {wanted.isoformat()}+08:00")
    inner: Iterable[tuple[str, Any]] = ()
    if isinstance(wanted, Mapping):
        inner = ((f"{name}.{key}", each) for key, each in wanted.items())
    elif isinstance(wanted, list):
        inner = ((name, each) for each in wanted)
    for path, each in inner:
        _check_times(path, each)


def _differing(path: str, found: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """Return the parts of an expectation that are not met, each with its path, what was found and what was wanted."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping) and found.keys() == wanted.keys():
        for name in wanted:
            yield from _differing(f"{path}.{name}", found[name], wanted[name])
    elif not _equal(found, wanted):
        yield path, found, wanted


def _equal(found: Any, wanted: Any) -> bool:
    """Return whether a value is the expected one; 1 is not true, and an empty text stands for nothing."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(_equal(found[name], wanted[name]) for name in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_equal, found, wanted))
    if isinstance(found, bool) is not isinstance(wanted, bool):
        return False
    return bool(found == wanted) or (found is None and wanted == NO_VALUE)


def _shown(value: Any, zone: ZoneInfo) -> str:
    """Return a value as a person writes it, with times in the pack's zone."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shown(each, zone)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each, zone) for each in value) + "]"
    return repr(value)
