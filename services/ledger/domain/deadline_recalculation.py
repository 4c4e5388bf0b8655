"""Facts that move the open deadlines of tickets that exist: a changed policy, the record of a call. Pure.

The moving itself is the comparison in `timers`, as for every other event.
"""

from datetime import datetime
from itertools import pairwise

from schemas.action import ApplyPolicy, JoinCall
from schemas.ticket import SlaTimer, Ticket
from services.domain.policy.pack import Pack
from services.ledger.domain import timers
from services.ledger.domain.bounded_ticket import new_evidence
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because


def apply_policy(context: DecisionContext, action: ApplyPolicy) -> None:
    """Move, start and end what the version in force moves, starts and ends; a ticket of which nothing moves is left."""
    changed = timers.Comparison(
        context.ticket, context.ticket, context.policy, context.at, timers.POLICY_APPLIED
    ).changed()
    if not changed:
        return
    moved = {old.name: {"from": old.due_at, "to": new.due_at} for old, new in _pairs(changed)}
    context.record_event(
        timers.POLICY_APPLIED,
        because("policy", action.version, "policy applied", "R4.12"),
        details={"version": action.version, "moved": moved},
    )


def moved(ticket: Ticket, pack: Pack, at: datetime) -> list[tuple[SlaTimer, SlaTimer]]:
    """Return the clocks that another version of the policy moves: each old limit, ended, and the new one.

    A limit that was exceeded stays exceeded, and one that was committed to in an extension stays unless the new one is
    later.
    """
    return _pairs(timers.Comparison(ticket, ticket, pack, at, timers.POLICY_APPLIED).changed())


def _pairs(changed: list[SlaTimer]) -> list[tuple[SlaTimer, SlaTimer]]:
    return [
        (old, new)
        for old, new in pairwise(changed)
        if (old.name, old.run, old.limit + 1) == (new.name, new.run, new.limit)
    ]


def join_call(context: DecisionContext, action: JoinCall) -> None:
    """Put on a ticket what the record of its call holds, as if it had come before the form (R2.1, DECISIONS 5)."""
    ticket = context.ticket
    new = new_evidence(ticket, action.call.evidence)
    start = action.call.started_at
    if start is None or start > ticket.accepted_at:
        start = ticket.contacted_at
    customer = ticket.customer if ticket.customer.phone else ticket.customer.replace(phone=action.call.phone)
    if not new and start == ticket.contacted_at and customer == ticket.customer:
        raise CommandRejected("joined", "the ticket has all that is known of the call")
    context.record_event(
        "corrected",
        because("call", "joined", "the record of the call", "R2.1"),
        {"contacted_at": start, "customer": customer, "evidence": (*ticket.evidence, *new)},
        details={"reason": "the exchange's record of the call came after its form"},
    )
