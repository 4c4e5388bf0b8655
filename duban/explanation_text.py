"""Writes an explanation for people, from what `Explanation.as_json` returns."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

Document = Mapping[str, Any]


def as_text(document: Document) -> str:
    """Return an explanation as text; its times are in the pack's zone."""
    title = document["title"]
    policy = f"{title['en']} ({title['zh']}), policy {document['pack']} {document['version']}"
    lines = [f"{policy}; times in {document['zone']}, as of {_local(document['at'])}"]
    if document["commands"]:
        lines += ["", "What happened", *_commands(document["commands"])]
    for ticket in (document, *document["further_tickets"]):
        lines += _ticket(ticket)
    dispatched = document.get("if_dispatched_at_once")
    if dispatched is not None and dispatched["clocks"]:
        lines += ["", f"Were it dispatched at once to {dispatched['unit']}", *_clocks(dispatched["clocks"])]
    return "\n".join(lines)


def _ticket(ticket: Document) -> Iterator[str]:
    held = f"{ticket['unit']}" + (f" ({ticket['person']})" if ticket["person"] else "")
    yield from ("", f"Ticket {ticket['number']}: {ticket['status']}, with {held}")
    yield from ("", "What it is, and by which rule")
    for reason in ticket["reasons"]:
        matched = f", {reason['matched']!r} was found" if reason["matched"] else ""
        yield f"  {reason['subject']:14}{reason['value']}  by {reason['rule']}{matched} [{reason['source']}]"
    triage = f"  ({ticket['triage']})" if ticket["triage"] else ""
    yield f"  {'goes to':14}{' → '.join(ticket['path'])}{triage}"
    if ticket["flags"]:
        yield f"  {'flags':14}{', '.join(ticket['flags'])}"
    yield from ("", "Clocks", *_clocks(ticket["clocks"]))
    yield from ("", "Notices", *_notices(ticket["notices"]))
    yield from ("", "Callback", *_callback(ticket["callback"]))
    yield from ("", "Figures it counts in")
    for figure in ticket["figures"]:
        yield f"  {figure['name']:26}{figure['adds']!s:8}{figure['title']}  [{figure['source']}]"


def _commands(commands: Sequence[Document]) -> Iterator[str]:
    for command in commands:
        who = " ".join(filter(None, (command["unit"], command["person"])))
        yield f"  {_local(command['at'])}  {command['action']}" + (f" by {who}" if who else "")
        for event in command["events"]:
            yield f"    {event['type']:22}at {_local(event['at'])}  by {event['rule']} [{event['source']}]"
        if command["refused"] is not None:
            yield f"    refused ({command['refused']['code']}): {command['refused']['message']}"


def _clocks(clocks: Sequence[Document]) -> Iterator[str]:
    for clock in clocks:
        name = clock["clock"] + (f"/{clock['unit']}" if clock["unit"] else "")
        mark = "  (provisional: that year's holidays are not known yet)" if clock["provisional"] else ""
        ended = f" {_local(clock['stopped_at'])} by {clock['stopped_by']}" if clock["stopped_at"] else ""
        yield (
            f"  {name:14}{clock['state']}{ended}: from {_local(clock['start'])} until {_local(clock['due_at'])}{mark}"
            f"  by {clock['rule']} [{clock['source']}]; {clock['calendar']}"
        )
        for point in clock["thresholds"]:
            state = f"  {point['state']}" if point["state"] != "open" else ""
            readers = ", ".join(point["notifies"]) or "nobody"
            yield f"    {point['name']:14}at    {_local(point['at'])}  notifies {readers}{state}"


def _notices(notices: Sequence[Document]) -> Iterator[str]:
    for notice in notices:
        by = ", ".join(notice["by"]) or "no known address"
        letter = f"{notice['letter']}  by {by}  for {notice['event']} [{notice['source']}]"
        yield f"  {_local(notice['at'])}  {notice['to']:26}{letter}"
    if not notices:
        yield "  none"


def _callback(plan: Document) -> Iterator[str]:
    times = f", from {_local(plan['due_at'])} until {_local(plan['until_at'])}" if plan.get("due_at") else ""
    yield f"  {plan['state']}: by {plan['means']}{times}  ({plan['reason']}) [{plan['source']}]"
    if plan["script"]:
        yield f"  script: {plan['script']}  by {plan['script_rule']} [{plan['script_source']}]"


def _local(at: str) -> str:
    """Return a time without its offset, to the minute, or to the second where it has some."""
    moment = datetime.fromisoformat(at)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.second else f"{moment:%Y-%m-%d %H:%M}"
