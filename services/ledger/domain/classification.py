"""What a case is: reclassified, regraded by time, judged (R2.9, R3.6, R3.11, R3.12, DECISIONS 6)."""

from datetime import datetime

from schemas.action import Assess, JoinHotIssue, Reclassify
from schemas.ticket import Classification, Reason, SlaTimer
from services.domain.sla import timer as clocks
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because

OPENINGS = frozenset({"opened", "not_opened"})
BREADTH = "breadth"
LIABILITIES = frozenset({"liable", "not_liable", "unclear"})


def reclassify(story: DecisionContext, action: Reclassify) -> None:
    """Change kind, type, tier, priority or department; limits change with them, their start does not (DECISIONS 6)."""
    told, pack = action.classification, story.policy
    for name, value, known in (
        ("tier", told.tier, pack.tiers),
        ("kind", told.kind, frozenset(pack.routing.kinds)),
        ("validity", told.validity, frozenset(pack.routing.validities)),
    ):
        _known(name, value, known)
    story.happen(
        "reclassified",
        because("classification", told.tier, "reclassified by hand", "R2.7"),
        {"classification": told, "centre": told.path[0] if told.path else story.ticket.centre},
        changed=_relimited(story, told, story.at),
        details={"reason": action.reason},
    )


def regrade(story: DecisionContext, tier: str, rule: Reason, at: datetime) -> None:
    """Raise the tier because a limit was exceeded (R4.7)."""
    before = story.ticket.classification
    if before.tier == tier:
        return
    reason = Reason(subject="tier", value=tier, rule=rule.rule, source=rule.source)
    told = before.replace(tier=tier, reasons=(*(each for each in before.reasons if each.subject != "tier"), reason))
    story.happen(
        "reclassified",
        reason,
        {"classification": told},
        at=at,
        actor=SYSTEM,
        changed=_relimited(story, told, max(at, story.ticket.updated_at)),
        details={"reason": f"{rule.rule} was exceeded", "from": before.tier},
    )


def join_hot_issue(story: DecisionContext, action: JoinHotIssue) -> None:
    """Tie the ticket to a hot issue; that it is broad counts in its priority from now on (R3.7)."""
    ticket, before = story.ticket, story.ticket.classification
    if ticket.hot_issue == action.issue:
        raise CommandRejected("linked", "the ticket is part of this hot issue already")
    signals = before.signals if BREADTH in before.signals else (*before.signals, BREADTH)
    rule = next(each for each in story.policy.routing.priorities if set(each.all) <= set(signals))
    # Being one of many never makes a ticket less urgent than it was.
    told = before.replace(signals=signals, priority=min(rule.priority, before.priority))
    if told.priority < before.priority:
        reason = Reason(subject="priority", value=str(told.priority), rule=rule.name, source=rule.source)
        told = told.replace(reasons=(*(each for each in before.reasons if each.subject != "priority"), reason))
    story.happen(
        "joined_hot_issue",
        because("hot_issue", "joined", "many complaints of one kind", "ours: R3.7, DECISIONS 16"),
        {"hot_issue": action.issue, "classification": told},
        changed=_relimited(story, told, story.at),
        details={"issue": str(action.issue), "tickets": action.tickets, "priority": told.priority},
    )


def _relimited(story: DecisionContext, told: Classification, at: datetime) -> list[SlaTimer]:
    ticket, pack = story.ticket, story.policy
    facts = pack.facts_of(ticket, told)
    changed: list[SlaTimer] = []
    for each in ticket.clocks:
        rule = pack.limits.by_name.get(each.name)
        if rule is None or not each.running or not rule.when.holds(facts):
            continue
        limit = pack.limits.limit(rule, facts, ticket.customer)
        changed += (
            clocks.relimit(each, rule, limit, pack.calendar(limit.calendar), at=at, wanted_by=ticket.wanted_by) or ()
        )
    return changed


def assess(story: DecisionContext, action: Assess) -> None:
    """Keep a judgement with its reason; a case that is not founded or not opened is explained, not dispatched."""
    before, pack = story.ticket.classification, story.policy
    if (action.validity, action.opening, action.founded, action.liability) == (None, None, None, None):
        raise CommandRejected("missing", "say what is judged: validity, opening, founded or liability", ("validity",))
    _known("validity", action.validity, frozenset(pack.routing.validities))
    _known("opening", action.opening, OPENINGS)
    _known("liability", action.liability, LIABILITIES)
    judged = {
        "validity": action.validity,
        "opening": action.opening,
        "founded": action.founded,
        "liability": action.liability,
    }
    given = {name: value for name, value in judged.items() if value is not None}
    story.happen(
        "assessed",
        because("assessment", ", ".join(f"{name} {value}" for name, value in given.items()), "judged by hand", "R3.12"),
        {"classification": before.replace(**given), "acted_in_stage": True},
        details={"reason": action.reason, **given},
    )


def _known(name: str, value: str | None, known: frozenset[str]) -> None:
    if value is not None and value not in known:
        raise CommandRejected(
            "unknown", f"there is no {name} {value!r}; choose one of {', '.join(sorted(known))}", (name,)
        )
