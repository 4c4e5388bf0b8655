"""Records: parsing a value, and the CloudEvents headers of what is published."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from schemas.base import Model
from schemas.delivery import Delivery
from services.shared.kafka.records import outgoing, parse_value
from services.shared.runtime.errors import InvalidMessage


class NumberModel(Model):
    """A model with one field."""

    number: int


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (None, "empty", None),
        (b"", "empty", None),
        (b"{", "bad_syntax", None),
        (b'{"number": "x"}', "bad_schema", "number"),
    ],
)
def test_an_invalid_value_is_rejected_with_reason_and_field(
    value: bytes | None, reason: str, field: str | None
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parse_value(NumberModel, value)
    assert (caught.value.reason, caught.value.field) == (reason, field)


@pytest.mark.requirement("R7.3")
def test_records_are_cloudevents_in_binary_mode() -> None:
    id_, subject = uuid4(), uuid4()
    at = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
    delivery = Delivery(
        id=id_,
        event_id=uuid4(),
        ticket_id=subject,
        template="answer",
        language="zh",
        audience="customer",
        means="sms",
        state="sent",
        attempts=1,
        at=at,
    )
    record = outgoing(delivery, "notifier")
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(id_).encode(),
        "ce_source": b"/duban/notifier",
        "ce_type": b"duban.notice.sent",
        "ce_time": b"2026-03-12T01:00:00+00:00",
        "ce_subject": str(subject).encode(),
        "content-type": b"application/json",
    }
    assert (record.topic, record.key) == ("deliveries", str(subject).encode())
    assert outgoing(delivery, "notifier", key=b"another").key == b"another"
