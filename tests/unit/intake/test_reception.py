"""What every door shares: switchboards are marked, and scans are found by those who may speak of them."""

from pathlib import Path

import pytest

from schemas.contact import Contact
from services.domain.ids import contact_digest
from services.intake.attachments import AttachmentStore
from services.intake.channel_registry import channels
from services.intake.channel_settings import load_switchboards
from services.intake.ingest import Ingestor, channel_owner
from services.shared.runtime.errors import ConfigurationError
from tests.builders import MORNING, contact

LANDLINE = "+8637155500001"


def ingestor(folder: Path, *numbers: str) -> Ingestor:
    return Ingestor(channels(), {}, AttachmentStore(folder), "secret", "carrier", frozenset(numbers))


@pytest.mark.requirement("R2.4")
def test_a_number_that_many_call_from_is_marked_at_every_door(tmp_path: Path) -> None:
    told = contact(customer=contact().customer.replace(phone=LANDLINE))
    marked = Contact.from_json(ingestor(tmp_path, LANDLINE).record(told, None).value or b"")
    assert marked.customer.switchboard
    assert contact_digest(marked) == contact_digest(told), "a setting that changes makes no other message of it"
    assert not Contact.from_json(ingestor(tmp_path).record(told, None).value or b"").customer.switchboard


def test_switchboards_are_written_as_people_write_numbers(tmp_path: Path) -> None:
    file = tmp_path / "channels.toml"
    file.write_text('switchboards = ["0371-5550 0001", "+12025550101"]\n[sms]\npolicy = "carrier"\n')
    assert load_switchboards(file) == {LANDLINE, "+12025550101"}
    for wrong in ('["many"]', "[10086]", '"0371-55500001"'):
        file.write_text(f"switchboards = {wrong}\n")
        with pytest.raises(ConfigurationError, match="switchboards"):
            load_switchboards(file)


@pytest.mark.requirement("R2.2")
def test_a_register_by_topic_finds_the_scans_of_its_channel(tmp_path: Path) -> None:
    there = ingestor(tmp_path)
    there.attachments.put_named(["mailroom", channel_owner("letter_fax")], "s.tif", b"scan")
    by_topic = there.envelope("letter_fax", b"", media_type="application/json", received_at=MORNING)
    assert by_topic.attachments.read_stored("s.tif") == b"scan"
    by_key = there.envelope("letter_fax", b"", media_type="application/json", received_at=MORNING, sender="another")
    assert by_key.attachments.read_stored("s.tif") is None
