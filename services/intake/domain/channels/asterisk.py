"""Asterisk's two logs of calls: Master.csv of cdr-csv, one line for each phone tried, and queue_log."""

import csv
from datetime import datetime
from typing import Any

from schemas.call import Call
from services.intake.domain import times
from services.intake.domain.channels import calls
from services.intake.domain.envelope import Envelope, ParsedItem, RejectedItem, text_of
from services.intake.domain.fields import InputError, InputErrors, InvalidPayload, clean, whole_number

WITH_ID = 18
"""Columns of a call record with `loguniqueid` and `loguserfield`."""
NEW = 21
"""With `newcdrcolumns` as well."""
WITHOUT_ID = 16
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
NO_CALL = frozenset({"NONE", "MANAGER", "REALTIME"})
ENDS = {
    "COMPLETECALLER": "caller",
    "COMPLETEAGENT": "operator",
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timeout",
    "BLINDTRANSFER": "blind_transfer",
}
_FACTS = {
    "ENTERQUEUE": 2,
    "CONNECT": 2,
    "COMPLETECALLER": 2,
    "COMPLETEAGENT": 2,
    "ABANDON": 3,
    "EXITWITHTIMEOUT": 3,
    "BLINDTRANSFER": 4,
}
"""How many facts each event of a queue has at least."""
_PARTS = 5
_DIGITS = 6
"""Of a span in seconds: a call of eleven days is none."""


def call_records(envelope: Envelope) -> list[ParsedItem]:
    """Hear Master.csv: the calls, and the lines that cannot be used.

    Raises:
        Unusable: the file is empty or in no charset that can be read.

    """
    text = text_of(envelope.body, charset=envelope.config.charset or "utf-8", what="send the file in UTF-8")
    good: list[tuple[int, Call]] = []
    bad: list[ParsedItem] = []
    # Not splitlines: to it a line ends at marks too that a caller's name may hold.
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            good.append((number, _call(line.rstrip("\r"), envelope, whole=number < len(lines))))
        except InvalidPayload as error:
            bad.append(ParsedItem(RejectedItem(tuple(error.faults), body=line.encode()), number))
    return [*calls.joined(good, envelope), *bad]


def _call(line: str, envelope: Envelope, *, whole: bool) -> Call:
    try:
        (cells,) = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        raise InvalidPayload([InputError("line", "truncated", "the line ends in the middle: send it whole")]) from None
    expected = envelope.config.columns
    if len(cells) == WITHOUT_ID and expected != WITHOUT_ID:
        raise InvalidPayload(
            [InputError("uniqueid", "missing_id", "set loguniqueid=yes in cdr.conf: without it no form can be joined")]
        )
    if len(cells) not in {WITH_ID, NEW} or (expected is not None and len(cells) != expected):
        wanted = expected or f"{WITH_ID} or {NEW}"
        short = not whole and len(cells) < (expected or NEW)
        message = f"{len(cells)} columns, expected {wanted}: check cdr.conf and the channel's setting `columns`"
        raise InvalidPayload([InputError("line", "truncated" if short else "bad_schema", message)])
    told = dict(zip(COLUMNS, map(clean, cells), strict=False))
    faults = InputErrors()
    if not told["uniqueid"]:
        faults.add("uniqueid", "missing_id", "the record has no uniqueid")
    zone = envelope.config.cdr_tz or envelope.config.default_tz
    start, answer, end = (times.instant(told[name], name, faults, zone) for name in ("start", "answer", "end"))
    if start is None and not faults.found:
        faults.add("start", "bad_date", "the record does not say when the call began")
    if faults.found:
        raise InvalidPayload(faults.found)
    number, withheld = calls.caller(told["src"], envelope.config.default_region)
    recording = told["userfield"].removeprefix(RECORDING) if told["userfield"].startswith(RECORDING) else None
    answered = answer is not None and told["disposition"] == "ANSWERED"
    return Call(
        id=told["uniqueid"],
        phone=number,
        withheld=withheld,
        started_at=start,
        answered_at=answer if answered else None,
        ended_at=end,
        talk=calls.seconds(answer, end) if answered else None,
        operator=_member(told["dstchannel"]) if answered else None,
        recording=recording,
    )


def _member(channel: str) -> str | None:
    """Return the phone of a channel: `PJSIP/8007-000000a3` without the number of its call."""
    return (channel.rpartition("-")[0] or channel) or None


def queue_log(envelope: Envelope) -> list[ParsedItem]:
    """Hear queue_log: what the queue knows of each call, and the lines that cannot be used.

    Raises:
        Unusable: the file is empty or in no charset that can be read.

    """
    text = text_of(envelope.body, what="send the file in UTF-8")
    good: list[tuple[int, Call]] = []
    bad: list[ParsedItem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            call = _event(line.rstrip("\r"), envelope)
        except InvalidPayload as error:
            bad.append(ParsedItem(RejectedItem(tuple(error.faults), body=line.encode()), number))
        else:
            good += [(number, call)] if call is not None else []
    return [*calls.joined(good, envelope), *bad]


def _event(line: str, envelope: Envelope) -> Call | None:
    parts = clean(line).split("|")
    if len(parts) < _PARTS:
        raise InvalidPayload(
            [InputError("line", "truncated", "a line has time, call, queue, member, event and its facts")]
        )
    stamp, call, queue, member, event, *facts = parts
    faults = InputErrors()
    at = times.epoch(stamp, "epoch", faults, unit=1)
    if at is None:
        raise InvalidPayload(faults.found)
    if call in NO_CALL or event not in _FACTS:
        return None
    if len(facts) < _FACTS[event] or not call:
        raise InvalidPayload([InputError("line", "truncated", f"{event} has {_FACTS[event]} facts at least")])
    return _of_event(Call(id=call, queue=queue[:200] or None), event, at, member, facts, envelope)


def _of_event(call: Call, event: str, at: datetime, member: str, facts: list[str], envelope: Envelope) -> Call:
    who = member if member not in NO_CALL else None
    if event == "ENTERQUEUE":
        number, withheld = calls.caller(facts[1], envelope.config.default_region)
        return call.replace(phone=number, withheld=withheld)
    if event == "CONNECT":
        return call.replace(waiting=whole_number(facts[0], _DIGITS), answered_at=at, operator=who)
    ended: Any = ENDS[event]
    told = call.replace(ended_at=at, ended_by=ended)
    if event in {"ABANDON", "EXITWITHTIMEOUT"}:
        return told.replace(waiting=whole_number(facts[2], _DIGITS), talk=0)
    waited, talked = (facts[2], facts[3]) if event == "BLINDTRANSFER" else (facts[0], facts[1])
    return told.replace(waiting=whole_number(waited, _DIGITS), talk=whole_number(talked, _DIGITS), operator=who)
