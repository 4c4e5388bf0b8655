"""Letters beyond what events tell by themselves: apologies, and those that reached nobody (R5.7)."""

from schemas.customer_actions import Apologise, ReportUndeliverable
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because


def apologise(context: DecisionContext, action: Apologise) -> None:
    """Send a letter of apology; refused with the facts that it needs and does not have."""
    letters = {each.letter: each for each in context.policy.notices.apologies}
    wanted = letters.get(action.letter)
    if wanted is None:
        known = ", ".join(sorted(letters))
        raise CommandRejected(
            "unknown", f"there is no letter of apology {action.letter!r}; choose one of {known}", ("letter",)
        )
    missing = tuple(each for each in wanted.needs if not action.facts.get(each, "").strip())
    if missing:
        message = f"the letter {action.letter} must hold {', '.join(missing)} ({wanted.source}): add it to facts"
        raise CommandRejected("missing", message, missing)
    context.record_event(
        "apologised",
        because("apology", action.letter, "letter of apology", wanted.source),
        details={"letter": action.letter, "facts": dict(action.facts)},
    )


def report_undeliverable(context: DecisionContext, action: ReportUndeliverable) -> None:
    """Put on record that a letter reached its reader by no means; the centre is informed of it."""
    context.record_event(
        "undeliverable",
        because("letter", action.letter, "no means is left", "ours: R5.7"),
        details={
            "notice": str(action.notice),
            "about": action.letter,
            "audience": action.audience,
            "reason": action.reason,
        },
    )
