"""Checks what customers received: each sent notice reached its provider, and no more often than crashes explain."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from chaos.findings import Findings

SENT = ("sent", "delivered")
MESSAGE_ID = re.compile(r"<[^@>]*?([0-9a-f-]{36})@")
"""The Message-ID of a mail that the notifier sent."""
ATTEMPTS = """
select n.id::text, n.state, n.means, array_remove(array_agg(a.handed), null)
from notifier.notice n left join notifier.attempt a on a.notice_id = n.id and a.outcome = 'sent'
group by n.id
"""
"""Notices with the ids of the messages in which they were handed over; a message may hold several."""


def handed_over(folder: Path) -> Counter[str]:
    """Return how often each message was handed to the test receivers, by its id."""
    counts: Counter[str] = Counter()
    for name in ("sms.jsonl", "sms-repeats.jsonl"):
        counts.update(entry["id"] for entry in _entries(folder / name))
    for entry in _entries(folder / "smtp.jsonl"):
        found = MESSAGE_ID.search(entry["message_id"] or "")
        if found is not None:
            counts[found[1]] += 1
    return counts


def _entries(file: Path) -> Iterable[dict[str, str]]:
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def check_received(
    findings: Findings,
    notices: Iterable[tuple[str, str, str, Sequence[str]]],
    received: Counter[str],
    repeats_allowed: int | None,
) -> int:
    """Check notices against what was received.

    Args:
        findings: receives the problems.
        notices: id, state and means of each, and the messages in which it was handed over.
        received: how often each was handed over.
        repeats_allowed: number of repeated messages that crashes between handing over and saving explain; None: any.

    Returns:
        the number of repeated messages.

    """
    for id_, state, means, messages in notices:
        if state in SENT and means in {"sms", "mail"} and not any(received[each] for each in messages):
            findings.add("sent notice that no provider received", f"{id_} by {means}")
    repeats = sum(count - 1 for count in received.values())
    if repeats_allowed is not None and repeats > repeats_allowed:
        findings.add("messages repeated without a crash that explains them", f"{repeats}, not {repeats_allowed}")
    return repeats
