"""docs/clocks.md: which clocks of each pack run in which state of a ticket, from when, until when, and how long."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from deploy.tools.checkout import PROJECT
from deploy.tools.reference import markdown
from schemas.ticket import Status
from services.domain.policy import loading
from services.domain.policy.clocks import ClockRule
from services.domain.policy.conditions import StateRule, When
from services.domain.policy.limit_tables import LimitRule
from services.domain.policy.pack import Pack

CHANGES = tomllib.loads((Path(__file__).parent / "clocks.toml").read_text(encoding="utf-8"))
STATES = tuple(status for status in Status if status is not Status.ARCHIVED)
INTRODUCTION = """\
A clock belongs to a state, not to an event: its rule in `policies/<pack>/limits.toml` says *while* what
it runs, *until* which facts, from which *anchor* it counts, within what it is the same clock (*once*)
and what a second visit to its state means (*carry*). After each event the ledger compares once what
should run with what runs (`services/ledger/domain/timers.py`); what each action does to the state is in
[states.md](states.md).

Before the answer the outer clock of an open ticket runs, or stands still for a wait that ends by
itself; from the answer to the closing `closing` runs. What was exceeded stays exceeded, what was
committed to a customer stays committed unless the new limit is later, and an act that changes no fact
changes no clock.

A clock with `each = "assisting"` runs once for each assisting unit: from the request until that unit has
fed back or is released, or no unit works on the ticket any more. Its events name the assisting unit, and
its readers are those of that unit and the holder, who stays responsible. The runs of such a clock are
counted over all units, so that ticket, clock, run, limit and threshold name one event."""


def page() -> str:
    """Return docs/clocks.md."""
    packs = loading.load(PROJECT / "policies")
    parts = [f"# Clocks of a ticket\n\n{markdown.GENERATED}\n\n{INTRODUCTION}"]
    for name, pack in packs.items():
        parts += [f"## {name}", _matrix(pack), _rules(pack), *_appeal_bars(pack)]
    return "\n\n".join(parts) + "\n"


def _matrix(pack: Pack) -> str:
    """Return the table of states and clocks of a pack."""
    rows = [
        (_name(rule), *("runs" if status in rule.while_.status else "" for status in STATES))
        for rule in pack.limits.clocks
    ]
    return markdown.table(("clock", *(str(status) for status in STATES)), rows)


def _appeal_bars(pack: Pack) -> Iterator[str]:
    """Return the table of the dates after which no appeal is accepted, where the pack knows any."""
    if pack.outcome.appeal_bars:
        yield "No clock, but a date on the ticket (`appeal_bar`), which nothing waits for:"
        rows = [
            (bar.name, conditions(bar.when) or "all", f"{bar.value} after the matter occurred ({bar.calendar})")
            for bar in pack.outcome.appeal_bars
        ]
        yield markdown.table(("until when the customer may appeal", "for", "date"), rows)


def _rules(pack: Pack) -> str:
    columns = ("clock", "for", "runs while", "until", "counts from", "once, carry", "limits", "at its end", "in 0.2.0")
    return markdown.table(columns, (_rule(rule, pack.header.name) for rule in pack.limits.clocks))


def _rule(rule: ClockRule, pack: str) -> tuple[str, ...]:
    return (
        _name(rule),
        _tickets(rule),
        _state(rule.while_, rule),
        _until(rule),
        _anchor(rule),
        f"{rule.once}, {rule.carry}",
        "; ".join(_limit(row) for row in rule.limits),
        _end(rule),
        CHANGES.get(pack, {}).get(rule.name) or CHANGES["every"][rule.name],
    )


def _name(rule: ClockRule) -> str:
    note = " (outer)" if rule.outer else " (one for each assisting unit)" if rule.runs_for is not None else ""
    return f"{markdown.code(rule.name)} {rule.title.zh}{note}"


def _tickets(rule: ClockRule) -> str:
    parts = [conditions(rule.when)] if rule.when != When() else []
    if rule.unless is not None:
        parts.append(f"not {conditions(rule.unless)}")
    return ", ".join(parts) or "all"


def conditions(when: When) -> str:
    """Return the conditions of a rule as a text; empty if it has none."""
    given = when.model_dump(exclude_defaults=True)
    return ", ".join(f"{name} {_value(value)}" for name, value in given.items())


def _value(value: object) -> str:
    return " or ".join(str(each) for each in value) if isinstance(value, tuple | list) else str(value)


def _state(state: StateRule, rule: ClockRule) -> str:
    parts = [", ".join(state.status)]
    for label, units in (("held by", state.holder), ("held by a", state.holder_kind), ("on its way by", state.chain)):
        if units:
            parts.append(f"{label} {' or '.join(units)}")
    if state.claimed is not None:
        parts.append("which has taken it" if state.claimed else "which has not taken it")
    if rule.after:
        parts.append(f"after {', '.join(rule.after)}")
    if rule.pauses_for:
        parts.append(f"pauses while waiting for the {' or the '.join(rule.pauses_for)}")
    return "; ".join(parts)


def _until(rule: ClockRule) -> str:
    return " or ".join((*rule.until, *([" and ".join(rule.until_all)] if rule.until_all else [])))


def _anchor(rule: ClockRule) -> str:
    named = {
        "contact": "the contact",
        "acceptance": "the acceptance",
        "run": "the beginning of the run",
        "stage": "the beginning of the stage",
        "condition": "when all of it holds",
        "request": "the request for assistance",
    }
    return named.get(rule.anchor, f"the entry {rule.anchor}")


def _limit(row: LimitRule) -> str:
    length = str(row.value) if row.value is not None else f"{row.lower} to {row.upper}" if row.lower else ""
    if row.at is not None:
        named = f"the time that the {row.at} names"
        length = f"{length} or {named}, the {row.pick}" if length else named
    if row.moved is not None:
        length += f", at least {row.moved.value} after {row.moved.fact}"
    return f"{row.name}: {length}" + (f" ({row.calendar})" if row.calendar else "")


def _end(rule: ClockRule) -> str:
    if rule.breach.does == "archive":
        return "archived"
    ends = {"supervise": "supervision order", "note": "a note, nothing is exceeded"}[rule.breach.does]
    if rule.breach.regrade is not None:
        ends += f", becomes {rule.breach.regrade}"
    warnings = ", ".join(
        f"{warning.part:.0%}" if warning.part is not None else str(warning.after) for warning in rule.warnings
    )
    return f"warns at {warnings}; {ends}" if warnings else ends
