"""Contacts that urge nothing: a line of a chat, thanks, a fact (R2.4, DECISIONS 36)."""

from typing import Any

from schemas.action import AddContact
from schemas.contact import PHONE_FROM_TEXT, Customer
from schemas.ticket import GONE, Classification, Status, Ticket
from services.domain.classify import classify
from services.domain.contact_kind import CHANNEL_RULE
from services.domain.cut_text import cut
from services.domain.policy.pack import Pack
from services.ledger.domain import names
from services.ledger.domain.acceptance import open_instead, pass_on
from services.ledger.domain.bounded_ticket import new_evidence
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because
from services.ledger.domain.named_ticket import merged_into
from services.ledger.domain.reclassification import of_centre

LONGEST_SUBJECT = 8_000
"""Characters up to which further lines are appended to the subject; each contact keeps its own text whole."""
SOURCE = "ours: DECISIONS 36"
NO_PHONE = "no_phone"
TOGETHER = "all lines of the conversation together"
WAYS = ("phone", "phone_extension", "email", "name", "address", "number")
"""Fields of a customer that a later line may fill in; what is known already stays."""


def add(context: DecisionContext, action: AddContact) -> None:
    """Add a contact to the ticket; one that is part of the complaint opens a ticket where this one is over."""
    ticket = context.ticket_or_none
    if ticket is not None and (into := merged_into(ticket)) is not None:
        pass_on(context, action, into)
        return
    over = ticket is None or ticket.status in GONE or ticket.status is Status.CLOSED
    if action.appends and over:
        open_instead(context, action, "the ticket it belongs to is over")
        return
    if ticket is None or ticket.status is Status.ARCHIVED:
        raise CommandRejected("gone", "the ticket is archived: the contact asks for nothing, so none is opened for it")
    contact = action.contact
    context.record_event(
        "contact_added",
        because("repeat", contact.channel, "further contact", SOURCE),
        _changes(ticket, action),
        details={
            "contact_id": contact.id,
            "channel": contact.channel,
            "reason": action.reason,
            "text": contact.text or None,
        },
    )
    if action.appends and _is_untouched(ticket, context.policy):
        _classify_anew(context)


def _changes(ticket: Ticket, action: AddContact) -> dict[str, Any]:
    """Return the fields of a ticket that a contact changes: none, unless it is part of the complaint."""
    if not action.appends:
        return {}
    contact = action.contact
    changes: dict[str, Any] = {"customer": _known_by_now(ticket.known_customer, contact.known_customer)}
    if changes["customer"].phone is not None:
        changes["flags"] = tuple(flag for flag in ticket.flags if flag not in {PHONE_FROM_TEXT, NO_PHONE})
    elif ticket.customer.phone is not None:
        changes["customer"] = changes["customer"].replace(phone=ticket.customer.phone)
    if contact.text.strip() and len(ticket.subject) < LONGEST_SUBJECT:
        changes["subject"] = cut(f"{ticket.subject}\n{contact.text}".strip(), LONGEST_SUBJECT)
    if evidence := new_evidence(ticket, contact.evidence):
        changes["evidence"] = (*ticket.evidence, *evidence)
    return changes


def _known_by_now(before: Customer, now: Customer) -> Customer:
    new = {
        name: getattr(now, name) for name in WAYS if getattr(before, name) is None and getattr(now, name) is not None
    }
    return before.replace(**new) if new else before


def _is_untouched(ticket: Ticket, pack: Pack) -> bool:
    """Whether no person has acted: it is with the centre as it came, classified as the rules classify its text."""
    first = ticket.status is Status.ACCEPTED and ticket.run == 1 and ticket.dispatched_at is None
    if not first or ticket.acted_in_stage:
        return False
    return _essence(_by_rules(ticket, pack)) == _essence(ticket.classification)


def _by_rules(ticket: Ticket, pack: Pack) -> Classification:
    """Return what the rules make of a ticket's text, with what the channel gave of its classification."""
    return classify(names.contact_of(ticket).replace(**_given(ticket.classification)), pack)


def _classify_anew(context: DecisionContext) -> None:
    """Classify all lines together."""
    before = context.ticket.classification
    after = _by_rules(context.ticket, context.policy)
    if _essence(after) == _essence(before):
        return
    context.record_event(
        "reclassified",
        because("classification", after.tier, TOGETHER, SOURCE),
        {"classification": after, **of_centre(context, after)},
        actor=SYSTEM,
        details={"reason": TOGETHER, "from": before.tier},
    )


def _given(classification: Classification) -> dict[str, str | None]:
    """Return what the channel gave of a classification, which lines do not change."""
    given = {reason.subject for reason in classification.reasons if reason.rule == CHANNEL_RULE}
    found: dict[str, str | None] = {
        name: getattr(classification, name) if name in given else None
        for name in ("kind", "business_type", "problem_type")
    }
    return found | ({"origin": classification.origin} if found["kind"] is not None else {})


def _essence(classification: Classification) -> Classification:
    """Return a classification without its reasons."""
    return classification.replace(reasons=())
