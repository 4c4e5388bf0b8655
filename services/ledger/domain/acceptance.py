"""How a ticket begins: opened, reminded of, its form completed, linked, noted (R2.2, R2.4, R2.5, R2.8, R2.9)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.action import AddContact, CompleteForm, LinkTo, Note, Open, Reclassify, Remind
from schemas.command import Command
from schemas.contact import Contact, Settlement
from schemas.ticket import GONE, AppealBar, Classification, Link, Outcome, Status, Ticket
from services.domain.contact_codes import unknown_flags
from services.domain.ids import command_id, ticket_id
from services.domain.policy.clocks import INCOMPLETE
from services.ledger.domain import names, reclassification, resolution
from services.ledger.domain.alerts import report_alerts
from services.ledger.domain.appeal_bar import appeal_bar, occurrence
from services.ledger.domain.bounded_ticket import is_linked, new_evidence
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because
from services.ledger.domain.named_ticket import MERGED_FROM, MERGED_INTO, merged_into, surviving

MERGES = frozenset({MERGED_INTO, MERGED_FROM})


def open_(context: DecisionContext, action: Open) -> None:
    """Open a ticket for a contact; an open ticket is left as it is, for the contact is in it already."""
    present = context.ticket_or_none
    if present is not None:
        if action.contact.id != present.contact_id:
            reason = "another contact came with the ticket's id"
            if present.status in GONE:
                remind(context, Remind(contact=action.contact, classification=action.classification, reason=reason))
            else:
                _count_reminder(context, action.contact, reason)
        return
    contact = action.contact
    classification = names.known_classification(contact, action.classification, context.policy)
    missing = _missing_fields(context, contact)
    decided_by = next((reason for reason in classification.reasons if reason.subject == "tier"), None)
    ticket = context.record_event(
        "accepted",
        decided_by or because("tier", classification.tier, "reclassified by hand", "ours: no rule gave it"),
        _fields_of(context, action, classification, incomplete=bool(missing)),
        details={
            "contact_id": contact.id,
            "path": list(classification.path),
            "triage": classification.triage,
            "missing": missing or None,
        },
    )
    report_alerts(context)
    _ask_whether_opened(context, ticket)
    if INCOMPLETE not in ticket.flags:
        _complete(context, contact.settlement)


def _fields_of(
    context: DecisionContext, action: Open, classification: Classification, *, incomplete: bool
) -> dict[str, Any]:
    """Return the fields of a new ticket."""
    contact = action.contact
    contacted = contact.contacted_at
    if contacted is None or contacted > context.at:
        contacted = min(contact.received_at, context.at)
    centre = classification.path[0] if classification.path else context.policy.header.centre
    flags = contact.flags
    if incomplete and INCOMPLETE not in flags:
        flags = (*flags, INCOMPLETE)
    if unknown := unknown_flags(classification.reasons):
        flags = tuple(dict.fromkeys((*flags, *unknown)))
    return {
        "id": context.command.ticket_id,
        "number": context.number,
        "policy": context.policy.reference,
        "status": Status.ACCEPTED,
        "contact_id": contact.id,
        "channel": contact.channel,
        "sender": contact.sender,
        "accepted_at": context.at,
        "contacted_at": contacted,
        "customer": contact.customer,
        "subject": contact.text,
        "desired_outcome": contact.desired_outcome,
        "wanted_by": contact.wanted_by,
        "call": contact.call,
        "earlier_number": contact.taken_over.number if contact.taken_over is not None else None,
        "evidence": contact.evidence,
        "flags": flags,
        "classification": classification,
        "centre": centre,
        "unit": centre,
        "links": action.links,
        "appeal_bar": _appeal_bar(context, contact, classification, contacted),
    }


def _appeal_bar(
    context: DecisionContext, contact: Contact, classification: Classification, contacted: datetime
) -> AppealBar | None:
    pack = context.policy
    if not pack.outcome.appeal_bars:
        return None
    facts = pack.facts(classification, channel=contact.channel)
    return appeal_bar(pack, facts, occurrence(contact, contacted, pack.header.zone))


def _ask_whether_opened(context: DecisionContext, ticket: Ticket) -> None:
    """Ask the next level about a case of which the policy is unsure (R2.9)."""
    if ticket.classification.opening == "unsure":
        rule = next(
            (reason for reason in ticket.classification.reasons if reason.subject == "opening"),
            because("opening", "unsure", "classified by hand", "R2.9"),
        )
        details = {"reason": "is a case opened?", "unit": ticket.centre, "notifies": ["next_level"]}
        context.record_event("escalated", rule, details=details)


def _missing_fields(context: DecisionContext, contact: Contact) -> list[str]:
    """Return the fields of the pack's form that have to be filled in and are not (R2.8)."""
    return [
        each.path for each in context.policy.outcome.form.fields if each.required and not _value(contact, each.path)
    ]


def _value(contact: Contact, path: str) -> object:
    found: object = contact
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def complete_form(context: DecisionContext, action: CompleteForm) -> None:
    """The form is filled in; the centre's review begins."""
    if INCOMPLETE not in context.ticket.flags:
        raise CommandRejected("complete", "the form is complete already")
    if action.settlement is not None:
        names.check_owner(context, action.settlement.owner)
    _complete(context, action.settlement)


