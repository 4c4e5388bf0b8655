"""What a burst of similar complaints is, and what becomes of it (R3.7, DECISIONS 16). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from schemas.hot_issue import HotIssue

SPACE = UUID("6f2a34e0-8f0b-5d0c-9a53-0f6f1c6f7a10")


class IssueKey(NamedTuple):
    """What similar complaints have in common."""

    policy: str
    business_type: str
    problem_type: str
    region: str


@dataclass(frozen=True, slots=True)
class BurstLevel:
    """How many complaints of a kind there were at some moment.

    Attributes:
        recent: tickets accepted within the window up to then, and after the kind's last issue was closed.
        usual: mean of the same window of the day over the weeks before; None when too little of them is known.

    """

    recent: int
    usual: float | None


@dataclass(frozen=True, slots=True)
class IssueClosing:
    """A person's word that an issue is over."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class BurstRules:
    """When an issue is hot (DECISIONS 16).

    Attributes:
        window: the span that is looked at.
        least: tickets of a kind within the window that make an issue.
        times: and so many times the usual number.
        days: over which the usual number is taken.
        known_after: days of history that are needed to know it.
        calm_below: share of `least` under which an issue cools.
        calm_after: how long it has to stay under it to be calm.
        closed_after: how long it has to stay calm to be closed.

    """

    window: timedelta = timedelta(minutes=60)
    least: int = 10
    times: float = 3.0
    days: int = 28
    known_after: int = 7
    calm_below: float = 0.5
    calm_after: timedelta = timedelta(hours=2)
    closed_after: timedelta = timedelta(hours=24)


RULES = BurstRules()


def is_hot(heat: BurstLevel, rules: BurstRules = RULES) -> bool:
    """Whether so many complaints make an issue."""
    return heat.recent >= rules.least and (heat.usual is None or heat.recent >= rules.times * heat.usual)


def moments(told: Iterable[datetime], now: datetime, rules: BurstRules = RULES) -> list[datetime]:
    """Return when to ask whether a kind was hot, in order: at the last event of each minute that has any.

    A burst is asked for in its own time, so it is noticed however late its events are read; but not when it is so long
    ago that its issue would be closed again.

    Args:
        told: times of the events that tell of tickets of the kind.
        now: business time.
        rules: when an issue is closed.

    """
    last = {each.replace(second=0, microsecond=0): each for each in sorted(told) if now - each < rules.closed_after}
    return list(last.values())


def begin(kind: IssueKey, heat: BurstLevel, at: datetime) -> HotIssue:
    """Return the issue that begins at a moment; its tickets are counted when they are linked."""
    return HotIssue(
        id=uuid5(SPACE, "\x1f".join((*kind, at.isoformat()))),
        version=1,
        policy=kind.policy,
        business_type=kind.business_type,
        problem_type=kind.problem_type,
        region=kind.region,
        status="open",
        opened_at=at,
        updated_at=at,
        recent=heat.recent,
        usual=heat.usual,
        tickets=0,
        peak=heat.recent,
    )


def step(
    issue: HotIssue,
    heat: BurstLevel,
    tickets: int,
    now: datetime,
    closing: IssueClosing | None = None,
    rules: BurstRules = RULES,
) -> HotIssue:
    """Return the issue after another look; the same object when there is nothing to tell.

    Args:
        issue: as it stood, open or calm.
        heat: the complaints of its kind now.
        tickets: how many are linked to it by now.
        now: business time.
        closing: what a person said.
        rules: when an issue is hot.

    """
    after = _cooled(issue, heat.recent < rules.calm_below * rules.least, now, rules)
    if closing is not None:
        after = after.replace(status="closed", closed_at=now, closed_by=closing.by, reason=closing.reason)
    told = after != issue or breadth(tickets, rules) > breadth(issue.tickets, rules)
    if not told:
        return issue
    return after.replace(
        version=issue.version + 1,
        updated_at=now,
        recent=heat.recent,
        usual=heat.usual,
        tickets=tickets,
        peak=max(issue.peak, heat.recent),
    )


def _cooled(issue: HotIssue, low: bool, now: datetime, rules: BurstRules) -> HotIssue:  # noqa: FBT001 - a fact, not a switch
    if not low:
        # A calm issue that flares up is the same issue.
        return issue.replace(status="open", below_since=None, calm_since=None)
    if issue.below_since is None:
        return issue.replace(below_since=now)
    if issue.status == "open" and now - issue.below_since >= rules.calm_after:
        return issue.replace(status="calm", calm_since=now)
    if issue.calm_since is not None and now - issue.calm_since >= rules.closed_after:
        return issue.replace(status="closed", closed_at=now, closed_by="hot_issues")
    return issue


def breadth(tickets: int, rules: BurstRules = RULES) -> int:
    """Return how broad an issue is: one more each time its tickets have doubled."""
    return (tickets // rules.least).bit_length()
