"""Detects bursts of similar complaints, and turns hot issues from open to calm to closed (R3.7, DECISIONS 16). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.hot_issue import HotIssue
from services.domain.ids import IssueKey, hot_issue_id


@dataclass(frozen=True, slots=True)
class BurstLevel:
    """The number of complaints of a kind at an instant.

    Attributes:
        recent: tickets accepted within the window up to then, and after the kind's last issue was closed.
        usual: mean of the same window of the day over the weeks before; None when too few days are known.

    """

    recent: int
    usual: float | None


@dataclass(frozen=True, slots=True)
class IssueClosing:
    """An operator's request to close an issue."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class BurstRules:
    """When an issue is hot, calm and closed (DECISIONS 16).

    Attributes:
        window: the time span in which tickets are counted.
        min_tickets: number of tickets within the window that make an issue, provided that
        usual_factor: they are so many times the usual number.
        baseline_days: days over which the usual number is taken.
        min_baseline_days: days of history without which the usual number is unknown.
        calm_share: share of `min_tickets` below which an issue cools down.
        calm_after: how long it has to stay below that to be calm.
        closed_after: how long it has to stay calm to be closed.

    """

    window: timedelta = timedelta(minutes=60)
    min_tickets: int = 10
    usual_factor: float = 3.0
    baseline_days: int = 28
    min_baseline_days: int = 7
    calm_share: float = 0.5
    calm_after: timedelta = timedelta(hours=2)
    closed_after: timedelta = timedelta(hours=24)


RULES = BurstRules()


def is_hot(level: BurstLevel, rules: BurstRules = RULES) -> bool:
    """Whether the number of complaints makes an issue."""
    return level.recent >= rules.min_tickets and (
        level.usual is None or level.recent >= rules.usual_factor * level.usual
    )


def evaluation_times(events: Iterable[datetime], now: datetime, rules: BurstRules = RULES) -> list[datetime]:
    """Return the instants at which to test whether a kind was hot: the last event of each minute that has any.

    A burst is tested at its own time, so it is noticed however late its events are read; unless it is so long ago that
    its issue would be closed again.

    Args:
        events: times of the events of the kind's tickets.
        now: business time.
        rules: when an issue is closed.

    """
    recent = sorted(at for at in events if now - at < rules.closed_after)
    return list({at.replace(second=0, microsecond=0): at for at in recent}.values())


def open_issue(key: IssueKey, level: BurstLevel, at: datetime) -> HotIssue:
    """Return the issue that begins at an instant, still without tickets: they are counted when they are linked."""
    return HotIssue(
        id=hot_issue_id(key, at),
        version=1,
        policy=key.policy,
        business_type=key.business_type,
        problem_type=key.problem_type,
        region=key.region,
        status="open",
        opened_at=at,
        updated_at=at,
        recent=level.recent,
        usual=level.usual,
        tickets=0,
        peak=level.recent,
    )


def update_issue(
    issue: HotIssue,
    level: BurstLevel,
    tickets: int,
    now: datetime,
    closing: IssueClosing | None = None,
    rules: BurstRules = RULES,
) -> HotIssue:
    """Return the issue after another evaluation; the same object when there is no change to publish.

    Args:
        issue: as it was, open or calm.
        level: the number of complaints of its kind now.
        tickets: number of tickets that are linked to it by now.
        now: business time.
        closing: an operator's request to close it.
        rules: when an issue is hot, calm and closed.

    """
    after = _update_status(issue, level.recent < rules.calm_share * rules.min_tickets, now, rules)
    if closing is not None:
        after = after.replace(status="closed", closed_at=now, closed_by=closing.by, reason=closing.reason)
    if after == issue and magnitude(tickets, rules) <= magnitude(issue.tickets, rules):
        return issue
    return after.replace(
        version=issue.version + 1,
        updated_at=now,
        recent=level.recent,
        usual=level.usual,
        tickets=tickets,
        peak=max(issue.peak, level.recent),
    )


def _update_status(issue: HotIssue, low: bool, now: datetime, rules: BurstRules) -> HotIssue:  # noqa: FBT001 - a fact, not a switch
    if not low:
        # A calm issue that flares up again stays the same issue.
        return issue.replace(status="open", below_since=None, calm_since=None)
    if issue.below_since is None:
        return issue.replace(below_since=now)
    if issue.status == "open" and now - issue.below_since >= rules.calm_after:
        return issue.replace(status="calm", calm_since=now)
    if issue.calm_since is not None and now - issue.calm_since >= rules.closed_after:
        return issue.replace(status="closed", closed_at=now, closed_by="hot_issues")
    return issue


def magnitude(tickets: int, rules: BurstRules = RULES) -> int:
    """Return the size class of an issue: one more each time that its tickets have doubled."""
    return (tickets // rules.min_tickets).bit_length()
