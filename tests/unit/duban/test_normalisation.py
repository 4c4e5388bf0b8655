"""What a native message becomes, with the codes that the pack does not have."""

import json

import pytest

from duban.normalisation import SeenMessages, normalise_message
from services.intake.channel_registry import channels
from services.intake.domain.envelope import Envelope
from tests.builders import MORNING, PACKS

ROW = {
    "number": "A-1",
    "status": "handling",
    "contacted_at": "2026-03-12 09:00",
    "phone": "13911140001",
    "text": "宽带断网",
    "kind": "appeal",
    "business_type": "broadband",
    "unit": "network",
}


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(("pack", "unknown"), [("carrier", []), ("bank", ["kind", "business_type", "taken_over.unit"])])
def test_codes_that_a_pack_does_not_have_are_named_with_what_there_is(pack: str, unknown: list[str]) -> None:
    body = json.dumps(ROW, ensure_ascii=False).encode()
    envelope = Envelope("migration", "migration", pack, MORNING, "application/json", body)
    found = normalise_message(channels()["migration"], envelope, SeenMessages(), PACKS[pack])
    (record,) = found["records"]
    codes = record.get("unknown_codes", [])
    assert [code["field"] for code in codes] == unknown
    assert all(code["allowed"] for code in codes)
