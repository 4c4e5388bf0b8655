"""What a rehearsed ticket shows besides its fields."""

from datetime import timedelta

import pytest

from duban.policy_simulation import PolicySimulation
from duban.rehearsal_input import build_action
from duban.rehearsed_facts import clock_state, counted_in, every_timer, format_part
from services.domain.kpi.formulas import KpiValue
from tests.builders import CENTRE, HOUR, MORNING, PACKS, contact


@pytest.mark.requirement("R4.1")
def test_every_clock_is_kept_with_its_state() -> None:
    """A ticket itself keeps the latest runs alone."""
    simulation = PolicySimulation(PACKS["carrier"])
    simulation.receive(contact())
    for number in range(10):
        at = MORNING + number * timedelta(minutes=10)
        simulation.act(build_action({"type": "dispatch", "unit": "network"}), at, CENTRE)
        simulation.act(build_action({"type": "send_back", "reason": "x"}), at + timedelta(minutes=5), "network")
    simulation.act(build_action("tick"), MORNING + 30 * HOUR, None)
    timers = every_timer(simulation.subject)
    assert len(timers) == simulation.subject.ticket.clocks_count
    states = {timer.name: clock_state(timer) for timer in timers}
    assert (states["review"], states["handling"], states["promise"]) == ("exceeded", "stopped", "running")


@pytest.mark.requirement("R6.1")
def test_a_ticket_counts_in_the_figures_of_its_kind() -> None:
    simulation = PolicySimulation(PACKS["carrier"])
    simulation.receive(contact())
    names = {figure.name for figure in counted_in(simulation.subject, simulation.pack, MORNING)}
    assert {"complaints", "complaint_rate", "on_time_completion"} <= names
    assert not {"appeals", "escalated_solved", "satisfaction"} & names


@pytest.mark.parametrize(
    ("part", "text"), [(KpiValue(1, 0), 1), (KpiValue(1, 1), "1/1"), (KpiValue(1.256, 1), "1.26/1")]
)
def test_what_a_ticket_adds_is_written_as_counts(part: KpiValue, text: object) -> None:
    assert format_part(part) == text
