"""Builds call records from the facts of a call, for all telephone exchanges. Pure."""

from collections.abc import Iterable
from datetime import datetime

from schemas.call import Call, CallRecord
from services.domain.ids import contact_id
from services.intake.domain.envelope import Envelope, ParsedItem
from services.intake.domain.fields import WITHHELD, InputErrors, bounded_id, bounded_reference
from services.intake.domain.phones import parse_phone

MAX_NAME_LENGTH = 200
"""Characters of an operator's or a queue's name."""
MAX_CALL_SECONDS = 7 * 86_400
"""Seconds of a call or a wait; longer ones come from a wrong clock."""


def build_call_record(call: Call, envelope: Envelope) -> CallRecord:
    """Build the record of a call; its id is derived from the facts, and implausible facts are left out."""
    names = {name: getattr(call, name) for name in ("operator", "queue")}
    spans = {name: getattr(call, name) for name in ("waiting", "talk")}
    call = call.replace(
        id=bounded_id(call.id),
        recording=bounded_reference((call.recording or "").strip(), InputErrors()) or None,
        **{name: (value or "")[:MAX_NAME_LENGTH].strip() or None for name, value in names.items()},
        **{name: value if value is not None and value <= MAX_CALL_SECONDS else None for name, value in spans.items()},
    )
    return CallRecord(
        id=contact_id(envelope.sender, envelope.channel, call.to_json().decode()),
        sender=envelope.sender,
        channel=envelope.channel,
        policy=envelope.policy,
        received_at=envelope.received_at,
        call=call,
    )


def parse_caller(text: str | None, region: str) -> tuple[str | None, bool]:
    """Return the caller's number in E.164, and whether it was withheld."""
    if text is None or text.strip().lower() in WITHHELD:
        return None, True
    number = parse_phone(text, region)
    return (number.number if number else None), False


def merge_calls(lines: Iterable[tuple[int, Call]], envelope: Envelope) -> list[ParsedItem]:
    """Merge the lines of a log into one record per call, at the number of the call's first line."""
    calls: dict[str, tuple[int, Call]] = {}
    for line, call in lines:
        if call.id in calls:
            first_line, before = calls[call.id]
            calls[call.id] = first_line, before.merged(call).replace(rows=before.rows + 1)
        else:
            calls[call.id] = line, call
    return [ParsedItem(build_call_record(call, envelope), line) for line, call in calls.values()]


def seconds_between(since: datetime | None, until: datetime | None) -> int | None:
    """Return the whole seconds between two instants, None when one is unknown or they are out of order."""
    if since is None or until is None or until < since:
        return None
    return int((until - since).total_seconds())
