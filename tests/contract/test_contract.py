"""The contract with other systems: topics, models, exported schemas and examples agree."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import ValidationError

from deploy.tools import check, generate
from schemas import json_schema
from schemas.command import MODELS
from schemas.contact import Contact
from schemas.dead_letter import DeadLetterReason
from services.ledger.domain.lifecycle import LIFECYCLE, name_of
from services.shared.kafka import topics
from services.shared.kafka.topic_models import model_of
from tests.builders import TicketScenario, contact


@pytest.mark.requirement("R7.3")
def test_every_topic_of_ours_has_a_schema_and_an_example_that_fits() -> None:
    assert list(check._examples()) == []
    for name, topic in topics.load().items():
        if topic.model is not None:
            schema = json.loads((generate.EXPORTED / f"{name}.json").read_text(encoding="utf-8"))
            assert schema["additionalProperties"] is False
            assert schema["title"] == json_schema.published_name(model_of(topic))


def test_unknown_keys_are_errors_not_surprises() -> None:
    document = contact().to_plain()
    with pytest.raises(ValidationError, match="colour"):
        Contact.from_plain(document | {"colour": "red"})


def test_times_without_an_offset_are_errors() -> None:
    document = contact().to_plain()
    with pytest.raises(ValidationError, match="received_at"):
        Contact.from_plain(document | {"received_at": "2026-03-12T09:00:00"})


def test_every_action_of_the_contract_is_decided() -> None:
    assert MODELS.keys() == {name_of(action) for action in LIFECYCLE}


def test_every_state_of_a_ticket_survives_json() -> None:
    scenario = TicketScenario.dispatched()
    for event in scenario.events:
        encoded = event.to_json()
        assert type(event).from_json(encoded).to_json() == encoded


def test_the_largest_contact_fits_into_every_record_that_carries_it() -> None:
    """256 KiB at the door: raw bytes in base64 and the text again, in contacts and in the command that opens."""
    listed = topics.load()
    assert listed["contacts"].max_record_kib >= 256 * 4 / 3 + 256
    assert listed["tickets.commands"].max_record_kib >= listed["contacts"].max_record_kib
    assert listed["dead-letters"].max_record_kib >= max(each.max_record_kib for each in listed.values())


@given(st.sampled_from(list(DeadLetterReason)))
@settings(max_examples=20)
def test_reasons_are_words_that_machines_use(reason: DeadLetterReason) -> None:
    assert reason.value.isidentifier()
