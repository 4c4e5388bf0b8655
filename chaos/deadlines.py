"""Checks the thresholds of all tickets: each decided once, not early, and none forgotten; measures how late."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chaos.findings import Findings

Body = dict[str, Any]
KEY = ("clock", "run", "limit", "threshold")


def moment(text: str) -> datetime:
    """Return a stored time; texts of times do not sort as times do."""
    return datetime.fromisoformat(text)


def check_decisions(findings: Findings, events: Mapping[str, Sequence[Body]]) -> None:
    """Each threshold is decided by one event, and not before it is due."""
    for id_, history in events.items():
        decisions = [event for event in history if event["threshold"] is not None]
        keys = Counter(tuple(event["threshold"][part] for part in KEY) for event in decisions)
        for key, number in keys.items():
            if number > 1:
                findings.add("threshold decided more than once", f"{id_} {key}")
        for event in decisions:
            if moment(event["recorded_at"]) < moment(event["threshold"]["due_at"]):
                findings.add("threshold decided early", f"{id_} version {event['version']}")


def check_overdue(findings: Findings, tickets: Mapping[str, Body], due_before: datetime) -> None:
    """No threshold of a running timer that was due before a moment is still open."""
    for ticket in tickets.values():
        for timer in ticket["clocks"]:
            if timer["stopped_at"] is not None or timer["paused_at"] is not None or timer["held"]:
                continue
            for threshold in timer["thresholds"]:
                if threshold["state"] == "open" and moment(threshold["at"]) < due_before:
                    findings.add(
                        "threshold that was due and never decided",
                        f"{ticket['number']} {timer['name']}/{threshold['name']} of {threshold['at']}",
                    )


def lateness(events: Mapping[str, Sequence[Body]], scale: float) -> dict[str, float]:
    """Return how late thresholds fired, in real seconds: median, 99 of 100, and the latest.

    Args:
        events: stored events by ticket id.
        scale: seconds of policy time in a real second.

    """
    late = sorted(
        (moment(event["recorded_at"]) - moment(event["threshold"]["due_at"])).total_seconds() / scale
        for history in events.values()
        for event in history
        if event["threshold"] is not None
    )
    if not late:
        return {}
    return {
        name: round(late[min(int(share * len(late)), len(late) - 1)], 3)
        for name, share in (("median", 0.5), ("p99", 0.99), ("max", 1.0))
    }
