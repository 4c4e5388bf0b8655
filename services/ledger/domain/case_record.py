"""The record of a case: entries, evidence, data put right, people named (R2.7, R5.9-R5.11)."""

from typing import Any

from schemas.action import Assign, Attach, Correct, RecordEntry
from schemas.case_record import Entry
from schemas.contact import PHONE_FROM_TEXT
from schemas.ticket import Ticket
from services.domain.contact_codes import PREFERRED_MEANS
from services.ledger.domain import names
from services.ledger.domain.bounded_ticket import new_evidence
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because


def record(context: DecisionContext, action: RecordEntry) -> None:
    """Put an entry on record, if the policy knows its kind and the unit may write it."""
    rule, actor = context.policy.entries.get(action.kind), context.command.actor
    if rule is None:
        known = ", ".join(sorted(context.policy.entries)) or "none"
        raise CommandRejected("unknown", f"the policy has no entry {action.kind!r}; it knows {known}", ("kind",))
    choices = [each.code for each in rule.choices]
    if choices and action.value not in choices:
        raise CommandRejected("missing", f"{action.kind} needs a value out of {', '.join(choices)}", ("value",))
    if not choices and not action.text and not action.reference:
        raise CommandRejected("missing", f"{action.kind} needs a text, or a reference to the document", ("text",))
    entry = Entry(
        kind=action.kind,
        at=context.at,
        by=actor.name,
        unit=actor.unit,
        value=action.value,
        text=action.text,
        reference=action.reference,
    )
    context.record_event(
        rule.event,
        because(action.kind, action.value or "", "entry", rule.source),
        {"entries": (*context.ticket.entries, entry), "acted_in_stage": True},
        details={"kind": action.kind, "value": action.value, "text": action.text, "reference": action.reference},
    )


def attach(context: DecisionContext, action: Attach) -> None:
    """Add evidence by reference; one that is there already is not added again."""
    new = new_evidence(context.ticket, action.evidence)
    if not new:
        raise CommandRejected("attached", "all of it is attached already")
    context.record_event(
        "attached",
        because("evidence", str(len(new)), "attachment", "R2.7"),
        {"evidence": (*context.ticket.evidence, *new)},
        details={"references": [each.reference for each in new]},
    )


def assign(context: DecisionContext, action: Assign) -> None:
    """Name the person of the unit who is in charge."""
    names.check_person(context, action.person)
    if context.ticket.person == action.person:
        raise CommandRejected("assigned", f"{action.person} has the ticket already")
    context.record_event(
        "assigned",
        because("person", action.person, "assigned by hand", "R2.7"),
        {"person": action.person},
        details={"person": action.person, "from": context.ticket.person},
    )


def correct(context: DecisionContext, action: Correct) -> None:
    """Put the customer's data right; at least one way to reach the customer has to stay."""
    if not action.customer.reachable:
        raise CommandRejected("missing", "leave at least one way to reach the customer", ("customer.phone",))
    if (means := action.customer.preferred_means) != context.ticket.customer.preferred_means:
        names.check_code("preferred_means", means, PREFERRED_MEANS)
    if action.customer == context.ticket.customer:
        raise CommandRejected("same", "the customer's data are so already")
    context.record_event(
        "corrected",
        because("customer", "corrected", "corrected by hand", "R2.7"),
        {"customer": action.customer, **_confirmed_phone(context.ticket)},
        details={"reason": action.reason},
    )


def _confirmed_phone(ticket: Ticket) -> dict[str, Any]:
    """Return the flags of a ticket if its customer's phone was a hint: somebody has confirmed or changed it."""
    if PHONE_FROM_TEXT not in ticket.flags:
        return {}
    return {"flags": tuple(flag for flag in ticket.flags if flag != PHONE_FROM_TEXT)}
