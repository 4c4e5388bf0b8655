"""Asterisk's two logs of calls: Master.csv of cdr-csv, one line for each phone tried, and queue_log."""

import csv
from datetime import datetime
from typing import Any

from schemas.call import Call
from services.intake.domain import times
from services.intake.domain.channels import calls
from services.intake.domain.envelope import Envelope, ParsedItem, RejectedItem, decode_text
from services.intake.domain.fields import InputError, InputErrors, InvalidPayload, clean, parse_whole_number

COLUMNS_WITH_ID = 18
"""Columns of a call record with `loguniqueid` and `loguserfield`."""
NEW_COLUMNS = 21
"""With `newcdrcolumns` as well."""
COLUMNS_WITHOUT_ID = 16
COLUMNS = (
    *(
        "accountcode",
        "src",
        "dst",
        "dcontext",
        "clid",
        "channel",
        "dstchannel",
        "lastapp",
        "lastdata",
        "start",
        "answer",
        "end",
    ),
    *("duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid", "sequence"),
)
RECORDING = "audio:"
NO_CALL_IDS = frozenset({"NONE", "MANAGER", "REALTIME"})
ENDED_BY = {
    "COMPLETECALLER": "caller",
    "COMPLETEAGENT": "operator",
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timeout",
    "BLINDTRANSFER": "blind_transfer",
}
_MIN_PARAMETERS = {
    "ENTERQUEUE": 2,
    "CONNECT": 2,
    "COMPLETECALLER": 2,
    "COMPLETEAGENT": 2,
    "ABANDON": 3,
    "EXITWITHTIMEOUT": 3,
    "BLINDTRANSFER": 4,
}
"""How many facts each event of a queue has at least."""
_MIN_PARTS = 5
_MAX_SECONDS_DIGITS = 6
"""Of a span in seconds: a call of eleven days is none."""


def parse_call_records(envelope: Envelope) -> list[ParsedItem]:
    """Hear Master.csv: the calls, and the lines that cannot be used.

    Raises:
        Unusable: the file is empty or in no charset that can be read.

    """
    text = decode_text(envelope.body, charset=envelope.config.charset or "utf-8", what="send the file in UTF-8")
    good: list[tuple[int, Call]] = []
    bad: list[ParsedItem] = []
    # Not splitlines: to it a line ends at marks too that a caller's name may hold.
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            good.append((number, _parse_call_record(line.rstrip("\r"), envelope, whole=number < len(lines))))
        except InvalidPayload as error:
            bad.append(ParsedItem(RejectedItem(tuple(error.errors), body=line.encode()), number))
    return [*calls.merge_calls(good, envelope), *bad]


def _parse_call_record(line: str, envelope: Envelope, *, whole: bool) -> Call:
    try:
        (cells,) = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        raise InvalidPayload([InputError("line", "truncated", "the line ends in the middle: send it whole")]) from None
    expected = envelope.config.columns
    if len(cells) == COLUMNS_WITHOUT_ID and expected != COLUMNS_WITHOUT_ID:
        raise InvalidPayload(
            [InputError("uniqueid", "missing_id", "set loguniqueid=yes in cdr.conf: without it no form can be joined")]
        )
    if len(cells) not in {COLUMNS_WITH_ID, NEW_COLUMNS} or (expected is not None and len(cells) != expected):
        wanted = expected or f"{COLUMNS_WITH_ID} or {NEW_COLUMNS}"
        short = not whole and len(cells) < (expected or NEW_COLUMNS)
        message = f"{len(cells)} columns, expected {wanted}: check cdr.conf and the channel's setting `columns`"
        raise InvalidPayload([InputError("line", "truncated" if short else "bad_schema", message)])
    told = dict(zip(COLUMNS, map(clean, cells), strict=False))
    errors = InputErrors()
    if not told["uniqueid"]:
        errors.add("uniqueid", "missing_id", "the record has no uniqueid")
    zone = envelope.config.cdr_tz or envelope.config.default_tz
    start, answer, end = (times.parse_instant(told[name], name, errors, zone) for name in ("start", "answer", "end"))
    if start is None and not errors.found:
        errors.add("start", "bad_date", "the record does not say when the call began")
    if errors.found:
        raise InvalidPayload(errors.found)
    number, withheld = calls.parse_caller(told["src"], envelope.config.default_region)
    recording = told["userfield"].removeprefix(RECORDING) if told["userfield"].startswith(RECORDING) else None
    answered = answer is not None and told["disposition"] == "ANSWERED"
    return Call(
        id=told["uniqueid"],
        phone=number,
        withheld=withheld,
        started_at=start,
        answered_at=answer if answered else None,
        ended_at=end,
        talk=calls.seconds_between(answer, end) if answered else None,
        operator=_extension_of(told["dstchannel"]) if answered else None,
        recording=recording,
    )


