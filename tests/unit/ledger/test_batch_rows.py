"""The rows of a batch: new and changed tickets with their deadlines, events, and the commands that were decided."""

from uuid import UUID, uuid4

from schemas.action import Note
from schemas.command import Actor, Command
from schemas.event import TicketEvent
from schemas.ticket import Ticket
from services.ledger.batch_rows import CommandRecord, Row, build_rows, threshold_key
from services.ledger.document_cache import DocumentCache
from tests.builders import MORNING, TicketScenario

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def rows_of(events: list[TicketEvent], before: dict[UUID, Ticket]) -> dict[str, list[Row]]:
    """Return the rows of a batch with one command that led to some events of one ticket."""
    ticket = events[-1].ticket
    actor = Actor(kind="service", name="router")
    command = Command(id=uuid4(), ticket_id=ticket.id, at=MORNING, actor=actor, action=Note(text="x"))
    record = CommandRecord(command, ("tickets.commands", 3, 17), tuple(events), (), None, MORNING)
    return build_rows(before, before | {ticket.id: ticket}, [record], {ticket.id: TRACE}, DocumentCache())


def test_a_new_ticket_is_inserted_with_its_trace_partition_and_deadline() -> None:
    events = TicketScenario.dispatched().events
    ticket, rows = events[-1].ticket, rows_of(events, {})
    (inserted,), (deadline,) = rows["insert_tickets"], rows["set_deadlines"]
    assert (inserted["id"], inserted["trace"], inserted["partition"]) == (ticket.id, TRACE, 3)
    assert (deadline["version"], deadline["next_at"]) == (ticket.version, ticket.next_action_at)
    assert rows["update_tickets"] == rows["clear_deadlines"] == []
    assert [row["version"] for row in rows["insert_events"]] == [event.version for event in events]
    (stored,) = rows["insert_commands"]
    assert (stored["outcome"], stored["first_version"], stored["last_version"]) == ("done", 1, ticket.version)


def test_a_changed_ticket_is_updated_by_the_version_that_was_loaded() -> None:
    *earlier, last = TicketScenario.dispatched().events
    before = earlier[-1].ticket
    rows = rows_of([last], {before.id: before})
    (updated,) = rows["update_tickets"]
    assert (updated["before"], updated["version"]) == (before.version, last.version)
    assert rows["insert_tickets"] == []


def test_a_command_that_changed_nothing_has_a_row_of_its_own_and_no_others() -> None:
    ticket = TicketScenario.dispatched().current
    record_of_note = Command(
        id=uuid4(), ticket_id=ticket.id, at=MORNING, actor=Actor(kind="service", name="router"), action=Note(text="x")
    )
    record = CommandRecord(record_of_note, ("tickets.commands", 3, 18), (), (), None, MORNING)
    rows = build_rows({ticket.id: ticket}, {ticket.id: ticket}, [record], {}, DocumentCache())
    assert [row["outcome"] for row in rows.pop("insert_commands")] == ["nothing"]
    assert all(others == [] for others in rows.values())


def test_what_a_merge_relied_on_must_have_the_version_of_before_the_batch() -> None:
    *earlier, last = TicketScenario.dispatched().events
    before, other, new = earlier[-1].ticket, uuid4(), uuid4()
    relied_on = {before.id: last.version, other: 7, new: 1}
    after = {before.id: last.ticket, new: last.ticket.replace(id=new)}
    note = Command(
        id=uuid4(), ticket_id=new, at=MORNING, actor=Actor(kind="service", name="tests"), action=Note(text="x")
    )
    records = [CommandRecord(note, ("tickets.commands", 3, 17), (), (), None, MORNING)]
    records.append(CommandRecord(note.replace(ticket_id=before.id), ("tickets.commands", 3, 18), (), (), None, MORNING))
    rows = build_rows({before.id: before}, after, records, {}, DocumentCache(), relied_on)
    assert rows["confirm_tickets"] == [{"id": before.id, "version": before.version}, {"id": other, "version": 7}]


def test_the_key_of_a_threshold_names_ticket_timer_run_limit_and_threshold() -> None:
    scenario = TicketScenario.dispatched()
    deadline = scenario.current.next_action_at
    assert deadline is not None
    scenario.now = deadline
    event = next(event for event in scenario.tick().events if event.threshold is not None)
    decided = event.threshold
    assert decided is not None
    key = f"{event.ticket_id}/{decided.clock}/{decided.run}/{decided.limit}/{decided.threshold}"
    assert threshold_key(event.change) == key
    assert threshold_key(scenario.events[0].change) is None
