"""An outage is reported within minutes, and its tickets are dispatched together."""

from datetime import timedelta
from random import Random

from demo import outage
from demo.staff import commands_after
from schemas.contact import Customer
from tests.builders import MORNING, TicketScenario, contact


def test_customers_of_one_city_report_the_outage_within_minutes() -> None:
    messages = list(outage.contacts(100, Random(1)))
    assert len(messages) == outage.CUSTOMERS
    assert max(message.after for message in messages) - min(message.after for message in messages) <= outage.DURATION
    assert {message.door for message in messages} == {"http", "batch"}
    assert {message.body["customer"]["city"] for message in messages} == {outage.CITY}


def test_tickets_of_the_outage_are_dispatched_at_one_moment() -> None:
    moments = set()
    for number in range(3):
        first = contact(f"o{number}", customer=Customer(phone=f"+86138000011{number:02d}", city=outage.CITY))
        events = TicketScenario.opened(first).events
        event = next(each for each in events if each.type == "form_completed")
        (command,) = commands_after(event, 1, MORNING)
        assert command.action["type"] == "dispatch"
        moments.add(event.at + command.after)
    assert moments == {MORNING + outage.DISPATCHED_AFTER}


def test_a_late_ticket_of_the_outage_is_dispatched_at_once() -> None:
    late = MORNING + timedelta(days=1)
    assert outage.dispatch_time(MORNING, late) == late
