"""What a rehearsed ticket shows besides its fields: every clock it ever had, its callback, and its figures."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from duban.policy_simulation import SimulatedTicket
from schemas.ticket import SlaTimer, ThresholdState
from services.callback.domain.plan import CallbackPlan
from services.domain.kpi.cases import CaseEvent, build_case
from services.domain.kpi.catalogue import KPIS, Kpi
from services.domain.kpi.formulas import NOTHING, KpiValue
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import BREACH, WARNINGS

NO_PLAN = "none"
"""State of the callback where there is no plan."""


@dataclass(frozen=True, slots=True)
class CountedFigure:
    """A figure in which a ticket counts.

    Attributes:
        kpi: its definition.
        part: what the ticket adds to it.

    """

    kpi: Kpi
    part: KpiValue

    @property
    def name(self) -> str:
        """The name of the figure, as `duban report` takes it."""
        return self.kpi.name


def every_timer(simulated: SimulatedTicket) -> list[SlaTimer]:
    """Return every timer that a ticket ever had as it stands now, also those that are on the ticket no more."""
    found = {timer.key: timer for event in simulated.events for timer in event.clocks}
    found |= {timer.key: timer for timer in simulated.ticket.clocks}
    return list(found.values())


def clock_state(timer: SlaTimer) -> str:
    """Return the state of a timer: exceeded (also after it stopped), stopped, paused or running."""
    if any(point.name == BREACH and point.state is ThresholdState.FIRED for point in timer.thresholds):
        return "exceeded"
    if timer.stopped_at is not None:
        return "stopped"
    return "paused" if timer.paused_at is not None else "running"


def warnings_at(timer: SlaTimer) -> list[datetime]:
    """Return when a timer warns, in the order of its thresholds."""
    return [point.at for point in timer.thresholds if point.name in WARNINGS]


def plan_values(plan: CallbackPlan) -> dict[str, Any]:
    """Return what a callback plan shows, by name; times in UTC."""
    return {
        "state": plan.state,
        "reason": plan.reason,
        "means": plan.means,
        "due": plan.due_at,
        "until": plan.until_at,
        "attempts": plan.attempts,
        "team": plan.centre,
        "script": plan.script,
    }


def counted_in(simulated: SimulatedTicket, pack: Pack, now: datetime) -> list[CountedFigure]:
    """Return the figures in which a ticket counts, with what it adds to each (R6.1).

    Args:
        simulated: the ticket.
        pack: the policy pack.
        now: business time at which they are counted.

    """
    history = [CaseEvent(event.type, event.at, event.details.get("agreement")) for event in simulated.events]
    ticket = simulated.ticket.replace(clocks=tuple(every_timer(simulated)))
    case = build_case(ticket, history, pack, now)
    counted = [CountedFigure(kpi, kpi.formula.part(case)) for kpi in KPIS.values() if kpi.applies_to(case)]
    return [figure for figure in counted if figure.part != NOTHING]


def format_part(part: KpiValue) -> int | float | str:
    """Return what a ticket adds: a number, or numerator and denominator as in `1/1`."""
    number = int(part.numerator) if part.numerator == int(part.numerator) else round(part.numerator, 2)
    return f"{number}/{part.denominator}" if part.denominator else number
