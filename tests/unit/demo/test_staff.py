"""The carrier's staff handle tickets in every style, and repeat nothing."""

from collections import Counter

from demo.staff import HANDLING_STYLES, commands_after, handling_style
from tests.builders import MORNING, TicketScenario, contact


def test_every_handling_style_occurs() -> None:
    styles = Counter(handling_style(TicketScenario.opened(contact(f"m{n}")).events[0], 1) for n in range(400))
    assert set(styles) == {name for name, _ in HANDLING_STYLES}


def test_an_event_read_twice_leads_to_the_same_idempotency_keys() -> None:
    event = TicketScenario.opened().events[-1]
    keys = [command.key for command in commands_after(event, 1, MORNING)]
    assert keys == [command.key for command in commands_after(event, 1, MORNING)] != []
