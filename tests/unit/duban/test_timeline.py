"""The timeline says who acted: person, unit, for whom, by which key, and how a customer was proved."""

import pytest

from duban import timeline
from schemas.action import Claim
from schemas.command import Actor
from tests.builders import TicketScenario


@pytest.mark.requirement("R7.4")
@pytest.mark.parametrize(
    ("actor", "line"),
    [
        (Actor(kind="agent", name="王工", unit="network", key="oss"), "by 王工 (network, key oss), rule"),
        (
            Actor(kind="customer", name="customer", key="portal", proof="own_channel"),
            "by customer (key portal, proof own_channel), rule",
        ),
        (Actor(kind="service", name="router"), "by router, rule"),
    ],
)
def test_each_event_says_who_acted_and_by_which_key(actor: Actor, line: str) -> None:
    scenario = TicketScenario.opened()
    event = scenario.events[0].replace(actor=actor)
    assert line in timeline.render(scenario.current, [event], title="Ticket", zone="Asia/Shanghai").plain


@pytest.mark.requirement("R7.4")
def test_who_acts_for_a_unit_below_is_shown_with_it() -> None:
    scenario = TicketScenario.dispatched("network").do(Claim(person="王工"), unit="provincial_service", person="李")
    text = timeline.render(scenario.current, scenario.events[-1:], title="Ticket", zone="Asia/Shanghai").plain
    assert "by 李 (provincial_service, for network, key simulation), rule" in text
