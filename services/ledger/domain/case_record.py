"""The record of a case: entries, papers, data put right, people named, compensation (R2.7, R3.6, R5.9-R5.11)."""

from decimal import Decimal

from schemas.action import Assign, Attach, Compensate, Correct, RecordEntry
from schemas.case_record import Compensation, Entry
from services.domain.policy.outcome import AuthorityRule, CompensationRule
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
        raise CommandRejected("missing", f"{action.kind} needs a text, or a reference to the paper", ("text",))
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


def compensate(context: DecisionContext, action: Compensate) -> None:
    """Grant compensation within the authority of a level: by case, by month, by the customer's tenure (R3.6)."""
    rule = context.policy.outcome.compensation
    if rule is None:
        raise CommandRejected("not_allowed", "the policy grants nobody authority to compensate")
    level = next((each for each in rule.levels if each.level == action.level), None)
    if level is None:
        levels = ", ".join(each.level for each in rule.levels)
        raise CommandRejected("unknown", f"there is no level {action.level!r}; choose one of {levels}", ("level",))
    if action.covers not in rule.covers:
        raise CommandRejected(
            "not_covered",
            f"{action.covers} is not covered, only {', '.join(rule.covers)} are ({rule.source})",
            ("covers",),
        )
    amount = Decimal(action.amount)
    _within(context, rule, level, amount)
    given = Compensation(
        at=context.at,
        by=context.command.actor.name,
        level=level.level,
        covers=action.covers,
        amount=action.amount,
        command_id=context.command.id,
    )
    context.record_event(
        "compensated",
        because("compensation", action.amount, f"authority of {level.level}", level.source),
        {"compensations": (*context.ticket.compensations, given), "acted_in_stage": True},
        details={"amount": action.amount, "covers": action.covers, "level": level.level, "text": action.text},
    )


def _within(context: DecisionContext, rule: CompensationRule, level: AuthorityRule, amount: Decimal) -> None:
    if amount <= 0:
        raise CommandRejected("missing", "write an amount above zero", ("amount",))
    tenure = context.ticket.customer.tenure_months
    short = tenure is not None and tenure < rule.short_tenure_months
    limit = Decimal(level.case) / (2 if short else 1)
    granted = Decimal(context.ticket.compensation_total)
    if granted + amount > limit:
        why = f", halved below {rule.short_tenure_months} months of tenure" if short else ""
        raise CommandRejected(
            "beyond_authority",
            f"{level.level} may grant {limit:g} yuan a case{why}, {granted:g} are granted: ask {rule.beyond}",
            ("amount",),
        )
    if context.spent + amount > level.month:
        raise CommandRejected(
            "beyond_authority",
            f"{level.level} may grant {level.month} yuan a month, {context.spent:g} are granted: ask {rule.beyond}",
            ("amount",),
        )


def attach(context: DecisionContext, action: Attach) -> None:
    """Add papers by reference; one that is there already is not added again."""
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
    if action.customer == context.ticket.customer:
        raise CommandRejected("same", "the customer's data are so already")
    context.record_event(
        "corrected",
        because("customer", "corrected", "corrected by hand", "R2.7"),
        {"customer": action.customer},
        details={"reason": action.reason},
    )
