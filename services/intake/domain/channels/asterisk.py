"""Parses Asterisk's two call logs: Master.csv of cdr-csv, one line per phone that rang, and queue_log. Pure."""

import csv
from datetime import datetime
from typing import Any

from schemas.call import Call
from services.intake.domain import times
from services.intake.domain.channels import calls
from services.intake.domain.envelope import Envelope, ParsedItem, RejectedItem, decode_text
from services.intake.domain.fields import InputError, InputErrors, InvalidPayload, clean, parse_whole_number

COLUMNS_WITH_ID = 18
"""Columns of a call record with `loguniqueid` and `loguserfield` in cdr.conf."""
NEW_COLUMNS = 21
"""Columns with `newcdrcolumns` as well."""
COLUMNS_WITHOUT_ID = 16
"""Columns without `loguniqueid`: such records cannot be joined with the operator's form."""
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
"""Prefix of a recording's file name in `userfield`."""
NO_CALL_IDS = frozenset({"NONE", "MANAGER", "REALTIME"})
"""What queue_log writes where an event has no call or no member."""
ENDED_BY = {
    "COMPLETECALLER": "caller",
    "COMPLETEAGENT": "operator",
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timeout",
    "BLINDTRANSFER": "blind_transfer",
}
"""Who or what ended the call (`Call.ended_by`), by the queue's event."""
_MIN_PARAMETERS = {
    "ENTERQUEUE": 2,
    "CONNECT": 2,
    "COMPLETECALLER": 2,
    "COMPLETEAGENT": 2,
    "ABANDON": 3,
    "EXITWITHTIMEOUT": 3,
    "BLINDTRANSFER": 4,
}
"""Fewest parameters of each event of queue_log; other events are ignored."""
_MIN_PARTS = 5
"""Fields of a line before its parameters."""
_MAX_SECONDS_DIGITS = 6
"""Digits of a duration in seconds: no call lasts eleven days."""


def parse_call_records(envelope: Envelope) -> list[ParsedItem]:
    """Parse Master.csv into a record per call, and a rejected item per line that cannot be read.

    Raises:
        InvalidPayload: the file is empty or cannot be decoded.

    """
    text = decode_text(envelope.body, charset=envelope.config.charset or "utf-8", advice="send the file in UTF-8")
    parsed: list[tuple[int, Call]] = []
    rejected: list[ParsedItem] = []
    # Not splitlines: it also breaks lines at characters that a caller's name may hold.
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            parsed.append((number, _parse_call_record(line.rstrip("\r"), envelope, complete=number < len(lines))))
        except InvalidPayload as error:
            rejected.append(ParsedItem(RejectedItem(tuple(error.errors), body=line.encode()), number))
    return [*calls.merge_calls(parsed, envelope), *rejected]


def _parse_call_record(line: str, envelope: Envelope, *, complete: bool) -> Call:
    """Parse one line; `complete`: it ends with a line break, so it was not cut."""
    record = _read_columns(line, envelope.config.columns, complete=complete)
    errors = InputErrors()
    if not record["uniqueid"]:
        errors.add("uniqueid", "missing_id", "the record has no uniqueid: set loguniqueid=yes in cdr.conf")
    zone = envelope.config.cdr_tz or envelope.config.default_tz
    start, answer, end = (times.parse_instant(record[name], name, errors, zone) for name in ("start", "answer", "end"))
    if start is None and not errors.found:
        errors.add("start", "bad_date", "the record has no start time: write when the call began")
    if errors.found:
        raise InvalidPayload(errors.found)
    number, withheld = calls.parse_caller(record["src"], envelope.config.default_region)
    recording = record["userfield"].removeprefix(RECORDING) if record["userfield"].startswith(RECORDING) else None
    answered = answer is not None and record["disposition"] == "ANSWERED"
    return Call(
        id=record["uniqueid"],
        phone=number,
        withheld=withheld,
        started_at=start,
        answered_at=answer if answered else None,
        ended_at=end,
        talk=calls.seconds_between(answer, end) if answered else None,
        operator=_extension_of(record["dstchannel"]) if answered else None,
        recording=recording,
    )


