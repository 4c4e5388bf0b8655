"""Puts a ticket on record for later follow-up when it is found to be what the policy wants followed (R3.2). Pure."""

from schemas.case_record import Entry
from schemas.ticket import Status
from services.ledger.domain.decision_context import SYSTEM, DecisionContext, because


def record_follow_up(context: DecisionContext) -> None:
    """Add the entries that belong to the validity which a ticket has got, whoever or whatever gave it.

    `decide` calls it after what happened to a ticket; nearly always nothing has.
    """
    ticket, before = context.ticket_or_none, context.before
    if ticket is None or not context.events or (before and before.classification is ticket.classification):
        return
    validity = ticket.classification.validity
    if ticket.status is Status.ARCHIVED or (before is not None and before.classification.validity == validity):
        return
    for rule in context.policy.follow_ups.get(validity, ()):
        entry = Entry(kind=rule.kind, at=context.at, by=context.command.actor.name, value=validity)
        context.record_event(
            rule.event,
            because(rule.kind, validity, "follow-up", rule.source),
            {"entries": (*context.ticket.entries, entry)},
            actor=SYSTEM,
            details={"kind": rule.kind, "value": validity},
        )
