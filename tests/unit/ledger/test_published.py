"""What goes onto the topics is bounded in size whatever is done, and keeps its shape (DECISIONS 38)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.action import Attach, LinkTo, RecordEntry
from schemas.case_record import Compensation, Entry
from schemas.contact import Evidence, Settlement
from schemas.event import TicketEvent
from schemas.ticket import Extension, Link, Outcome, Reason, Survey, Ticket
from services.domain.cut_text import MARK
from services.ledger.document_cache import DocumentCache
from services.ledger.domain.published import LONGEST_TEXT, MAX_EVENT, MAX_TICKET, published_ticket
from tests.builders import CENTRE, TicketScenario

LONGEST = 32_000
AT = datetime(2026, 3, 12, tzinfo=UTC)
CHARACTERS = ("a", "的", "\x01", "😀", '"')
"""One byte, three, six when escaped, four, two."""
ALPHABET = st.sampled_from(CHARACTERS)


@st.composite
def long_texts(draw: st.DrawFn, longest: int = LONGEST) -> str:
    return draw(ALPHABET) * draw(st.sampled_from([1, longest // 10, longest]))


names = long_texts(200)
items = st.sampled_from([0, 5, 80])


def entry(text: str, name: str) -> Entry:
    return Entry(kind="report", at=AT, by=name, unit="network", text=text, reference=name)


@st.composite
def largest_tickets(draw: st.DrawFn) -> Ticket:
    """Draw a ticket with everything that the schemas allow, and more of it than the ledger would store."""
    scenario = TicketScenario.dispatched()
    base = scenario.current
    text, other, name = draw(long_texts()), draw(long_texts()), draw(names)
    reason = Reason(
        subject="tier", value=draw(long_texts(1000)), rule=name, source=name, matched=draw(long_texts(1000))
    )
    running = [timer for timer in base.clocks if timer.stopped_at is None]
    ended = [timer.replace(stopped_at=AT, stopped_by="fed_back", run=7) for timer in base.clocks]
    return base.replace(
        subject=text,
        desired_outcome=other,
        outcome=Outcome(result=text, explanation=other, cause=text),
        settlement=Settlement(outcome=other, explanation=text, cause=other),
        survey=Survey(process=1, result=1, staff=1, comment=text),
        customer=base.customer.replace(name=name, address=name, email=f"{'a' * 100}@{'b' * 90}.cn"),
        classification=base.classification.replace(reasons=(reason,) * draw(st.integers(0, 50)), triage=name),
        flags=("incomplete",) * draw(items),
        assisting=("network",) * draw(items),
        evidence=(Evidence(kind="scan", reference=draw(long_texts(2000)), name=name, sha256="f" * 64),) * draw(items),
        entries=(entry(text, name), entry(other, name)) * draw(items),
        entry_marks={f"kind{number}": AT for number in range(draw(items))},
        compensations=(
            Compensation(at=AT, by=name, level="centre", covers="service_use", amount="1", command_id=UUID(int=1)),
        )
        * draw(items),
        extensions=(Extension(clock="handling", run=1, asked_at=AT, committed_until=AT, explanation=text),)
        * draw(items),
        links=(Link(ticket_id=UUID(int=1), kind="repeat", reason=name),) * draw(items),
        evidence_marks="f" * 1000,
        clocks=(*ended * draw(items), *running * draw(st.integers(1, 30))),
    )


def event_on(ticket: Ticket, text: str, count: int) -> TicketEvent:
    event = TicketScenario.dispatched().events[-1]
    fields = ("subject", "outcome", "entries", "evidence", "links", "classification", "flags", "customer", "extensions")
    return event.replace(
        ticket=ticket,
        changes={name: getattr(ticket, name) for name in fields},
        clocks=ticket.clocks[:count],
        details={
            "explanation": text,
            "references": [text[:2000]] * count,
            "facts": {f"fact{number}": text[:1000] for number in range(count)},
        },
    )


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(ticket=largest_tickets(), text=long_texts(), count=items)
def test_the_largest_ticket_and_its_event_stay_below_their_bounds(ticket: Ticket, text: str, count: int) -> None:
    documents = DocumentCache()
    published = documents.published_ticket(ticket)
    assert len(published) <= MAX_TICKET
    parsed = Ticket.from_json(published)
    assert (parsed.number, parsed.status, parsed.next_action_at) == (
        ticket.number,
        ticket.status,
        ticket.next_action_at,
    )
    event = documents.published_event(event_on(ticket, text, count))
    assert len(event) <= MAX_EVENT
    read = TicketEvent.from_json(event)
    assert (read.ticket, read.type) == (parsed, "dispatched")


def test_a_ticket_of_which_nothing_is_left_out_is_published_as_it_is_stored() -> None:
    ticket = TicketScenario.dispatched().current
    document = ticket.to_json()
    assert published_ticket(ticket, document) is document


@pytest.mark.parametrize("name", ["subject", "desired_outcome"])
def test_a_long_text_is_cut_with_a_mark(name: str) -> None:
    ticket = TicketScenario.dispatched().current.replace(**{name: "的" * 5000})
    published = Ticket.from_json(published_ticket(ticket, ticket.to_json()))
    assert getattr(published, name) == "的" * LONGEST_TEXT + MARK


def test_entries_are_cut_before_the_subject() -> None:
    texts = tuple(entry("的" * LONGEST_TEXT, "的" * 200) for _ in range(5))
    ticket = TicketScenario.dispatched().current.replace(
        subject="的" * LONGEST, outcome=Outcome(result="的" * LONGEST, explanation="的" * LONGEST), entries=texts
    )
    published = Ticket.from_json(published_ticket(ticket, ticket.to_json()))
    assert published.subject == "的" * LONGEST_TEXT + MARK
    assert [each.text for each in published.entries] == ["的" * 500 + MARK] * 5


def test_an_event_carries_the_latest_items_and_their_count() -> None:
    scenario = TicketScenario.dispatched()
    scenario.do(Attach(evidence=tuple(Evidence(kind="scan", reference=f"s3://b/{number}") for number in range(12))))
    event = TicketEvent.from_json(DocumentCache().published_event(scenario.events[-1]))
    assert [each["reference"] for each in event.changes["evidence"]] == [f"s3://b/{number}" for number in range(7, 12)]
    assert event.changes["evidence_count"] == event.ticket.evidence_count == 12
    assert (len(event.details["references"]), event.details["references_count"]) == (5, 12)
    assert event.ticket.evidence_marks == ""


def test_a_linked_ticket_and_an_entry_are_published_in_their_events() -> None:
    scenario = TicketScenario.dispatched()
    scenario.do(LinkTo(link=Link(ticket_id=uuid4(), kind="repeat", reason="again")))
    scenario.do(RecordEntry(kind="on_site_report", text="的" * 3000), unit="network")
    scenario.do(LinkTo(link=Link(ticket_id=uuid4(), kind="repeat", reason="again")), unit=CENTRE)
    for event in scenario.events:
        published = TicketEvent.from_json(DocumentCache().published_event(event))
        assert set(event.changes) <= set(published.changes)
        assert max((len(str(text)) for text in published.details.values()), default=0) <= LONGEST_TEXT + 1


def test_of_the_ended_clocks_the_latest_stay() -> None:
    ticket = TicketScenario.dispatched().current
    (running, *_) = (timer for timer in ticket.clocks if timer.stopped_at is None)
    ended = tuple(running.replace(run=number, stopped_at=AT + timedelta(number)) for number in range(2, 10))
    ticket = ticket.replace(clocks=(running, *ended))
    published = Ticket.from_json(published_ticket(ticket, ticket.to_json()))
    assert [timer.run for timer in published.clocks] == [1, 5, 6, 7, 8, 9]
