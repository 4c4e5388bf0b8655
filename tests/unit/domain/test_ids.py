"""Deterministic ids and digests: what makes two messages the same."""

import json
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.contact import Contact
from services.domain.ids import command_id, contact_digest, contact_id, event_id, notice_id, refusal_id, ticket_id
from services.intake.channel_registry import channels
from services.intake.domain.envelope import Envelope
from tests.builders import HOUR, MORNING, contact

TEXT = st.text(max_size=20)


@given(one=st.tuples(TEXT, TEXT, TEXT), other=st.tuples(TEXT, TEXT, TEXT))
def test_two_messages_share_an_id_only_when_everything_is_the_same(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (contact_id(*one) == contact_id(*other)) == (one == other)


@given(ticket=st.uuids(), version=st.integers(min_value=1, max_value=10**6))
def test_an_id_is_the_name_based_uuid_of_the_standard(ticket: UUID, version: int) -> None:
    number = str(version)
    namespace = uuid5(NAMESPACE_URL, "duban:event")
    assert event_id(ticket, version) == uuid5(namespace, f"36:{ticket}/{len(number)}:{number}")


def test_each_kind_of_id_has_a_space_of_its_own() -> None:
    cause = uuid4()
    ids = {ticket_id(cause), command_id(cause), event_id(cause, 1), refusal_id(cause), notice_id(cause, "")}
    assert len(ids) == 5


CHANNELS = channels()
SMS = b"MessageSid=SM1&From=%2B8613800000101&Body=%E5%AE%BD%E5%B8%A6%E6%96%AD%E7%BD%91&NumMedia=0"
MAIL = b"From: li@mail.example\r\nMessage-ID: <1@mail.example>\r\nSubject: x\r\n\r\nbroadband is down\r\n"
ALERT = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"station": "X", "lane": "03"},
            "annotations": {"description": "offline for 5 minutes"},
            "startsAt": "2026-03-12T01:00:00Z",
            "fingerprint": "f1",
        }
    ],
}


def parsed(channel: str, body: bytes, seconds: int) -> Contact:
    kind = {"sms": "application/x-www-form-urlencoded", "email": "message/rfc822"}.get(channel, "application/json")
    at = MORNING + timedelta(seconds=seconds)
    (only,) = CHANNELS[channel].parse(Envelope(channel, channel, "carrier", at, kind, body))
    assert isinstance(only.content, Contact)
    return only.content


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    ("channel", "body"), [("sms", SMS), ("email", MAIL), ("device_monitor", json.dumps(ALERT).encode())]
)
def test_a_retry_is_the_same_message(channel: str, body: bytes) -> None:
    first, again = parsed(channel, body, 0), parsed(channel, body, 7)
    assert first.id == again.id
    assert contact_digest(first) == contact_digest(again)


def test_an_alert_with_a_new_measurement_is_the_same_alert() -> None:
    later = json.loads(json.dumps(ALERT))
    later["alerts"][0]["annotations"]["description"] = "offline for 65 minutes"
    later["truncatedAlerts"] = 2
    first, again = (parsed("device_monitor", json.dumps(each).encode(), 0) for each in (ALERT, later))
    assert contact_digest(first) == contact_digest(again)


def test_another_text_under_the_same_id_is_another_message() -> None:
    assert contact_digest(parsed("sms", SMS, 0)) != contact_digest(parsed("sms", SMS.replace(b"%BD%91", b"%BC%80"), 0))


def test_the_same_message_at_another_time_has_the_same_digest() -> None:
    assert contact_digest(contact()) == contact_digest(contact(at=MORNING + HOUR))
    assert contact_digest(contact()) != contact_digest(contact(text="another"))
