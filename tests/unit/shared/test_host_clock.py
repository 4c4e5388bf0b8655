"""A host's clock against the database's: a wrong one is corrected, a very wrong one refused."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from schemas.action import Tick
from schemas.command import Actor, Command
from services.domain.ids import command_id
from services.ledger.domain.decide import decide
from services.shared.observability.metrics import ClockMetrics
from services.shared.runtime.clock import ScaledClock, SystemClock
from services.shared.runtime.host_clock import CHECK_INTERVAL, MAX_ERROR, ClockRefused, HostClock, TrustedClock
from tests.builders import PACK, TicketScenario

TRUE = datetime(2026, 3, 12, 1, tzinfo=UTC)


class Host:
    """A host whose wall clock is wrong by `error` seconds, with the database's time beside it."""

    def __init__(self, error: float = 0.0) -> None:
        self.error = error
        self.passed = 0.0
        self.registry = CollectorRegistry()
        self.clock = HostClock(ClockMetrics(self.registry), wall=self._wall, monotonic=lambda: 50.0 + self.passed)

    def _wall(self) -> float:
        return self.true_time.timestamp() + self.error

    @property
    def true_time(self) -> datetime:
        return TRUE + timedelta(seconds=self.passed)

    def compare(self) -> None:
        self.clock.compare(self.true_time, 50.0 + self.passed)

    @property
    def reported_error(self) -> float | None:
        return self.registry.get_sample_value("duban_clock_error_seconds")


@pytest.mark.parametrize("error", [-6.0, 6.0, -600.0, 600.0])
def test_a_clock_that_is_wrong_from_the_start_is_corrected(error: float) -> None:
    host = Host(error)
    assert not host.clock.compared
    host.compare()
    assert host.clock.compared
    assert host.clock.now() == host.true_time
    assert host.reported_error == error
    assert host.clock.problem is None


@pytest.mark.parametrize("error", [-1.5, 1.5])
def test_within_the_tolerance_the_host_keeps_its_own_time(error: float) -> None:
    host = Host(error)
    host.compare()
    assert host.clock.now() - host.true_time == timedelta(seconds=error)
    assert host.reported_error == 0.0


def test_a_clock_at_the_edge_of_the_tolerance_does_not_go_to_and_fro() -> None:
    host = Host(2.1)
    host.compare()
    for error in (1.9, 2.1, 1.95):
        host.error = error
        host.passed += CHECK_INTERVAL + 1
        host.compare()
        assert host.clock.now() == host.true_time


@pytest.mark.parametrize(("error", "side"), [(7200.0, "7200 s ahead of"), (-7200.0, "7200 s behind")])
def test_beyond_the_bound_the_clock_is_refused_and_says_so(error: float, side: str) -> None:
    host = Host(error)
    host.compare()
    assert side in (host.clock.problem or "")
    assert host.reported_error == error
    with pytest.raises(ClockRefused, match="synchronise"):
        host.clock.now()
    host.error = 0.0
    host.passed += 1
    host.compare()
    assert host.clock.now() == host.true_time
    assert host.clock.problem is None


def test_a_jump_is_noticed_at_once_and_corrected_until_the_database_agrees() -> None:
    host = Host()
    host.compare()
    host.error, host.passed = 600.0, 2.0
    assert host.clock.now() == host.true_time
    assert host.registry.get_sample_value("duban_clock_jumps_total", {"direction": "forward"}) == 1
    host.compare()
    assert host.clock.now() == host.true_time
    host.error = MAX_ERROR + 600.0
    host.passed += 1
    with pytest.raises(ClockRefused):
        host.clock.now()


def test_the_business_clock_follows_the_corrected_time() -> None:
    host = Host(-30.0)
    host.compare()
    scaled = ScaledClock(scale=1000, real_origin=TRUE - timedelta(seconds=1), business_origin=TRUE)
    assert TrustedClock(scaled, host.clock).now() == TRUE + timedelta(seconds=1000)
    trusted = TrustedClock(SystemClock(), host.clock)
    assert trusted.now() == trusted.real_now() == TRUE
    assert trusted.at(TRUE) == TRUE
    assert trusted.business_span(2.0) == timedelta(seconds=trusted.real_seconds(timedelta(seconds=2)))


@pytest.mark.requirement("R4.9")
def test_a_ledger_whose_clock_is_slow_decides_every_tick() -> None:
    """Six seconds slow, it refused every tick as one from the future: no clock of any ticket fired any more."""
    scenario = TicketScenario.opened()
    ticket = scenario.ticket
    assert ticket is not None
    due = min(each.at for timer in ticket.clocks for each in timer.thresholds if each.state == "open")
    host = Host(-6.0)
    host.passed = (due - TRUE).total_seconds() + 1.0
    host.compare()
    command = Command(
        id=command_id(ticket.id, "tick", 1),
        ticket_id=ticket.id,
        at=host.true_time,
        actor=Actor(kind="service", name="sla_monitor"),
        action=Tick(),
    )
    slow = host.true_time + timedelta(seconds=host.error)
    refusal = decide(ticket, command, PACK, slow, number="TS1").refusal
    assert refusal is not None
    assert refusal.code == "from_the_future"
    result = decide(ticket, command, PACK, TrustedClock(SystemClock(), host.clock).now(), number="TS1")
    assert result.refusal is None
    assert result.events