def _read_columns(line: str, expected: int | None, *, complete: bool) -> dict[str, str]:
    """Split one line into its columns by name and check their number."""
    try:
        (cells,) = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        raise InvalidPayload([InputError("line", "truncated", "the line is cut: send it whole")]) from None
    if len(cells) == COLUMNS_WITHOUT_ID and expected != COLUMNS_WITHOUT_ID:
        message = "set loguniqueid=yes in cdr.conf, so that a form can be joined"
        raise InvalidPayload([InputError("uniqueid", "missing_id", message)])
    if len(cells) not in {COLUMNS_WITH_ID, NEW_COLUMNS} or (expected is not None and len(cells) != expected):
        wanted = expected or f"{COLUMNS_WITH_ID} or {NEW_COLUMNS}"
        cut = not complete and len(cells) < (expected or NEW_COLUMNS)
        message = f"{len(cells)} columns, expected {wanted}: check cdr.conf and the channel's setting `columns`"
        raise InvalidPayload([InputError("line", "truncated" if cut else "bad_schema", message)])
    return dict(zip(COLUMNS, map(clean, cells), strict=False))


def _extension_of(channel: str) -> str | None:
    """Return the phone of a channel: `PJSIP/8007` for `PJSIP/8007-000000a3`, where the suffix numbers the call."""
    return (channel.rpartition("-")[0] or channel) or None


def parse_queue_log(envelope: Envelope) -> list[ParsedItem]:
    """Parse queue_log into a record per call, and a rejected item per line that cannot be read.

    Raises:
        InvalidPayload: the file is empty or cannot be decoded.

    """
    text = decode_text(envelope.body, advice="send the file in UTF-8")
    parsed: list[tuple[int, Call]] = []
    rejected: list[ParsedItem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            call = _parse_queue_event(line.rstrip("\r"), envelope)
        except InvalidPayload as error:
            rejected.append(ParsedItem(RejectedItem(tuple(error.errors), body=line.encode()), number))
        else:
            parsed += [(number, call)] if call is not None else []
    return [*calls.merge_calls(parsed, envelope), *rejected]


def _parse_queue_event(line: str, envelope: Envelope) -> Call | None:
    """Parse one line; None for an event that says nothing about a call."""
    parts = clean(line).split("|")
    if len(parts) < _MIN_PARTS:
        raise InvalidPayload(
            [
                InputError(
                    "line", "truncated", "a line has time, call, queue, member, event and parameters: send it whole"
                )
            ]
        )
    stamp, call, queue, member, event, *parameters = parts
    errors = InputErrors()
    at = times.parse_epoch(stamp, "epoch", errors, unit=1)
    if at is None:
        raise InvalidPayload(errors.found)
    if call in NO_CALL_IDS or event not in _MIN_PARAMETERS:
        return None
    if len(parameters) < _MIN_PARAMETERS[event] or not call:
        raise InvalidPayload(
            [InputError("line", "truncated", f"{event} has at least {_MIN_PARAMETERS[event]} parameters")]
        )
    return _apply_event(Call(id=call, queue=queue[:200] or None), event, at, member, parameters, envelope)


def _apply_event(call: Call, event: str, at: datetime, member: str, parameters: list[str], envelope: Envelope) -> Call:
    operator = member if member not in NO_CALL_IDS else None
    if event == "ENTERQUEUE":
        number, withheld = calls.parse_caller(parameters[1], envelope.config.default_region)
        return call.replace(phone=number, withheld=withheld)
    if event == "CONNECT":
        return call.replace(
            waiting=parse_whole_number(parameters[0], _MAX_SECONDS_DIGITS), answered_at=at, operator=operator
        )
    ended: Any = ENDED_BY[event]
    call = call.replace(ended_at=at, ended_by=ended)
    if event in {"ABANDON", "EXITWITHTIMEOUT"}:
        return call.replace(waiting=parse_whole_number(parameters[2], _MAX_SECONDS_DIGITS), talk=0)
    waited, talked = (parameters[2], parameters[3]) if event == "BLINDTRANSFER" else (parameters[0], parameters[1])
    return call.replace(
        waiting=parse_whole_number(waited, _MAX_SECONDS_DIGITS),
        talk=parse_whole_number(talked, _MAX_SECONDS_DIGITS),
        operator=operator,
    )