def _extension_of(channel: str) -> str | None:
    """Return the phone of a channel: `PJSIP/8007-000000a3` without the number of its call."""
    return (channel.rpartition("-")[0] or channel) or None


def parse_queue_log(envelope: Envelope) -> list[ParsedItem]:
    """Hear queue_log: what the queue knows of each call, and the lines that cannot be used.

    Raises:
        Unusable: the file is empty or in no charset that can be read.

    """
    text = decode_text(envelope.body, what="send the file in UTF-8")
    good: list[tuple[int, Call]] = []
    bad: list[ParsedItem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            call = _parse_queue_event(line.rstrip("\r"), envelope)
        except InvalidPayload as error:
            bad.append(ParsedItem(RejectedItem(tuple(error.errors), body=line.encode()), number))
        else:
            good += [(number, call)] if call is not None else []
    return [*calls.merge_calls(good, envelope), *bad]


def _parse_queue_event(line: str, envelope: Envelope) -> Call | None:
    parts = clean(line).split("|")
    if len(parts) < _MIN_PARTS:
        raise InvalidPayload(
            [InputError("line", "truncated", "a line has time, call, queue, member, event and its facts")]
        )
    stamp, call, queue, member, event, *facts = parts
    errors = InputErrors()
    at = times.parse_epoch(stamp, "epoch", errors, unit=1)
    if at is None:
        raise InvalidPayload(errors.found)
    if call in NO_CALL_IDS or event not in _MIN_PARAMETERS:
        return None
    if len(facts) < _MIN_PARAMETERS[event] or not call:
        raise InvalidPayload([InputError("line", "truncated", f"{event} has {_MIN_PARAMETERS[event]} facts at least")])
    return _apply_event(Call(id=call, queue=queue[:200] or None), event, at, member, facts, envelope)


def _apply_event(call: Call, event: str, at: datetime, member: str, facts: list[str], envelope: Envelope) -> Call:
    who = member if member not in NO_CALL_IDS else None
    if event == "ENTERQUEUE":
        number, withheld = calls.parse_caller(facts[1], envelope.config.default_region)
        return call.replace(phone=number, withheld=withheld)
    if event == "CONNECT":
        return call.replace(waiting=parse_whole_number(facts[0], _MAX_SECONDS_DIGITS), answered_at=at, operator=who)
    ended: Any = ENDED_BY[event]
    told = call.replace(ended_at=at, ended_by=ended)
    if event in {"ABANDON", "EXITWITHTIMEOUT"}:
        return told.replace(waiting=parse_whole_number(facts[2], _MAX_SECONDS_DIGITS), talk=0)
    waited, talked = (facts[2], facts[3]) if event == "BLINDTRANSFER" else (facts[0], facts[1])
    return told.replace(
        waiting=parse_whole_number(waited, _MAX_SECONDS_DIGITS),
        talk=parse_whole_number(talked, _MAX_SECONDS_DIGITS),
        operator=who,
    )
