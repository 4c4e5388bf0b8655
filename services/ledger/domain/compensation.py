"""Compensation within the authority of the person who grants it: by case, by month, by its conditions (R3.6)."""

from decimal import Decimal

from schemas.action import Compensate
from schemas.case_record import Compensation
from services.domain.authority.judge import level_of
from services.domain.policy.outcome import WHOLE, CompensationCondition, CompensationLevel, CompensationRule
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because


def compensate(context: DecisionContext, action: Compensate) -> None:
    """Grant compensation; the level is the person's by the pack, else the key's, never the caller's word (R3.6).

    Raises:
        CommandRejected: the pack grants nobody such authority, the level does not cover it, or it is beyond the
            level's limit for a case or a month; says which condition applies and who may decide.

    """
    rule = context.policy.outcome.compensation
    if rule is None:
        raise CommandRejected("not_allowed", "the policy grants nobody authority to compensate")
    level = _level(context, rule)
    covered = level.covers or rule.covers
    if action.covers not in covered:
        raise CommandRejected(
            "not_covered",
            f"{action.covers} is not covered, only {', '.join(covered)} are ({rule.source})",
            ("covers",),
        )
    amount = Decimal(action.amount)
    if amount <= 0:
        raise CommandRejected("missing", "write an amount above zero", ("amount",))
    ticket = context.ticket
    facts = context.policy.facts_of(ticket)
    condition = rule.condition_for(level.level, action.covers, ticket.customer, facts)
    _check_case(context, rule, level, condition, amount)
    if context.spent + amount > level.month:
        raise CommandRejected(
            "beyond_authority",
            f"{level.level} may grant {level.month} yuan a month, {context.spent:g} are granted: ask {rule.beyond}",
            ("amount",),
        )
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
        {"compensations": (*ticket.compensations, given), "acted_in_stage": True},
        details={"amount": action.amount, "covers": action.covers, "level": level.level, "text": action.text},
    )


def _level(context: DecisionContext, rule: CompensationRule) -> CompensationLevel:
    actor, name = context.command.actor, level_of(context.command, context.policy)
    level = next((each for each in rule.levels if each.level == name), None)
    if level is not None:
        return level
    levels = ", ".join(each.level for each in rule.levels)
    if name is None:
        raise CommandRejected(
            "not_allowed",
            f"{actor.name} has no level of authority to compensate: units.toml or the key gives one of {levels}",
        )
    raise CommandRejected(
        "unknown",
        f"{actor.name} acts at the level {name!r}, which the pack does not have: give the key one of {levels}",
    )


def _check_case(
    context: DecisionContext,
    rule: CompensationRule,
    level: CompensationLevel,
    condition: CompensationCondition | None,
    amount: Decimal,
) -> None:
    limit = Decimal(level.case) * (condition.percent if condition is not None else WHOLE) / WHOLE
    granted = Decimal(context.ticket.compensation_total)
    if granted + amount <= limit:
        return
    because_of = ""
    if condition is not None:
        law = f", {condition.law}" if condition.law is not None else ""
        because_of = f" ({condition.percent} %: {condition.name}{law})"
    raise CommandRejected(
        "beyond_authority",
        f"{level.level} may grant {limit:g} yuan a case{because_of}, {granted:g} are granted: ask {rule.beyond}",
        ("amount",),
    )
