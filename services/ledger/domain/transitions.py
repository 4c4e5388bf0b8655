"""Which command is allowed in which status: one table that `decide` obeys and docs/states.md is drawn from."""

from schemas.ticket import Status

S = Status
WORK = frozenset({S.DISPATCHED, S.HANDLING})
OPEN = WORK | {S.ACCEPTED, S.FED_BACK}
ANSWERED_OR_CLOSED = frozenset({S.ANSWERED, S.CLOSED})
ANY = frozenset(Status)

ALLOWED: dict[str, frozenset[Status]] = {
    "complete_form": OPEN,
    "reclassify": OPEN,
    "dispatch": OPEN,
    "claim": WORK,
    "send_back": WORK,
    "transfer": WORK,
    "request_assistance": WORK,
    "feed_back": WORK,
    "answer": OPEN,
    "reply_progress": OPEN,
    "request_extension": WORK,
    "approve_extension": WORK,
    "deny_extension": WORK,
    "suspend": OPEN,
    "resume": OPEN,
    "escalate": OPEN,
    "supervise": OPEN | {S.ANSWERED},
    "close": frozenset({S.ANSWERED}),
    "reopen": ANSWERED_OR_CLOSED,
    "withdraw": OPEN | {S.ANSWERED},
    "reject": frozenset({S.ANSWERED}),
    "assign": WORK | {S.ACCEPTED, S.FED_BACK},
    "attach": ANY,
    "join_call": ANY,
    "correct": ANY,
    "split": OPEN | {S.ANSWERED},
    "merge": OPEN,
    "assess": OPEN | {S.ANSWERED},
    "record": ANY,
    "compensate": OPEN | {S.ANSWERED},
    "apply_policy": ANY,
    "note": ANY,
    "link": ANY,
    "report_undeliverable": ANY,
    "apologise": ANY,
    "join_hot_issue": OPEN | {S.ANSWERED},
    "call_back": ANSWERED_OR_CLOSED,
    "screen": ANSWERED_OR_CLOSED,
    "start_callback": ANSWERED_OR_CLOSED,
    "record_callback": ANSWERED_OR_CLOSED,
    "end_callback": ANSWERED_OR_CLOSED,
    "answer_survey": ANSWERED_OR_CLOSED,
}
"""`open`, `remind` and `tick` are allowed always: they are never refused for a status."""

MOVES: dict[str, Status] = {
    "dispatch": S.DISPATCHED,
    "claim": S.HANDLING,
    "send_back": S.ACCEPTED,
    "transfer": S.DISPATCHED,
    "feed_back": S.FED_BACK,
    "answer": S.ANSWERED,
    "close": S.CLOSED,
    "reopen": S.ACCEPTED,
    "reject": S.DISPATCHED,
    "withdraw": S.WITHDRAWN,
    "merge": S.WITHDRAWN,
}
"""Where a command leads when nothing special is the case; commands that are missing leave the status as it is."""


def diagram() -> str:
    """Return docs/states.md: the statuses and what leads from one to the next."""
    lines = [
        "# States of a ticket",
        "",
        "Drawn by `make docs` from `services/ledger/domain/transitions.py`; the table has every command.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> accepted: open",
    ]
    for name, target in MOVES.items():
        lines += [
            f"    {status} --> {target}: {name}"
            for status in Status
            if status in ALLOWED[name] and (status is not target or name == "dispatch")
        ]
    lines += [
        "    closed --> archived: by time",
        "    withdrawn --> archived: by time",
        "    archived --> [*]",
        "```",
        "",
        "| command | allowed while |",
        "|---|---|",
    ]
    for name in sorted(ALLOWED):
        allowed = ALLOWED[name]
        statuses = "always" if allowed == ANY else ", ".join(status for status in Status if status in allowed)
        lines.append(f"| {name} | {statuses} |")
    return "\n".join([*lines, ""])
