"""A ticket's whole story, an entry for each event: what, when, who, and by which rule (R7.4)."""

from collections.abc import Sequence
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
SAID = ("result", "explanation", "reason", "text", "note", "means", "person")
"""Details that tell a person what an event was about, the first that is there."""


def local(at: datetime | None, zone: str) -> str:
    """Write an instant as people in a zone read it."""
    return at.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M:%S") if at is not None else "-"


def lines(ticket: Ticket, events: Sequence[TicketEvent], *, title: str, zone: str) -> Text:
    """Return the timeline, two lines for each event."""
    told = ticket.classification
    drawn = Text(f"{title}: {ticket.number}", "bold")
    drawn.append(
        f"  {told.tier}, {told.business_type or '?'} / {told.problem_type or '?'}, {ticket.status}\n", "not bold"
    )
    for event in events:
        who = event.actor.name + (f" ({event.actor.unit})" if event.actor.unit not in {None, event.actor.name} else "")
        more = _more(event, zone)
        drawn.append(f"  {local(event.at, zone)}  ", "not bold")
        drawn.append(f"{event.type:20}", STYLES.get(event.type, "not bold"))
        drawn.append(f" {more}\n", "not bold")
        drawn.append(f"  {'':16}by {who}, rule: {event.rule.rule} [{event.rule.source}]\n", "not bold dim")
    return drawn


def _more(event: TicketEvent, zone: str) -> str:
    details = event.details
    if event.threshold is not None:
        fired = event.threshold
        order = ", supervision order" if details.get("supervision_order") else ""
        return f"{fired.clock} clock, {fired.threshold}{order}" + (f" ({fired.reason})" if fired.reason else "")
    if event.type == "accepted":
        return f"answer promised by {local(event.ticket.promised_at, zone)}"
    if event.type in {"dispatched", "sent_back", "transferred", "assistance_requested"}:
        return f"{details.get('from') or ''} → {event.ticket.unit}" + (
            f": {details['reason']}" if "reason" in details else ""
        )
    if event.type == "survey_answered":
        scores = f"process {details['process']}, result {details['result']}, staff {details['staff']}"
        return f"{details['verdict']} ({scores})"
    return next((str(details[name]) for name in SAID if name in details), "")
