"""Draws the timeline of a ticket, an entry for each event: what, when, by whom, and by which rule (R7.4)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.text import Text

from schemas.event import TicketEvent
from schemas.ticket import Ticket

STYLES = {
    "warned": "yellow",
    "breached": "bold red",
    "escalated": "red",
    "supervised": "red",
    "answered": "green",
    "closed": "green",
    "reopened": "magenta",
    "survey_answered": "cyan",
    "linked": "magenta",
}
SUMMARY_FIELDS = ("result", "explanation", "reason", "text", "note", "means", "person")
"""Details that summarise an event; the first that is present is shown."""


def local_time(at: datetime | None, zone: str) -> str:
    """Format an instant as local time of a zone; - for None."""
    return at.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M:%S") if at is not None else "-"


def render(
    ticket: Ticket, events: Sequence[TicketEvent], *, title: str, zone: str, mask: Callable[[str], str] = str
) -> Text:
    """Return the timeline as styled text, two lines for each event; `mask` hides personal data in what people wrote."""
    kind = ticket.classification
    types = f"{kind.business_type or '?'} / {kind.problem_type or '?'}"
    text = Text(f"{title}: {ticket.number}", "bold")
    text.append(f"  {kind.tier}, {types}, {ticket.status}\n", "not bold")
    for event in events:
        summary = mask(_summary(event, zone))
        text.append(f"  {local_time(event.at, zone)}  ", "not bold")
        text.append(f"{event.type:20}", STYLES.get(event.type, "not bold"))
        text.append(f" {summary}\n", "not bold")
        text.append(f"  {'':16}by {_who(event)}, rule: {event.rule.rule} [{event.rule.source}]\n", "not bold dim")
    return text


def _who(event: TicketEvent) -> str:
    """Return who acted: the person, the unit, for which unit below, by which key, and how a customer was proved."""
    actor, acts_for = event.actor, event.details.get("acts_for")
    parts = (
        actor.unit if actor.unit != actor.name else None,
        f"for {acts_for}" if acts_for else None,
        f"key {actor.key}" if actor.key else None,
        f"proof {actor.proof}" if actor.proof else None,
    )
    known = ", ".join(part for part in parts if part)
    return f"{actor.name} ({known})" if known else actor.name


def _summary(event: TicketEvent, zone: str) -> str:
    details = event.details
    if event.threshold is not None:
        threshold = event.threshold
        order = ", supervision order" if details.get("supervision_order") else ""
        reason = f" ({threshold.reason})" if threshold.reason else ""
        unit = f" of {threshold.unit}" if threshold.unit else ""
        return f"{threshold.clock} clock{unit}, {threshold.threshold}{order}{reason}"
    if event.type == "accepted":
        return f"answer promised by {local_time(event.ticket.promised_at, zone)}"
    if event.type in {"assistance_requested", "assistance_fed_back", "assistance_released"}:
        content = details.get("demand") or details.get("result") or details.get("reason")
        return f"{details['unit']}: {content}"
    if event.type in {"dispatched", "sent_back", "transferred"}:
        return f"{details.get('from') or ''} → {event.ticket.unit}" + (
            f": {details['reason']}" if "reason" in details else ""
        )
    if event.type == "survey_answered":
        scores = f"process {details['process']}, result {details['result']}, staff {details['staff']}"
        return f"{details['verdict']} ({scores})"
    return next((str(details[name]) for name in SUMMARY_FIELDS if name in details), "")
