"""Whether the stages of a ticket fit into the promise, and when each has to begin at the latest (DECISIONS 1). Pure.

A pack promises something to everybody: for each kind, tier and type an outer clock runs in every status before the
answer. Its stages follow each other; when each takes its whole limit, the last one ends with the promise at the
latest, whenever the ticket comes. What the documents let outlast the promise says so in its row (`outlasts_promise`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.ticket import Status
from services.domain.policy.base import Span
from services.domain.policy.clocks import UNDER_WAY, ClockRule
from services.domain.policy.conditions import Facts
from services.domain.policy.limit_tables import LimitRule
from services.domain.policy.pack import Pack
from services.domain.policy.situations import concerns, described, situations
from services.domain.sla.calendar import DAY

ORDER = (Status.ACCEPTED, Status.DISPATCHED, Status.HANDLING, Status.FED_BACK)
"""The statuses before the answer, in the order in which a ticket passes them."""
LEAVING = frozenset({"dispatched", "claimed", "answered"})
"""Facts that come with the next status."""
PROBES = (time(0, 0), time(17, 29), time(23, 59))
"""Times of day at which a ticket comes, for limits that depend on it: what follows falls on the next day at worst."""
PRECISION = timedelta(minutes=1)
LONGEST_SEARCH = timedelta(days=400)

Key = tuple[tuple[str, str], ...]
"""The clocks and rows that set the limits of a ticket."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a ticket that takes its whole limit.

    Attributes:
        clock: the clock that limits it.
        row: the row of the clock's table.
        begins: when it begins.
        ends: when its limit ends.

    """

    clock: ClockRule
    row: LimitRule
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a ticket whose every stage takes its whole limit.

    Attributes:
        promise: the outer clock.
        row: the row of its table.
        due: when the promise ends.
        stages: the stages, in their order.

    """

    promise: ClockRule
    row: LimitRule
    due: datetime
    stages: tuple[Stage, ...]

    @property
    def ends(self) -> datetime:
        """When the last stage ends; never before the ticket came."""
        return max((stage.ends for stage in self.stages), default=self.due)


@dataclass(frozen=True, slots=True)
class Plan:
    """The clocks of a ticket against one of its promises, whenever it comes.

    Attributes:
        promise: the outer clock.
        row: the row of its table.
        stages: the clocks of the stages that end with each status, with their rows; those that wait for a fact last.

    """

    promise: ClockRule
    row: LimitRule
    stages: tuple[tuple[Status, ClockRule, LimitRule], ...]

    @property
    def key(self) -> Key:
        """The rows that set the limits."""
        return ((self.promise.name, self.row.name), *((clock.name, row.name) for _, clock, row in self.stages))


@dataclass(frozen=True, slots=True)
class CourseOfMany:
    """A course, and the tickets that have it.

    Attributes:
        facts: of all these tickets.
        plan: their clocks.
        course: of one that comes at a certain time.

    """

    facts: tuple[Facts, ...]
    plan: Plan
    course: Course


def missing_promises(pack: Pack) -> Iterator[str]:
    """Yield the kinds to which a pack promises nothing in some status before the answer."""
    seen: set[tuple[str, Status]] = set()
    for facts in situations(pack):
        running = [clock for clock in pack.limits.clocks if clock.outer and concerns(clock, facts)]
        for status in ORDER:
            promised = any(status in clock.while_.status and _by_status_alone(clock) for clock in running)
            if not promised and (facts.kind, status) not in seen:
                seen.add((facts.kind, status))
                yield (
                    f"limits.toml: no clock with outer = true runs for {described(pack, [facts])} while "
                    f"{status.value}, so nothing is promised to the customer: add one, or let its when and while hold"
                )


def misfits(pack: Pack) -> Iterator[str]:
    """Yield the courses whose stages end after the promise, if they all take their whole limits."""
    for many in courses(pack, _first_day(pack)):
        worst = _worst(pack, many)
        if worst is not None:
            course, late = worst
            stages = " + ".join(f"{stage.clock.name} {_span(stage.row)}" for stage in course.stages)
            when = _local(pack, course.stages[0].begins)
            yield (
                f"limits.toml: {stages} do not fit into {course.promise.name} {_span(course.row)} for "
                f"{described(pack, many.facts)}: for a ticket of {when} they end {_hours(late)} late: shorten "
                "one, or write outlasts_promise with `by` and its source in the row that may"
            )


