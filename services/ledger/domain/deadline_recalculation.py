"""Facts that move the open deadlines of tickets that exist: a changed policy, the record of a call. Pure.

The moving itself is the comparison in `timers`, as for every other event.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What another version of the policy would do to the clocks of a ticket.

    Attributes:
        moved: each limit that changes: the old one, ended, and the new one. A limit that was exceeded stays exceeded,
            and one that was committed to in an extension stays unless the new one is later.
        started: clocks that begin.
        ended: clocks that end.

    """

    moved: tuple[tuple[SlaTimer, SlaTimer], ...]
    started: tuple[SlaTimer, ...]
    ended: tuple[SlaTimer, ...]


def effect_of(ticket: Ticket, pack: Pack, at: datetime) -> PolicyEffect:
    """Return what another version of the policy would do to a ticket's clocks if it were applied at an instant."""
    changed = timers.Comparison(ticket, ticket, pack, at, timers.POLICY_APPLIED).changed()
    moved = _pairs(changed)
    known, in_pairs = {timer.key for timer in ticket.clocks}, {timer.key for pair in moved for timer in pair}
    others = [timer for timer in changed if timer.key not in in_pairs]
    return PolicyEffect(
        moved=tuple(moved),
        started=tuple(timer for timer in others if timer.key not in known),
        ended=tuple(timer for timer in others if timer.key in known and timer.stopped_at == at),
    )


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