def _complete(context: DecisionContext, settlement: Settlement | None) -> None:
    flags = tuple(each for each in context.ticket.flags if each != INCOMPLETE)
    rule = because("form", "complete", "form", "R2.5")
    changes = {
        "flags": flags,
        "settlement": settlement,
        "form_completed_at": context.at,
        "acted_in_stage": False,
    }
    context.record_event("form_completed", rule, changes)
    if settlement is not None:
        outcome = Outcome(
            result=settlement.outcome,
            explanation=settlement.explanation,
            cause=settlement.cause,
            # A contact is taken whatever it names; closing asks for an owner who is there.
            owner=settlement.owner if settlement.owner in context.policy.units else None,
            agreement="agreed" if settlement.agreed else "refused",
        )
        rule = because("answer", "on the spot", "settled by the accepting channel", "R2.2")
        resolution.happened(context, outcome, rule, {"on_the_spot": True})


def remind(context: DecisionContext, action: Remind) -> None:
    """A repeat contact: counted, and by DECISIONS 17 and 28 it may bring the ticket back or open a new one."""
    contact = action.contact
    ticket = context.ticket_or_none
    if ticket is not None and (into := merged_into(ticket)) is not None:
        pass_on(context, action, into)
        return
    if ticket is None or ticket.status in GONE:
        open_instead(context, action, "the ticket it belongs to is not there any more")
        return
    repeat = context.policy.outcome.repeat
    if ticket.status is Status.CLOSED:
        assert ticket.closed_at is not None
        if not action.disputed or context.at > ticket.closed_at + repeat.reopen_within.length:
            open_instead(context, action, "the ticket it belongs to is closed")
            return
    if _is_its_form(context, contact):
        _fill_in(context, action)
        return
    _count_reminder(context, contact, action.reason)
    if action.disputed and context.ticket.status in {Status.ANSWERED, Status.CLOSED}:
        resolution.reopened(
            context, because("repeat", "disputed", "repeat", repeat.source), "the customer disputes the answer"
        )


def _is_its_form(context: DecisionContext, contact: Contact) -> bool:
    """Whether a contact is the form of the call that opened the ticket, which nobody had filled in by then (R2.1)."""
    ticket = context.ticket
    return contact.call is not None and contact.call == ticket.call and INCOMPLETE in ticket.flags


def _fill_in(context: DecisionContext, action: Remind) -> None:
    contact = action.contact
    changes = {
        "customer": contact.customer if contact.customer.reachable else context.ticket.customer,
        "subject": contact.text,
        "desired_outcome": contact.desired_outcome,
        "evidence": (*context.ticket.evidence, *new_evidence(context.ticket, contact.evidence)),
    }
    context.record_event(
        "corrected",
        because("form", contact.channel, "the call's form", "R2.1"),
        changes,
        details={"contact_id": contact.id, "reason": action.reason},
    )
    classification = names.known_classification(contact, action.classification, context.policy)
    if classification != context.ticket.classification:
        reclassification.reclassify(context, Reclassify(classification=classification, reason=action.reason))
    if INCOMPLETE not in contact.flags:
        _complete(context, contact.settlement)


def _count_reminder(context: DecisionContext, contact: Contact, reason: str) -> None:
    context.record_event(
        "reminded",
        because("repeat", contact.channel, "repeat", context.policy.outcome.repeat.source),
        {"reminders": context.ticket.reminders + 1},
        details={"contact_id": contact.id, "channel": contact.channel, "reason": reason},
    )


def pass_on(context: DecisionContext, action: Remind | AddContact, into: UUID) -> None:
    """Send the contact of a merged ticket's customer to the ticket that goes on (DECISIONS 30)."""
    survivor = surviving(context.named, into)
    if survivor is None:
        open_instead(context, action, "the ticket it belongs to is not there any more")
        return
    context.commands.append(
        Command(
            id=command_id(context.command.id, action.type),
            ticket_id=survivor.id,
            at=context.command.at,
            actor=SYSTEM,
            policy=action.contact.policy,
            action=action.replace(reason=f"the ticket it belongs to was merged into this one; {action.reason}"[:200]),
        )
    )


def open_instead(context: DecisionContext, action: Remind | AddContact, reason: str) -> None:
    """Open a ticket for a contact whose own is over, linked to it."""
    new = ticket_id(action.contact.id)
    links = (Link(ticket_id=context.command.ticket_id, kind="repeat", reason=reason),)
    context.commands.append(
        Command(
            id=command_id(context.command.id, "open"),
            ticket_id=new,
            at=context.command.at,
            actor=SYSTEM,
            policy=action.contact.policy,
            action=Open(contact=action.contact, classification=action.classification, links=links),
        )
    )


def note(context: DecisionContext, action: Note) -> None:
    """Keep something worth knowing."""
    context.record_event("noted", because("note", "kept", "note", "ours: R2.7"), details={"text": action.text})


def link(context: DecisionContext, action: LinkTo) -> None:
    """Tie the ticket to another, once."""
    present, named = context.ticket.links, action.link.ticket_id
    by_service = context.command.actor.kind == "service"
    if named == context.ticket.id:
        raise CommandRejected("same", "a ticket cannot be linked to itself", ("link",))
    # The services link tickets that they open at the same moment: those may not be there yet.
    if not by_service or named in context.named:
        context.other_ticket(named, field="link")
    if action.link.kind in MERGES and not by_service:
        raise CommandRejected("unknown", f"{action.link.kind} is what a merge leaves: merge the tickets", ("link",))
    if is_linked(context.ticket, action.link):
        raise CommandRejected("linked", "the tickets are linked already")
    context.record_event(
        "linked",
        because("link", action.link.kind, "link", "ours: R2.7"),
        {"links": (*present, action.link)},
        details={"ticket_id": action.link.ticket_id, "kind": action.link.kind, "reason": action.link.reason},
    )
