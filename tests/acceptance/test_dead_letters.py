"""A record that cannot be parsed waits in dead-letters until it is repaired and replayed."""

import json
from collections.abc import Sequence

import pytest

from services.shared.kafka import dead_letter_admin
from services.shared.kafka.dead_letter_admin import StoredDeadLetter
from tests.acceptance.test_channels import publish, store_event
from tests.builders import eventually
from tests.system import System


def _dead_letters_with(system: System, text: str) -> Sequence[StoredDeadLetter]:
    return [letter for letter in dead_letter_admin.unresolved(system.kafka) if text.encode() in letter.value]


@pytest.mark.requirement("R2.5")
def test_a_bad_record_keeps_its_bytes_and_becomes_a_ticket_after_repair(system: System) -> None:
    good, bad = store_event(system), store_event(system)
    bad["accepted_at"] //= 1000
    original = json.dumps(bad).encode()
    publish(system, "channel.store", original, b"\xff\xfe\x00", None, json.dumps(good).encode())
    # Records behind a bad one are processed.
    assert eventually(lambda: system.ticket_of_message(good["event_id"]))
    (letter,) = eventually(lambda: _dead_letters_with(system, bad["event_id"]))
    assert letter.value == original
    assert (letter.details["reason"], letter.details["field"]) == ("bad_date", "accepted_at")
    id_ = letter.details["id"]
    assert id_[:8] in system.duban("dlq", "list").stdout
    assert system.duban("dlq", "show", id_, "--raw").stdout == original.decode()

    repaired = system.stack.folder.root / "repaired.json"
    repaired.write_text(json.dumps(bad | {"accepted_at": bad["accepted_at"] * 1000}), encoding="utf-8")
    replayed = system.duban("dlq", "replay", id_, "--file", str(repaired))
    assert replayed.returncode == 0, replayed.stderr
    assert eventually(lambda: system.ticket_of_message(bad["event_id"]))
    assert _dead_letters_with(system, bad["event_id"]) == []
