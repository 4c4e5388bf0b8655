"""What moves the open deadlines of tickets that are there already: a changed policy, a call heard late. Pure."""

from collections.abc import Iterator
from datetime import datetime

from schemas.action import ApplyPolicy, JoinCall
from schemas.ticket import SlaTimer, ThresholdState, Ticket
from services.domain.policy.limits import ClockRule
from services.domain.policy.pack import Pack
from services.domain.sla import timer as clocks
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because


def apply_policy(story: DecisionContext, action: ApplyPolicy) -> None:
    """Move what the version in force moves; nothing happens to a ticket of which nothing moves."""
    pairs = moved(story.ticket, story.policy, story.at)
    if not pairs:
        return
    story.happen(
        "policy_applied",
        because("policy", action.version, "policy applied", "R4.12"),
        changed=[each for pair in pairs for each in pair],
        details={
            "version": action.version,
            "moved": {old.name: {"from": old.due_at, "to": new.due_at} for old, new in pairs},
        },
    )


def moved(ticket: Ticket, pack: Pack, at: datetime) -> list[tuple[SlaTimer, SlaTimer]]:
    """Return the clocks that another version of the policy moves: each old limit, ended, and the new one.

    A limit that was exceeded stays exceeded, and one that was committed to in an extension stays as it is.
    """
    pairs = (_moved(each, rule, ticket, pack, at, by="policy_applied") for each, rule in _movable(ticket, pack))
    return [pair for pair in pairs if pair is not None]


def join_call(story: DecisionContext, action: JoinCall) -> None:
    """Put on a ticket what the record of its call tells, as if it had come before the form (R2.1, DECISIONS 5)."""
    ticket = story.ticket
    known = {each.reference for each in ticket.evidence}
    new = tuple(each for each in action.call.evidence if each.reference not in known)
    start = action.call.started_at
    if start is None or start > ticket.accepted_at:
        start = ticket.contacted_at
    customer = ticket.customer if ticket.customer.phone else ticket.customer.replace(phone=action.call.phone)
    if not new and start == ticket.contacted_at and customer == ticket.customer:
        raise CommandRejected("joined", "the ticket has all that is known of the call")
    pairs = _from(start, ticket, story.policy, story.at)
    story.happen(
        "corrected",
        because("call", "joined", "the record of the call", "R2.1"),
        {"contacted_at": start, "customer": customer, "evidence": (*ticket.evidence, *new)},
        changed=[each for pair in pairs for each in pair],
        details={"reason": "the exchange's record of the call came after its form"},
    )


def _from(start: datetime, ticket: Ticket, pack: Pack, at: datetime) -> list[tuple[SlaTimer, SlaTimer]]:
    """Return the clocks that count from the contact, each old limit, ended, and the new one from another start."""
    found = []
    for each, rule in _movable(ticket, pack):
        if rule.starts_at != "contact" or each.started_at != ticket.contacted_at or start == ticket.contacted_at:
            continue
        calendar = pack.calendar(each.calendar)
        # What a pause has kept of the time used does not hold the time before the old start.
        kept = each.paused_at is not None or each.resumed_at is not None
        shift = calendar.between(start, each.started_at) - calendar.between(each.started_at, start)
        moved = each.replace(started_at=start, used=max(each.used + shift, clocks.NOTHING) if kept else each.used)
        if (pair := _moved(moved, rule, ticket, pack, at, by="corrected")) is not None:
            found.append((pair[0].replace(started_at=each.started_at), pair[1]))
    return found


def _movable(ticket: Ticket, pack: Pack) -> Iterator[tuple[SlaTimer, ClockRule]]:
    """Return the running clocks of the policy's table whose limit nobody exceeded or committed to."""
    committed = {(each.clock, each.run) for each in ticket.extensions if each.state == "approved"}
    for each in ticket.clocks:
        rule = pack.limits.by_name.get(each.name)
        if rule is None or each.stopped_at is not None or _exceeded(each) or (each.name, each.run) in committed:
            continue
        yield each, rule


def _moved(
    clock: SlaTimer, rule: ClockRule, ticket: Ticket, pack: Pack, at: datetime, *, by: str
) -> tuple[SlaTimer, SlaTimer] | None:
    limit = pack.limits.limit(rule, pack.facts_of(ticket), ticket.customer)
    calendar = pack.calendar(limit.calendar)
    return clocks.relimit(clock, rule, limit, calendar, at=clock.paused_at or at, by=by, wanted_by=ticket.wanted_by)


def _exceeded(clock: SlaTimer) -> bool:
    return any(each.name == clocks.BREACH and each.state is ThresholdState.FIRED for each in clock.thresholds)
