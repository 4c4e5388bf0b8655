"""Reports at once what the policy wants reported at once, each alert once on a ticket (R3.10). Pure."""

from collections.abc import Iterator

from schemas.ticket import Ticket
from services.domain.policy.routing import AlertRule
from services.ledger.domain.decision_context import DecisionContext, because


def report_alerts(context: DecisionContext) -> None:
    """Report the alerts whose condition holds now and that were not reported before, whatever made it hold.

    `decide` calls it after what happened to a ticket by command or by time; an alert that ceases to hold and holds
    again is the same one.
    """
    ticket, before = context.ticket_or_none, context.before
    if not context.policy.routing.alerts or not context.events or ticket is None:
        return
    if before is not None and _same_facts(before, ticket, context.policy.alerts_follow):
        return
    known = _reported(context, ticket)
    for alert in _holding(context, ticket):
        if alert.name not in known:
            known = (*known, alert.name)
            context.record_event(
                "reported",
                because("alert", ", ".join(alert.units), alert.name, alert.source),
                {"reported": known},
                details={"reason": alert.name, "unit": ticket.centre, "notifies": list(alert.units)},
            )


def _same_facts(before: Ticket, ticket: Ticket, follow: frozenset[str]) -> bool:
    """Whether nothing has changed on which an alert depends; cheaper than evaluating the rules."""
    if before.classification is not ticket.classification or before.policy != ticket.policy:
        return False
    return not follow or (
        before.unit == ticket.unit and before.breaches == ticket.breaches and before.settlement is ticket.settlement
    )


def _reported(context: DecisionContext, ticket: Ticket) -> tuple[str, ...]:
    """Return the names of the alerts that were reported before."""
    if ticket.reported is not None:
        return ticket.reported
    # Opened before this was kept on the ticket: then all that held at acceptance were reported.
    return tuple(alert.name for alert in _holding(context, context.before)) if context.before is not None else ()


def _holding(context: DecisionContext, ticket: Ticket) -> Iterator[AlertRule]:
    facts = context.policy.facts_of(ticket)
    return (alert for alert in context.policy.routing.alerts if alert.when.holds(facts))
