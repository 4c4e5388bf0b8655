"""The documents of a batch are what the models would write themselves, each written once."""

from services.ledger.document_cache import DocumentCache
from tests.builders import TicketScenario


def test_an_event_is_put_together_as_its_model_would_write_it() -> None:
    written = DocumentCache()
    for event in TicketScenario.dispatched().events:
        assert written.published_event(event) == event.to_json()
        assert written.change(event) == event.change.to_json()
        assert written.ticket(event.ticket) == written.published_ticket(event.ticket) == event.ticket.to_json()


def test_every_version_of_a_ticket_has_a_document_of_its_own() -> None:
    first, last = (
        event.ticket for event in (TicketScenario.dispatched().events[0], TicketScenario.dispatched().events[-1])
    )
    written = DocumentCache()
    assert written.ticket(first) != written.ticket(last)
    assert written.ticket(first) is written.ticket(first)
