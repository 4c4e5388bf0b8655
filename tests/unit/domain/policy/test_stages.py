"""Stages fit into the promise, for each kind, tier and type, whenever a ticket comes (DECISIONS 1)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading, stages
from services.domain.policy.clocks import ClockRule
from services.domain.policy.pack import Pack
from services.domain.policy.situations import situations
from tests.builders import HOUR, PACK, PACKS

MONDAY = datetime(2026, 3, 9, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def with_clock(pack: Pack, name: str, change: Callable[[ClockRule], ClockRule]) -> Pack:
    clocks = tuple(change(clock) if clock.name == name else clock for clock in pack.limits.clocks)
    return replace(pack, limits=pack.limits.model_copy(update={"clocks": clocks}))


def edited(name: str, old: str, new: str) -> Pack:
    """Return a pack whose limits.toml has another text in one place."""
    files = loading.read_files(PROJECT / "policies", name)
    assert old in files["limits.toml"]
    return loading.from_files(name, files | {"limits.toml": files["limits.toml"].replace(old, new, 1)})


@pytest.mark.requirement("R4.2", "R8.1")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_every_pack_promises_something_to_everybody_and_its_stages_fit(name: str) -> None:
    assert list(stages.missing_promises(PACKS[name])) == []
    assert list(stages.misfits(PACKS[name])) == []


@pytest.mark.requirement("R4.2")
def test_the_department_has_twelve_hours_for_a_general_ticket() -> None:
    """1 + 4 + 12 + 2 fits into 24 h (DECISIONS 1)."""
    handling = PACK.limits.by_name["handling"]
    for facts in situations(PACK):
        if facts.tier == "general" and handling.when.holds(facts):
            row = next(row for row in handling.limits if row.when.holds(facts))
            longest = row.value or row.upper
            assert longest is not None
            assert longest.length <= 12 * HOUR, facts


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('upper = "60h"', 'upper = "66h"', "handling 66h + answer 2h do not fit into promise 72h"),
        ('name = "answer"\nvalue = "2h"', 'name = "answer"\nvalue = "8h"', "answer 8h do not fit into promise 24h"),
        ('value = "24h"\nfrom = "002-1 §2.4.1', 'value = "18h"\nfrom = "002-1 §2.4.1', "they end 1 h late"),
        (
            'value = "9wd"',
            'value = "7wd"',
            "review 4h + escalated 7wd + hq_review 2wd do not fit into escalated_promise",
        ),
        ('value = "96h"', 'value = "192h"', "appeal_dispatch 24h + appeal_handling 192h + appeal_reply 48h do not fit"),
        ('outlasts_promise = { by = "1wd"', 'outlasts_promise = { by = "1h"', "do not fit into escalated_promise"),
    ],
)
def test_stages_that_are_too_long_are_found(old: str, new: str, message: str) -> None:
    found = "\n".join(stages.misfits(edited("carrier", old, new)))
    assert message in found
    assert "shorten one, or write outlasts_promise with `by` and its source" in found


def test_what_a_document_lets_outlast_the_promise_is_found_without_its_row() -> None:
    """A major complaint to a property company gets its answer in 2 days, and may be solved in 10 (002-5)."""
    (found,) = stages.misfits(edited("property", 'outlasts_promise = { by = "10d"', 'outlasts_promise = { by = "1d"'))
    assert "handling 10d + answer 0d do not fit into promise 2d for tier major" in found


def test_a_pack_without_an_outer_clock_is_found() -> None:
    bare = with_clock(PACKS["bus"], "promise", lambda clock: clock.model_copy(update={"outer": False}))
    found = list(stages.missing_promises(bare))
    assert len(found) == len(PACKS["bus"].routing.kinds) * len(stages.ORDER)
    assert "no clock with outer = true runs for kind complaint" in found[0]
    assert "nothing is promised to the customer" in found[0]


def test_a_kind_or_a_status_without_a_promise_is_found() -> None:
    found = list(stages.missing_promises(edited("carrier", '"complaint", "suggestion", "c', '"complaint", "c')))
    assert [each.partition(" while ")[2].split(",")[0] for each in found] == [each.value for each in stages.ORDER]
    assert all("kind suggestion" in each for each in found)
    late = edited("bank", 'while = { status = ["accepted", "d', 'while = { status = ["d')
    assert {each.partition(" while ")[2].split(",")[0] for each in stages.missing_promises(late)} == {"accepted"}


def test_the_latest_start_of_each_stage_still_keeps_the_promise() -> None:
    (course,) = [
        many.course
        for many in stages.courses(PACK, MONDAY)
        if any((each.kind, each.tier, each.problem) == ("complaint", "provincial", "charging") for each in many.facts)
    ]
    latest = {stage.clock.name: (at - MONDAY) / HOUR for stage, at in stages.latest_starts(PACK, course)}
    assert latest == {"form": 17, "review": 18, "handling": 22, "answer": 46}


@pytest.mark.parametrize("name", sorted(PACKS))
def test_what_begins_at_its_latest_start_ends_before_the_next_has_to_begin(name: str) -> None:
    for many in stages.courses(PACKS[name], MONDAY):
        found = stages.latest_starts(PACKS[name], many.course)
        ends = [*(at for _, at in found), many.course.due][1:]
        for (stage, begins), end in zip(found, ends, strict=True):
            span = stage.row.value or stage.row.upper
            assert span is not None
            calendar = PACKS[name].calendar(stage.row.calendar or stage.clock.calendar)
            assert calendar.due(begins, span) <= end < calendar.due(begins + timedelta(minutes=2), span)


def test_courses_are_shown_with_the_tickets_that_have_them() -> None:
    start = stages.ordinary_monday(PACKS["bus"], date(2026, 2, 10))
    assert start == datetime(2026, 3, 2, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai")), "after the Spring Festival"
    lines = [
        line
        for many in stages.courses(PACKS["bus"], start)
        for line in stages.described_course(PACKS["bus"], many, start)
    ]
    assert lines[:2] == [
        "tier serious: promise 5wd, for a ticket of Mon 02 Mar 2026, 09:00 due Mon 09 Mar 2026, 17:30",
        "  investigation 1h: begins by Mon 09 Mar 2026, 16:30, 176 h after the contact; may outlast it by 1h",
    ]
