"""Until when the customer may appeal to a regulator: a fact on the ticket, by the pack's table (DECISIONS 37). Pure."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from schemas.contact import Contact
from schemas.ticket import AppealBar, Ticket
from services.domain.policy.conditions import Facts
from services.domain.policy.pack import Pack


def appeal_bar(pack: Pack, facts: Facts, since: datetime) -> AppealBar | None:
    """Return the bar of a matter; None where the pack has none for it.

    Args:
        pack: the policy in force.
        facts: about the ticket.
        since: from when it counts.

    """
    for rule in pack.outcome.appeal_bars:
        if rule.when.holds(facts):
            calendar = pack.calendar(rule.calendar)
            end = calendar.due(since, rule.value)
            return AppealBar(
                name=rule.name, since=since, at=end, provisional=not calendar.knows(end), source=rule.source
            )
    return None


def occurrence(contact: Contact, contacted: datetime, zone: str) -> datetime:
    """Return when a matter occurred: at the contact where nothing earlier is known, on a day if only that is known.

    Args:
        contact: that opens the ticket.
        contacted: when the customer contacted us.
        zone: of the pack, for a contact that knows only the day.

    """
    occurred = contact.occurred_at
    if occurred is None and contact.occurred_on is not None:
        occurred = datetime.combine(contact.occurred_on, time.min, ZoneInfo(zone))
    return contacted if occurred is None else min(occurred, contacted)


def moved(before: Ticket, update: Mapping[str, Any], pack: Pack) -> dict[str, Any]:
    """Return the bar as it follows from another classification, or from an earlier contact.

    Args:
        before: the ticket before the event.
        update: fields that the event changes.
        pack: the policy in force.

    """
    if not pack.outcome.appeal_bars:
        return {}
    contacted = update.get("contacted_at", before.contacted_at)
    known = before.appeal_bar
    since = min(known.since, contacted) if known is not None else contacted
    facts = pack.facts_of(before, update.get("classification"))
    return {"appeal_bar": appeal_bar(pack, facts, since)}
