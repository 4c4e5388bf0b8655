"""Tests of the steps that all doors share: switchboards are marked, and named attachments belong to their owner."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.contact import Contact, Customer
from services.domain.ids import contact_digest
from services.intake.attachments import AttachmentStore
from services.intake.blob_store import FolderStore
from services.intake.ingest import Ingestor, channel_owner
from tests.builders import MORNING, contact
from tests.unit.intake.parsing import CHANNELS

LANDLINE = "+8637155500001"


def ingestor(folder: Path, *switchboards: str) -> Ingestor:
    return Ingestor(CHANNELS, {}, AttachmentStore(FolderStore(folder)), "secret", "carrier", frozenset(switchboards))


@pytest.mark.requirement("R2.4")
def test_a_contact_from_a_switchboard_is_marked(tmp_path: Path) -> None:
    original = contact(customer=contact().customer.replace(phone=LANDLINE))
    marked = Contact.from_json(ingestor(tmp_path, LANDLINE).record(original, None).value or b"")
    assert marked.customer.switchboard
    assert contact_digest(marked) == contact_digest(original), "a changed setting does not make it another message"
    assert not Contact.from_json(ingestor(tmp_path).record(original, None).value or b"").customer.switchboard


def test_the_key_of_a_record_hides_the_customer(tmp_path: Path) -> None:
    by_number = contact(customer=Customer(phone="+8613800000101", number="C1"))
    key = ingestor(tmp_path).record(by_number, None).key
    assert key == ingestor(tmp_path).record(contact(customer=Customer(number="C1")), None).key
    assert key != replace(ingestor(tmp_path), secret="another").record(by_number, None).key
    assert b"C1" not in (key or b"")


@pytest.mark.requirement("R2.2")
def test_a_register_entry_on_a_topic_finds_the_scans_of_its_channel(tmp_path: Path) -> None:
    target = ingestor(tmp_path)
    target.attachments.put_named(["mailroom", channel_owner("letter_fax")], "s.tif", b"scan")
    by_topic = target.envelope("letter_fax", b"", media_type="application/json", received_at=MORNING)
    assert by_topic.attachments.read_stored("s.tif") == b"scan"
    by_key = target.envelope("letter_fax", b"", media_type="application/json", received_at=MORNING, sender="another")
    assert by_key.attachments.read_stored("s.tif") is None
