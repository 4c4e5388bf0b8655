"""Plays what was found again, with real calendars and times, and writes it as a `day.toml`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from duban.proving.checks import Checks
from duban.proving.findings import Finding, crash
from duban.proving.moves import Act, Move
from duban.proving.openings import PHONE, Opening, reopened_at
from duban.proving.steps import NO_TIME, decided, formerly, opened, waited
from duban.proving.time_moves import threshold_of
from duban.proving.toml_text import inline
from schemas.ticket import Ticket
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import PAST

PAUSES = (timedelta(minutes=1), timedelta(hours=1), timedelta(hours=9), timedelta(days=2))
"""How long after one act the next one comes, in the times that are tried."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One step of a story.

    Attributes:
        at: when.
        act: what is done.
        status: of the ticket after it.
        refused: the code of the refusal; empty if it is taken.

    """

    at: datetime
    act: Act
    status: str
    refused: str


@dataclass(frozen=True)
class Story:
    """The shortest way to something wrong.

    Attributes:
        finding: what is wrong.
        opening: the contact that opens the ticket.
        steps: what happens then.
        possible: whether real calendars and times can produce it; otherwise the steps are as the search took them.

    """

    finding: Finding
    opening: Opening
    steps: tuple[StoryStep, ...]
    possible: bool

    def as_day(self, zone: str) -> str:
        """Return the story as a `day.toml` that `duban policy play` plays."""
        contact = _contact(self.opening, zone)
        name = inline(f"{self.finding.name}: {self.finding.message}")
        lines = ["[[case]]", f"name = {name}", 'ours = "found by duban policy prove"', f"contact = {contact}"]
        for step in self.steps:
            lines += ["", "[[case.step]]", f"at = {_local(step.at, zone)}", *_who(step.act)]
            lines.append(f"do = {inline(_plain(step.act.action))}")
            expected = {"refused": step.refused} if step.refused else {"status": step.status}
            lines.append(f"expect = {inline(expected)}")
        return "\n".join([*lines, ""])


def tell(finding: Finding, opening: Opening, moves: Sequence[Move], pack: Pack, checks: Checks) -> Story:
    """Return the story of a finding, with times that produce it if there are any."""
    taken: list[StoryStep] = []
    for start in _starts(opening.contact.received_at, pack):
        for pause in PAUSES:
            first = reopened_at(opening, start)
            steps, found = _play(first, moves, pack, checks, pause)
            if finding.key in {each.key for each in found}:
                return Story(finding, first, tuple(steps), possible=True)
            taken = max(taken, steps, key=len)
    return Story(finding, opening, tuple(taken), possible=False)


def _play(
    opening: Opening, moves: Sequence[Move], pack: Pack, checks: Checks, pause: timedelta
) -> tuple[list[StoryStep], list[Finding]]:
    """Take the moves at real times, as far as they can be taken, and return what is wrong after the last."""
    try:
        step = opened(opening, pack)
    except Exception as error:  # noqa: BLE001 - whatever the rules raise is what is looked for
        return [], [crash("open", error)]
    ticket, total, taken = step.after, NO_TIME, list[StoryStep]()
    found = list(checks.of(step, Move.of(step.act), NO_TIME))
    for move in moves:
        found = []
        ticket = formerly(ticket) if move.former else ticket
        for act in move.acts:
            at = _when(ticket, move, pause)
            if at is None:
                return taken, []
            step = decided(ticket, act, at, pack)
            found += checks.of(step, move, total)
            total = waited(total, [step])
            ticket = step.after
            shown = at - PAST if move.clock is not None else at
            taken.append(StoryStep(shown, act, ticket.status, step.refusal.code if step.refusal is not None else ""))
    if ticket.open and not found and (obstacle := checks.obstacle(ticket)) is not None:
        found.append(obstacle)
    return taken, found


def _when(ticket: Ticket, move: Move, pause: timedelta) -> datetime | None:
    if move.clock is None:
        return ticket.updated_at + pause
    at = threshold_of(ticket, move)
    return None if at is None else at + PAST


def _starts(usual: datetime, pack: Pack) -> Iterator[datetime]:
    """Yield times at which the contact may come: as in the search, late on a Friday, and on the eve of a holiday."""
    yield usual
    zone = ZoneInfo(pack.header.zone)
    day = usual.astimezone(zone).date()
    friday = day + timedelta(days=(4 - day.weekday()) % 7)
    yield datetime.combine(friday, time(17, 50), zone)
    for calendar in pack.calendars.values():
        for ahead in range(1, 366):
            eve, after = day + timedelta(days=ahead), day + timedelta(days=ahead + 1)
            if calendar.works(eve) and not calendar.works(after) and after.isoweekday() in calendar.week:
                yield datetime.combine(eve, time(18, 0), zone)
                break


def _contact(opening: Opening, zone: str) -> str:
    fields: dict[str, Any] = {"at": opening.contact.received_at.astimezone(ZoneInfo(zone))}
    fields |= {"channel": opening.contact.channel, "text": opening.contact.text}
    return inline(fields | {"customer": {"phone": PHONE}} | opening.fields)


def _who(act: Act) -> Iterator[str]:
    if act.unit is not None and act.lacks != "unit":
        yield f"unit = {inline(act.unit)}"
    if act.person is not None:
        yield f"person = {inline(act.person)}"
    if act.level is not None:
        yield f"level = {inline(act.level)}"
    if act.lacks == "pack":
        yield 'key = { packs = ["another"] }'


def _plain(value: Any) -> Any:
    """Return an action as a day file has it."""
    return _without_nothing(msgspec.to_builtins(value))


def _without_nothing(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nothing(each) for name, each in value.items() if each is not None}
    return [_without_nothing(each) for each in value] if isinstance(value, list | tuple) else value


def _local(at: datetime, zone: str) -> str:
    return inline(at.astimezone(ZoneInfo(zone)))