def courses(pack: Pack, start: datetime) -> list[CourseOfMany]:
    """Return each different course of tickets that come at a certain time, with the tickets that have it."""
    found: dict[Key, tuple[list[Facts], Plan]] = {}
    for facts in situations(pack):
        for plan in _plans(pack, facts):
            found.setdefault(plan.key, ([], plan))[0].append(facts)
    return [CourseOfMany(tuple(facts), plan, _course(pack, plan, start)) for facts, plan in found.values()]


def _plans(pack: Pack, facts: Facts) -> Iterator[Plan]:
    """Yield the clocks of a ticket against each of its promises that has a length."""
    concerned = [clock for clock in pack.limits.clocks if concerns(clock, facts)]
    stages = [
        (status, clock, row)
        for status in ORDER
        for clock in sorted(concerned, key=lambda clock: bool(clock.after))
        if clock.is_stage and clock.runs_for is None
        if not UNDER_WAY.issubset(clock.while_.status) and status == _last_status(clock)
        if (row := _row(clock, facts)) is not None
    ]
    for clock in concerned:
        row = _row(clock, facts) if clock.outer else None
        if row is not None:
            yield Plan(clock, row, tuple(stages))


def _course(pack: Pack, plan: Plan, start: datetime) -> Course:
    return Course(plan.promise, plan.row, _due(pack, plan.promise, plan.row, start), tuple(_stages(pack, plan, start)))


def ordinary_monday(pack: Pack, today: date) -> datetime:
    """Return 09:00 of the first Monday from a day on after which no holiday comes for three weeks, as an example."""
    day = today + DAY * (-today.weekday() % 7)
    for monday in (day + DAY * 7 * number for number in range(52)):
        following = [monday + DAY * number for number in range(21)]
        if all(
            calendar.works(each) == (each.isoweekday() in calendar.week)
            for calendar in pack.calendars.values()
            for each in following
        ):
            break
    else:
        monday = day
    return datetime.combine(monday, time(9, 0), ZoneInfo(pack.header.zone))


def described_course(pack: Pack, many: CourseOfMany, start: datetime) -> Iterator[str]:
    """Yield a course as lines for people: the promise, then each stage and when it has to begin at the latest."""
    course = many.course
    yield (
        f"{described(pack, many.facts)}: {course.promise.name} {_span(course.row)}, for a ticket of "
        f"{_local(pack, start)} due {_local(pack, course.due)}"
    )
    for stage, latest in latest_starts(pack, course):
        allowance = stage.row.outlasts_promise
        more = f"; may outlast it by {allowance.by}" if allowance is not None else ""
        when = f"begins by {_local(pack, latest)}, {_hours(latest - start)} after the contact"
        yield f"  {stage.clock.name} {_span(stage.row)}: {when if latest >= start else 'ends after it'}{more}"


def latest_starts(pack: Pack, course: Course) -> list[tuple[Stage, datetime]]:
    """Return the stages of a course, each with the last minute at which it may begin to keep the promise."""
    found: list[tuple[Stage, datetime]] = []
    end = course.due
    for stage in reversed(course.stages):
        end = _latest(pack, stage, end)
        found.append((stage, end))
    return found[::-1]


def _by_status_alone(clock: ClockRule) -> bool:
    state = clock.while_
    return not (state.holder or state.holder_kind or state.chain) and state.claimed is None


def _row(clock: ClockRule, facts: Facts) -> LimitRule | None:
    return next((row for row in clock.limits if row.when.holds(facts)), None)


def _due(pack: Pack, clock: ClockRule, row: LimitRule, start: datetime) -> datetime:
    """Return when the longest limit of a row ends."""
    span = row.value or row.upper
    return pack.calendar(row.calendar or clock.calendar).due(start, span) if span is not None else start


def _stages(pack: Pack, plan: Plan, start: datetime) -> Iterator[Stage]:
    """Yield the stages of a ticket in their order, each beginning when the one before has taken its whole limit."""
    entered: dict[Status, datetime] = {}
    known: dict[str, datetime] = {}
    now = start
    for status in ORDER:
        entered[status] = now
        bounding: list[Stage] = []
        for ending, clock, row in plan.stages:
            begins = _beginning(clock, entered, known, start) if ending == status else None
            if begins is None:
                continue
            stage = Stage(clock, row, begins, _due(pack, clock, row, begins))
            if _ends_with_the_status(clock, plan.promise):
                bounding.append(stage)
            else:
                known |= dict.fromkeys(clock.until, stage.ends)
                if any(fact in other.after for _, other, _ in plan.stages for fact in clock.until):
                    yield stage
        if bounding:
            closest = min(bounding, key=lambda stage: (not _by_status_alone(stage.clock), stage.ends))
            now = closest.ends
            yield closest


