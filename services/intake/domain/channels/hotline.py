"""Adapter for the hotline: the operator's form, and call records of Asterisk and FreeSWITCH (R2.1). Pure."""

from typing import Any

from services.intake.domain.channels import asterisk, freeswitch
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.fields import FieldReader, InputErrors, bounded_id
from services.intake.domain.mapping import ChannelMapping


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Parse an operator's form, or the call records of an exchange; the media type says which.

    Raises:
        InvalidPayload: nothing of it can be used.

    """
    if envelope.kind == "text/csv":
        return asterisk.parse_call_records(envelope)
    if envelope.kind == "text/plain":
        return asterisk.parse_queue_log(envelope)
    if envelope.kind in freeswitch.ENCODED:
        return [freeswitch.parse_record(freeswitch.decode_record(envelope), envelope)]
    message = parse_json_object(envelope.body)
    if "core-uuid" in message or "callflow" in message:
        return [freeswitch.parse_record(message, envelope)]
    call = message.get("call_id")
    fields = {"settlement": _read_settlement(message), "call": bounded_id(call) if isinstance(call, str) else call}
    overrides = {name: value for name, value in fields.items() if value}
    return [ParsedItem(MappedChannel(mapping).build(message, envelope, overrides=overrides))]


def _read_settlement(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer of a complaint that was settled on the call (R2.2), None when it was not."""
    form = FieldReader(message, InputErrors())
    if form.values.get("settled_on_call") is not True:
        return None
    answer = form.part("answer")
    outcome = answer.text("outcome") or form.text("desired_outcome") or "settled on the call"
    return {
        "outcome": outcome,
        "explanation": answer.text("explanation") or outcome,
        "agreed": answer.values.get("agreed", True),
        "cause": answer.text("cause"),
        "owner": answer.text("owner"),
    }
