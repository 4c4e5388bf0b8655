"""The hotline: the operator's form, and what the exchange recorded of the call (Asterisk, FreeSWITCH) (R2.1)."""

from typing import Any

from services.intake.domain.channels import asterisk, freeswitch
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.fields import FieldReader, InputErrors, bounded_id
from services.intake.domain.mapping import ChannelMapping


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear a form, or records of calls.

    Raises:
        Unusable: nothing can be made of it.

    """
    if envelope.kind == "text/csv":
        return asterisk.parse_call_records(envelope)
    if envelope.kind == "text/plain":
        return asterisk.parse_queue_log(envelope)
    if envelope.kind in freeswitch.ENCODED:
        return [freeswitch.parse_record(freeswitch.decode_record(envelope), envelope)]
    told = parse_json_object(envelope.body)
    if "core-uuid" in told or "callflow" in told:
        return [freeswitch.parse_record(told, envelope)]
    call = told.get("call_id")
    more = {"settlement": _read_settlement(told), "call": bounded_id(call) if isinstance(call, str) else call}
    return [
        ParsedItem(
            MappedChannel(mapping).build(told, envelope, more={name: each for name, each in more.items() if each})
        )
    ]


def _read_settlement(values: dict[str, Any]) -> dict[str, Any] | None:
    told = FieldReader(values, InputErrors())
    if told.values.get("settled_on_call") is not True:
        return None
    answer = told.part("answer")
    outcome = answer.text("outcome") or told.text("desired_outcome") or "settled on the call"
    return {
        "outcome": outcome,
        "explanation": answer.text("explanation") or outcome,
        "agreed": answer.values.get("agreed", True),
        "cause": answer.text("cause"),
        "owner": answer.text("owner"),
    }
