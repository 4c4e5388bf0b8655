"""A changed policy moves the open deadlines of tickets that are there already (R4.12). Pure."""

from datetime import datetime

from schemas.command import ApplyPolicy
from schemas.ticket import Clock, ThresholdState, Ticket
from services.domain import clock as clocks
from services.domain.packs import Pack
from services.ledger.domain.story import Story, because


def apply_policy(story: Story, action: ApplyPolicy) -> None:
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


def moved(ticket: Ticket, pack: Pack, at: datetime) -> list[tuple[Clock, Clock]]:
    """Return the clocks that another version of the policy moves: each old limit, ended, and the new one.

    A limit that was exceeded stays exceeded, and one that was committed to in an extension stays as it is.
    """
    facts = pack.facts_of(ticket)
    committed = {(each.clock, each.run) for each in ticket.extensions if each.state == "approved"}
    found: list[tuple[Clock, Clock]] = []
    for each in ticket.clocks:
        rule = pack.timing.by_name.get(each.name)
        if rule is None or each.stopped_at is not None or _exceeded(each) or (each.name, each.run) in committed:
            continue
        limit = pack.timing.limit(rule, facts, ticket.customer)
        pair = clocks.relimit(
            each,
            rule,
            limit,
            pack.calendar(limit.calendar),
            at=each.paused_at or at,
            by="policy_applied",
            wanted_by=ticket.wanted_by,
        )
        if pair is not None:
            found.append(pair)
    return found


def _exceeded(clock: Clock) -> bool:
    return any(each.name == clocks.BREACH and each.state is ThresholdState.FIRED for each in clock.thresholds)
