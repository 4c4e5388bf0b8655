"""What every exchange's records have in common: from facts of a call to the record of it."""

from collections.abc import Iterable
from datetime import datetime

from schemas.call import Call, CallRecord
from services.domain.ids import contact_id
from services.intake.domain.envelope import Envelope, ParsedItem
from services.intake.domain.fields import WITHHELD, InputErrors, bounded_id, bounded_reference, parse_phone

MAX_NAME_LENGTH = 200
"""Characters of a name."""
MAX_CALL_SECONDS = 7 * 86_400
"""Seconds; what lasts longer is a clock gone wrong."""


def build_call_record(call: Call, envelope: Envelope) -> CallRecord:
    """Return the record of a call: the same facts always have the same id, and what no call can have is left out."""
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
    """Return a caller's number, and whether it was withheld."""
    if text is None or text.strip().lower() in WITHHELD:
        return None, True
    number = parse_phone(text, region)
    return (number.number if number else None), False


def merge_calls(found: Iterable[tuple[int, Call]], envelope: Envelope) -> list[ParsedItem]:
    """Return one record for each call, however many lines tell of it, at the first of them."""
    calls: dict[str, tuple[int, Call]] = {}
    for at, call in found:
        if call.id in calls:
            first, before = calls[call.id]
            calls[call.id] = first, before.merged(call).replace(rows=before.rows + 1)
        else:
            calls[call.id] = at, call
    return [ParsedItem(build_call_record(call, envelope), at) for at, call in calls.values()]


def seconds_between(since: datetime | None, until: datetime | None) -> int | None:
    """Return the whole seconds between two instants, when both are known and in order."""
    if since is None or until is None or until < since:
        return None
    return int((until - since).total_seconds())
