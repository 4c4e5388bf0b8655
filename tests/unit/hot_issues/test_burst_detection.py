"""When a burst of complaints is a hot issue, and when that is calm or closed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.hot_issue import HotIssue
from services.domain.ids import IssueKey
from services.hot_issues.domain import burst_detection
from services.hot_issues.domain.burst_detection import BurstLevel, IssueClosing
from tests.builders import HOUR, MORNING

KEY = IssueKey("carrier", "broadband", "fault", "长沙")


def issue() -> HotIssue:
    return burst_detection.open_issue(KEY, BurstLevel(12, None), MORNING).replace(tickets=12)


@pytest.mark.requirement("R3.7")
@pytest.mark.parametrize(
    ("recent", "usual", "hot"),
    [(9, None, False), (10, None, True), (10, 0.0, True), (10, 3.3, True), (10, 3.4, False), (30, 10.0, True)],
)
def test_ten_in_an_hour_that_are_three_times_the_usual_are_hot(recent: int, usual: float | None, hot: bool) -> None:  # noqa: FBT001
    assert burst_detection.is_hot(BurstLevel(recent, usual)) is hot


def test_a_burst_is_evaluated_at_its_own_time_once_a_minute() -> None:
    offsets = [timedelta(seconds=seconds) for seconds in (59, 5, 61, 3 * 60)]
    last = [MORNING + timedelta(seconds=seconds) for seconds in (59, 61, 3 * 60)]
    assert burst_detection.evaluation_times([MORNING + offset for offset in offsets], MORNING + 3 * HOUR) == last
    assert burst_detection.evaluation_times([MORNING], MORNING + burst_detection.RULES.closed_after) == []
    assert burst_detection.evaluation_times([], MORNING) == []


def test_an_issue_without_a_change_is_the_same_object() -> None:
    before = issue()
    assert burst_detection.update_issue(before, BurstLevel(13, None), 13, MORNING + HOUR) is before


def test_an_issue_changes_when_its_tickets_have_doubled() -> None:
    after = burst_detection.update_issue(issue(), BurstLevel(21, 2.0), 21, MORNING + HOUR)
    assert (after.version, after.tickets, after.peak, after.usual) == (2, 21, 21, 2.0)
    assert burst_detection.update_issue(after, BurstLevel(39, 2.0), 39, MORNING + 2 * HOUR) is after
    assert burst_detection.update_issue(after, BurstLevel(40, 2.0), 40, MORNING + 2 * HOUR).version == 3


def test_an_issue_is_calm_after_two_low_hours_and_closed_after_a_calm_day() -> None:
    cool = burst_detection.update_issue(issue(), BurstLevel(4, None), 14, MORNING + HOUR)
    assert (cool.status, cool.below_since) == ("open", MORNING + HOUR)
    assert burst_detection.update_issue(cool, BurstLevel(4, None), 14, MORNING + 2.9 * HOUR) is cool
    calm = burst_detection.update_issue(cool, BurstLevel(4, None), 14, MORNING + 3 * HOUR)
    assert (calm.status, calm.calm_since) == ("calm", MORNING + 3 * HOUR)
    assert burst_detection.update_issue(calm, BurstLevel(0, None), 14, MORNING + 26 * HOUR) is calm
    closed = burst_detection.update_issue(calm, BurstLevel(0, None), 14, MORNING + 27 * HOUR)
    assert (closed.status, closed.closed_by, closed.closed_at) == ("closed", "hot_issues", MORNING + 27 * HOUR)


def test_a_calm_issue_that_flares_up_is_open_again() -> None:
    calm = issue().replace(status="calm", below_since=MORNING, calm_since=MORNING + 2 * HOUR)
    again = burst_detection.update_issue(calm, BurstLevel(5, None), 17, MORNING + 5 * HOUR)
    assert (again.status, again.below_since, again.calm_since, again.version) == ("open", None, None, 2)


def test_five_in_an_hour_do_not_cool_an_issue_down() -> None:
    before = issue()
    assert burst_detection.update_issue(before, BurstLevel(5, None), 14, MORNING + HOUR) is before


def test_an_operator_can_close_an_issue_at_any_time() -> None:
    closed = burst_detection.update_issue(
        issue(), BurstLevel(50, None), 15, MORNING + HOUR, IssueClosing("赵工", "line repaired")
    )
    assert (closed.status, closed.closed_by, closed.reason) == ("closed", "赵工", "line repaired")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 600)), max_size=60))
def test_versions_grow_and_a_closed_issue_was_calm_for_a_day(evaluations: list[tuple[int, int]]) -> None:
    current, now, tickets = issue(), MORNING, 12
    for recent, minutes in evaluations:
        now += timedelta(minutes=minutes)
        tickets += recent // 2
        after = burst_detection.update_issue(current, BurstLevel(recent, None), tickets, now)
        assert after is current or after.version == current.version + 1
        assert after.updated_at <= now
        if after.status == "closed":
            assert after.calm_since is not None
            assert now - after.calm_since >= burst_detection.RULES.closed_after
            return
        assert (after.status == "calm") == (after.calm_since is not None)
        assert recent < 5 or after.status == "open"
        current = after
