"""Parses FreeSWITCH call records as mod_json_cdr writes and posts them. Pure."""

import base64
import binascii
import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from schemas.call import Call
from services.intake.domain import times
from services.intake.domain.channels import calls
from services.intake.domain.channels.non_ticket import build_non_ticket
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.fields import FieldReader, InputErrors, InvalidPayload, clean, invalid_payload
from services.intake.domain.form_data import parse_form

FORM = "application/x-www-form-urlencoded"
BASE64 = "application/x-www-form-base64-encoded"
ENCODED = frozenset({FORM, BASE64})
"""Media types in which mod_json_cdr wraps the JSON record."""
_MOMENTS = ("start_epoch", "answer_epoch", "end_epoch", "cc_queue_joined_epoch", "cc_queue_answered_epoch")
"""Variables that hold a Unix time."""
_NEVER = frozenset({"", "0"})
"""How FreeSWITCH writes the time of something that did not happen."""


def decode_record(envelope: Envelope) -> dict[str, Any]:
    """Decode a record that was posted as a form, URL-encoded or in base64.

    Raises:
        InvalidPayload: the body holds no record.

    """
    if envelope.kind == FORM:
        record = parse_form(envelope.body).get("cdr", "")
        return parse_json_object(str(record).encode())
    try:
        return parse_json_object(base64.b64decode(envelope.body.removeprefix(b"cdr="), validate=True))
    except (binascii.Error, ValueError):
        raise invalid_payload("cdr", "bad_syntax", "not base64: check `encode` of mod_json_cdr") from None


def parse_record(record: Mapping[str, Any], envelope: Envelope) -> ParsedItem:
    """Parse one record; the leg to an agent becomes a non-ticket.

    Raises:
        InvalidPayload: the record has no id, no start or a wrong time.

    """
    errors = InputErrors()
    variables = _read_variables(record, errors, encoded=envelope.config.encode_values is not False)
    id_ = variables.text("uuid")
    if id_ is None:
        errors.add("variables.uuid", "missing_id", "the record has no uuid: send it as mod_json_cdr writes it")
    moments = {name: _read_epoch(variables, name, errors) for name in _MOMENTS}
    if moments["start_epoch"] is None and not errors.found:
        errors.add("variables.start_epoch", "bad_date", "the record has no start time: write when the call began")
    if errors.found or id_ is None:
        raise InvalidPayload(errors.found)
    if variables.text("direction") == "outbound":
        # The leg to an agent is posted like the customer's and holds no further facts.
        return ParsedItem(build_non_ticket(envelope, id_, "outgoing"))
    return ParsedItem(calls.build_call_record(_build_call(id_, variables, moments, envelope), envelope))


def _read_variables(record: Mapping[str, Any], errors: InputErrors, *, encoded: bool) -> FieldReader:
    """Return a reader of the record's variables; `encoded`: their values are URL-encoded."""
    variables = FieldReader(record, errors).part("variables")
    if not encoded:
        return variables
    # Cleaned again: the encoding hid control characters when the record was parsed.
    values = {
        name: clean(unquote(value)) if isinstance(value, str) else value for name, value in variables.values.items()
    }
    return dataclasses.replace(variables, values=values)


def _build_call(id_: str, variables: FieldReader, moments: Mapping[str, datetime | None], envelope: Envelope) -> Call:
    """Build the call from the variables and the times of a record."""
    queue, agent = variables.text("cc_queue"), variables.text("cc_agent")
    end, queue_answer = moments["end_epoch"], moments["cc_queue_answered_epoch"]
    # In a queue the exchange itself answers first; the call counts as answered when an agent answers.
    exchange_answer = moments["answer_epoch"] if queue is None or agent else None
    answered = (queue_answer if queue is not None else None) or exchange_answer
    waited_until = queue_answer or (end if queue is not None and answered is None else None)
    number, withheld = calls.parse_caller(variables.text("caller_id_number"), envelope.config.default_region)
    return Call(
        id=id_,
        phone=number,
        withheld=withheld,
        started_at=moments["start_epoch"],
        answered_at=answered,
        ended_at=end,
        waiting=calls.seconds_between(moments["cc_queue_joined_epoch"], waited_until),
        talk=calls.seconds_between(answered, end) or 0,
        operator=_agent_name(agent),
        recording=variables.text("cc_record_filename") if answered is not None else None,
        queue=queue,
        ended_by="abandoned" if variables.text("cc_cause") == "cancel" else None,
    )


def _read_epoch(variables: FieldReader, name: str, errors: InputErrors) -> datetime | None:
    value = variables.text(name)
    return None if value is None or value in _NEVER else times.parse_epoch(value, f"variables.{name}", errors, unit=1)


def _agent_name(text: str | None) -> str | None:
    return text.partition("@")[0] if text else None
