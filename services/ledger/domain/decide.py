"""The decider: what a command does to a ticket, given the policy and the time (DESIGN 2). Pure.

First every threshold that is due is decided, in order of time; then the command's own events follow.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from schemas.command import Command
from schemas.event import Refusal, TicketEvent
from schemas.ticket import Ticket
from services.domain.authority.judge import judge
from services.domain.ids import refusal_id
from services.domain.policy.pack import Pack
from services.ledger.domain.alerts import report_alerts
from services.ledger.domain.decision_context import CommandRejected, DecisionContext
from services.ledger.domain.follow_up import record_follow_up
from services.ledger.domain.lifecycle import transition
from services.ledger.domain.named_ticket import NamedTickets
from services.ledger.domain.names import replace_removed_names
from services.ledger.domain.thresholds import settle

NOTHING = Decimal(0)
NONE_NAMED: NamedTickets = MappingProxyType({})
LATE_AFTER = timedelta(seconds=5)
"""Real time after which the decision of a threshold counts as late."""
AHEAD = timedelta(seconds=5)
"""How far a tick may be ahead of the ledger's own clock."""


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What a command leads to.

    Attributes:
        events: what happened, thresholds first; may hold settled thresholds even when the command is refused.
        commands: what the ledger sends itself.
        refusal: why the command itself changed nothing.

    """

    events: tuple[TicketEvent, ...] = ()
    commands: tuple[Command, ...] = ()
    refusal: Refusal | None = None


def decide(
    ticket: Ticket | None,
    command: Command,
    policy: Pack,
    now: datetime,
    *,
    number: str,
    named: NamedTickets = NONE_NAMED,
    similar: int | None = None,
    spent: Decimal = NOTHING,
    late_after: timedelta = LATE_AFTER,
) -> DecisionResult:
    """Decide one command.

    Args:
        ticket: as it stands; None if there is none yet.
        command: what is asked; its `at` is the door's stamp, never the sender's word.
        policy: the pack that the ticket runs under.
        now: the ledger's business time.
        number: ticket number to use if this opens a ticket.
        named: other tickets that the command names, and those that they were merged into.
        similar: tickets of a hot issue's kind that the ledger has, as many as it needs at most; None if not counted.
        spent: yuan of compensation that count against the actor's limit of this month, on every ticket of the pack.
        late_after: business time after which the decision of a threshold counts as late.

    """
    # A tick is the monitor's word that a time has come; a few seconds between two clocks must not lose it.
    at = command.at if command.action.type == "tick" else min(command.at, now)
    if ticket is not None:
        at = max(at, ticket.updated_at)
    context = DecisionContext(
        policy=policy,
        command=command,
        now=now,
        at=at,
        number=number,
        spent=spent,
        before=ticket,
        named=named,
        similar=similar,
    )
    try:
        _check_time(command, now)
        settle(context, at, late_after)
        replace_removed_names(context)
        _check(context)
        transition(command.action).decide(context, command.action)
        context.acts_for = None
        settle(context, at, late_after)
        record_follow_up(context)
        report_alerts(context)
    except CommandRejected as refused:
        # What time has changed is reported, though the command changes nothing.
        context.acts_for = None
        report_alerts(context)
        present = context.ticket_or_none
        refusal = Refusal(
            id=refusal_id(command.id),
            command_id=command.id,
            ticket_id=command.ticket_id,
            at=at,
            code=refused.code,
            message=refused.message[:200],
            missing=refused.missing,
            current_version=present.version if present is not None else None,
        )
        return DecisionResult(events=tuple(context.events), refusal=refusal)
    return DecisionResult(events=tuple(context.events), commands=tuple(context.commands))


def _check_time(command: Command, now: datetime) -> None:
    if command.action.type == "tick" and command.at - now > AHEAD:
        raise CommandRejected(
            "from_the_future", "the tick is more than 5 s ahead of the ledger's clock; synchronise the clocks"
        )


def _check(context: DecisionContext) -> None:
    """Refuse what the actor has no right to, what the status or what the expected version does not allow."""
    kind = context.command.action.type
    verdict = judge(context.ticket_or_none, context.command, context.policy)
    if verdict.code is not None:
        raise CommandRejected(verdict.code, verdict.message, verdict.missing)
    context.acts_for = verdict.acts_for
    if kind in {"open", "remind", "add_contact"}:
        return
    ticket = context.ticket
    expected = context.command.expected_version
    seen = context.before.version if context.before is not None else ticket.version
    if expected is not None and expected != seen:
        raise CommandRejected(
            "version_mismatch",
            f"the ticket is at version {seen} ({ticket.status}), not {expected}: look at it again, then repeat",
        )
    if kind == "tick":
        return
    if ticket.status not in transition(context.command.action).allowed:
        raise CommandRejected(
            "wrong_status", f"a ticket that is {ticket.status} cannot be asked to {kind.replace('_', ' ')}"
        )
