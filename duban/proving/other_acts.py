"""Acts that change nothing of the state vector, and acts that must always be refused: each is tried once in a place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from schemas import action as actions
from schemas import customer_actions
from schemas.call import Call
from schemas.command import Action
from schemas.contact import Contact, Customer, Evidence
from schemas.customer_actions import AnswerSurvey
from schemas.ticket import OVER, Link, Status, Survey, Ticket
from services.domain.ids import contact_id
from services.domain.policy.pack import Pack
from services.ledger.domain.named_ticket import NamedTicket

REASON = "r"
EVIDENCE = "calls/1"
NOWHERE = "nowhere"
OPEN, CLOSED, MERGED, IN_A_CIRCLE, OF_ANOTHER_PACK, OF_ANOTHER_CUSTOMER, UNKNOWN = map(
    UUID, map("{:032x}".format, range(1, 8))
)
BAD = Survey(process=1, result=1, staff=1)


def named_tickets(ticket: Ticket) -> dict[UUID, NamedTicket]:
    """Return the other tickets that acts name: open, closed, merged, in a circle, of another pack and customer."""
    stranger = Customer(phone="+8613999999999", name="another", identity="9")
    open_ = NamedTicket(OPEN, "T1", 1, ticket.policy.pack, Status.ACCEPTED, ticket.customer, None)
    every = (
        open_,
        replace(open_, id=CLOSED, status=Status.CLOSED),
        replace(open_, id=MERGED, status=Status.WITHDRAWN, merged_into=OPEN),
        replace(open_, id=IN_A_CIRCLE, status=Status.WITHDRAWN, merged_into=ticket.id),
        replace(open_, id=OF_ANOTHER_PACK, pack="another"),
        replace(open_, id=OF_ANOTHER_CUSTOMER, customer=stranger),
    )
    return {each.id: each for each in every}


def inert(ticket: Ticket, pack: Pack) -> Iterator[tuple[Action, str | None]]:
    """Yield acts that change no fact on which a clock depends, each with the level of the key that takes it."""
    common: tuple[Action, ...] = (
        actions.Note(text="t"),
        actions.Attach(evidence=(Evidence(kind="scan", reference=f"papers/{ticket.version}"),)),
        actions.LinkTo(link=Link(ticket_id=OPEN, kind=f"about_{ticket.version}", reason=REASON)),
        actions.Escalate(reason=REASON),
        actions.Supervise(reason=REASON),
        actions.Correct(customer=ticket.customer.replace(name=f"n{ticket.version}"), reason=REASON),
        actions.Assign(person=f"person {ticket.version}"),
        actions.Split(text="t", classification=ticket.classification, reason=REASON),
        actions.JoinHotIssue(issue=UUID(int=ticket.version), tickets=10),
        actions.ApplyPolicy(version=pack.reference.version),
        actions.JoinCall(call=_call(ticket)),
        actions.Remind(contact=_contact(ticket), classification=ticket.classification, reason=REASON),
        actions.Open(contact=_contact(ticket), classification=ticket.classification),
        actions.AddContact(contact=_contact(ticket), classification=ticket.classification, reason=REASON),
        customer_actions.ReportUndeliverable(notice=OPEN, letter="answer", reason=REASON),
        customer_actions.CallBack(attempt=1, means="sms"),
        customer_actions.StartCallback(),
        customer_actions.RecordCallback(result="no_answer"),
        customer_actions.RecordCallback(result="moved", until=ticket.updated_at + timedelta(days=1)),
        customer_actions.RecordCallback(result="refused"),
        customer_actions.RecordCallback(result="answered", survey=BAD),
        AnswerSurvey(survey=BAD, evidence=EVIDENCE),
        customer_actions.EndCallback(reason="opted_out", evidence=EVIDENCE),
        customer_actions.Screen(wrong_handling=True, reason=REASON),
    )
    yield from ((action, None) for action in common)
    for rule in pack.notices.apologies:
        yield customer_actions.Apologise(letter=rule.letter, facts=dict.fromkeys(rule.needs, "f")), None
    for entry in pack.outcome.entries:
        value = entry.choices[0].code if entry.choices else None
        yield actions.RecordEntry(kind=entry.kind, value=value, text=None if value else "t"), None
    if pack.outcome.compensation is not None:
        for level in pack.outcome.compensation.levels:
            covers = (level.covers or pack.outcome.compensation.covers)[0]
            yield actions.Compensate(covers=covers, amount="1", text="t"), level.level


def unknown(ticket: Ticket) -> Iterator[tuple[Action, str]]:
    """Yield acts that name what there is not, each with why it must be refused."""
    known = ticket.classification
    for field, value in (("tier", NOWHERE), ("kind", NOWHERE), ("validity", NOWHERE), ("department", NOWHERE)):
        wrong = known.replace(**{field: value})
        yield actions.Reclassify(classification=wrong, reason=REASON), f"the pack has no {field} {value}"
        yield actions.Split(text="t", classification=wrong, reason=REASON), f"the pack has no {field} {value}"
    no_centre = known.replace(path=(NOWHERE,))
    yield actions.Reclassify(classification=no_centre, reason=REASON), f"the pack has no centre {NOWHERE}"
    for action in (
        actions.Dispatch(unit=NOWHERE),
        actions.Transfer(unit=NOWHERE, reason=REASON),
        actions.RequestAssistance(unit=NOWHERE, demand="d"),
        actions.FeedBack(result="r", cause="c", owner=NOWHERE),
        actions.Answer(explanation="e", owner=NOWHERE, agreement="agreed"),
    ):
        yield action, f"the pack has no unit {NOWHERE}"
    into = {
        ticket.id: "it is the ticket itself",
        CLOSED: "that ticket is closed",
        MERGED: "that ticket was merged",
        IN_A_CIRCLE: "that ticket was merged into this one",
        OF_ANOTHER_PACK: "that ticket is of another pack",
        OF_ANOTHER_CUSTOMER: "that ticket is another customer's",
        UNKNOWN: "there is no such ticket",
    }
    if ticket.status not in OVER:
        for id_, why in into.items():
            yield actions.Merge(into=id_, reason=REASON), why


def _contact(ticket: Ticket) -> Contact:
    number = f"again-{ticket.version}"
    return Contact(
        id=contact_id("proof", "proof", number),
        sender="proof",
        channel=ticket.channel,
        message_id=number,
        policy=ticket.policy.pack,
        received_at=ticket.updated_at,
        customer=ticket.customer,
        text="?",
    )


def _call(ticket: Ticket) -> Call:
    return Call(
        id=f"call-{ticket.version}",
        started_at=ticket.contacted_at,
        recording=f"calls/{ticket.version}",
    )