def _last_status(clock: ClockRule) -> Status | None:
    return next((status for status in reversed(ORDER) if status in clock.while_.status), None)


def _ends_with_the_status(clock: ClockRule, promise: ClockRule) -> bool:
    ends = {*clock.until, *clock.until_all}
    return not ends or bool(ends & {*LEAVING, *promise.until, *promise.until_all})


def _beginning(
    clock: ClockRule, entered: Mapping[Status, datetime], known: Mapping[str, datetime], start: datetime
) -> datetime | None:
    """Return when a clock begins; None where that is when an entry is made, which nothing limits."""
    if clock.anchor in {"contact", "acceptance", "run"}:
        return start
    first = next(status for status in ORDER if status in clock.while_.status)
    waits = [known.get(fact) for fact in clock.after]
    if any(each is None for each in waits) and clock.anchor not in {"condition", "stage"}:
        return None
    return max(each for each in (entered[first], *waits) if each is not None)


def _allowed(pack: Pack, course: Course) -> datetime:
    """Return when the last stage may end: with the promise, or later by what a row says."""
    allowances = [stage.row.outlasts_promise for stage in course.stages if stage.row.outlasts_promise is not None]
    calendar = pack.calendar(course.row.calendar or course.promise.calendar)
    return max([course.due, *(calendar.due(course.due, each.by) for each in allowances)])


def _worst(pack: Pack, many: CourseOfMany) -> tuple[Course, timedelta] | None:
    """Return the course that ends latest after what is allowed, of tickets that come at any time; None if all fit."""
    worst: tuple[Course, timedelta] | None = None
    for start in _probes(pack, many.course):
        course = _course(pack, many.plan, start)
        late = course.ends - _allowed(pack, course)
        if late > (worst[1] if worst is not None else timedelta(0)) and _is_known(pack, course):
            worst = (course, late)
    return worst


def _is_known(pack: Pack, course: Course) -> bool:
    """Whether the holidays of a whole course are known; where they are not, limits end too early on purpose."""
    rows = [(course.promise, course.row), *((stage.clock, stage.row) for stage in course.stages)]
    return all(pack.calendar(row.calendar or clock.calendar).knows(course.ends) for clock, row in rows)


def _probes(pack: Pack, course: Course) -> Iterable[datetime]:
    """Return when tickets come: once where only elapsed time counts, else on every day of a year of holidays."""
    rows = [(course.promise, course.row), *((stage.clock, stage.row) for stage in course.stages)]
    if not course.stages:
        return []
    if all(_is_elapsed(pack, clock, row) for clock, row in rows):
        return [course.stages[0].begins]
    first = _first_day(pack)
    zone = ZoneInfo(pack.header.zone)
    days = (first.astimezone(zone).date() + DAY * number for number in range(366))
    return [datetime.combine(day, at, zone) for day in days for at in PROBES]


def _is_elapsed(pack: Pack, clock: ClockRule, row: LimitRule) -> bool:
    span = row.value or row.upper
    calendar = pack.calendar(row.calendar or clock.calendar)
    return span is not None and (span.unit in {"m", "h"} or (span.unit == "d" and calendar.counting.end == "elapsed"))


def _first_day(pack: Pack) -> datetime:
    """Return the beginning of the latest year whose holidays are known."""
    years = [max(calendar.days.years) for calendar in pack.calendars.values() if calendar.days is not None]
    return datetime.combine(date(max(years, default=2026), 1, 1), time(), ZoneInfo(pack.header.zone))


def _latest(pack: Pack, stage: Stage, end: datetime) -> datetime:
    """Return the last minute at which a stage can begin to end by an instant."""
    low, high = end - LONGEST_SEARCH, end
    while high - low > PRECISION:
        middle = low + (high - low) / 2
        due = _due(pack, stage.clock, stage.row, middle)
        if due <= end:
            low = middle
        else:
            high = middle
    minute = high.replace(second=0, microsecond=0)
    return minute if _due(pack, stage.clock, stage.row, minute) <= end else minute - PRECISION


def _span(row: LimitRule) -> Span | str:
    return row.value or row.upper or "as named"


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):.3g} h"


def _local(pack: Pack, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(pack.header.zone)):%a %d %b %Y, %H:%M}"
