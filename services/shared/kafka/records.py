"""Kafka records: incoming, outgoing, and the CloudEvents headers of our topics."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from schemas import validation_errors
from schemas.base import CloudEvent, Model, Record
from services.shared.observability import tracing
from services.shared.runtime.errors import InvalidMessage

Headers = list[tuple[str, bytes]]
JSON = b"application/json"

ModelT = TypeVar("ModelT", bound=Model)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record as it was consumed.

    Attributes:
        value: the bytes; a `RawBatch` where a whole batch cannot be read, whose last offset is `offset`.
        leader_epoch: with which the partition's leader wrote it; committed with the offset, so that a leader that has
            lost records is noticed. -1: unknown.

    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)
    leader_epoch: int = -1

    @classmethod
    def from_client(cls, record: Any) -> "Incoming":
        """Convert a record of kafka-python, aiokafka or Faust."""
        headers, epoch = list(record.headers or ()), getattr(record, "leader_epoch", -1)
        return cls(record.topic, record.partition, record.offset, record.key, record.value, headers, epoch)

    @property
    def position(self) -> tuple[str, int, int]:
        """Topic, partition and offset: the same whenever the record is read again."""
        return (self.topic, self.partition, self.offset)

    @property
    def trace(self) -> str | None:
        """The trace context in the headers; None when there is no valid one."""
        return tracing.parse(next((value for name, value in self.headers if name == tracing.HEADER), None))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def cloudevent_headers(event: CloudEvent, source: str) -> Headers:
    """Return the headers of CloudEvents 1.0 in Kafka's binary mode (DESIGN 1)."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event.id).encode()),
        ("ce_source", f"/duban/{source}".encode()),
        ("ce_type", f"duban.{event.type}".encode()),
        ("ce_time", event.time.isoformat().encode()),
        ("ce_subject", str(event.subject).encode()),
        ("content-type", JSON),
    ]


def outgoing(
    body: Record, source: str, *, key: bytes | None = None, trace: str | None = None, value: bytes | None = None
) -> Outgoing:
    """Return the record of a model on its topic, with CloudEvents headers.

    Args:
        body: the model.
        source: name of the service that publishes it.
        key: of the record; default: the event's subject.
        trace: trace context of what caused it.
        value: the model as a JSON document, if it is serialised already.

    """
    event = body.cloud_event
    subject = str(event.subject).encode()
    headers = cloudevent_headers(event, source)
    if trace is not None:
        headers.append((tracing.HEADER, tracing.child(trace, event.id).encode()))
    document = body.to_json() if value is None else value
    return Outgoing(body.TOPIC, key if key is not None else subject, document, headers)


def parse_value(model: type[ModelT], value: bytes | None, *, sender: str = "unknown") -> ModelT:
    """Parse and validate the value of a record of one of our topics; fields of a newer version are kept (DECISIONS 39).

    Raises:
        InvalidMessage: no value, no JSON, or not of the model's shape; names the first invalid field.

    """
    if not value:
        raise InvalidMessage("empty", "the record has no value; send the JSON document itself", sender=sender)
    try:
        return model.from_record(value)
    except msgspec.ValidationError as error:
        fault = validation_errors.to_field_error(error, model)
        raise InvalidMessage(
            "bad_schema", f"{fault.field or 'body'}: {fault.message}", field=fault.field or None, sender=sender
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessage(
            "bad_syntax", "body: the value is no JSON document in UTF-8; send one", sender=sender
        ) from error
