"""Tests of who sees the outcome of a contact."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.intake import access_log, outcomes
from services.intake.access_log import AccessRecord
from services.intake.outcomes import StoredTicket
from services.intake.senders import Sender
from tests.builders import PACKS, TicketScenario
from tests.unit.intake.http_door import HttpDoor, key

SENDERS = (
    Sender("web", ("carrier",), ("web",), ("contacts", "read", "personal"), ("network",)),
    Sender("carrier_all", ("carrier",), (), ("read", "personal"), ("*",)),
    Sender("billing", ("carrier",), (), ("read",), ("billing",)),
    Sender("bus", ("bus",), ("*",), ("contacts", "read"), ("*",)),
    Sender("app", ("carrier",), ("app",), ("contacts",)),
)
REFERENCE = UUID(int=7)


@pytest.mark.requirement("R5.6")
def test_a_sender_sees_its_own_contacts_and_readers_those_of_tickets_in_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = HttpDoor(tmp_path, *SENDERS)
    door.context.packs = PACKS
    ticket = TicketScenario.dispatched("network").current
    found: dict[str, Any] = {
        "reference": str(REFERENCE),
        "ticket": {"id": str(ticket.id), "number": ticket.number, "status": "dispatched"},
    }
    records: list[AccessRecord] = []
    monkeypatch.setattr(outcomes, "contact_outcome", lambda _, id_: ("web", found) if id_ == REFERENCE else None)
    monkeypatch.setattr(
        outcomes, "ticket_by_id", lambda _, id_: StoredTicket(id_, "carrier", ticket) if id_ == ticket.id else None
    )
    monkeypatch.setattr(access_log, "write", lambda _, record: records.append(record))

    def get(name: str, reference: UUID = REFERENCE) -> tuple[int, str]:
        response = door.send("GET", f"/v1/contacts/{reference}", headers=key(name))
        return response.status_code, response.text

    assert get("web")[0] == 200
    assert records == [], "one's own contact is no reading"
    assert get("carrier_all")[0] == 200
    assert [(record.key, record.sought, record.fields) for record in records] == [
        ("carrier_all", "reference", "masked")
    ]
    for name in ("billing", "bus", "app"):
        assert get(name) == get(name, UUID(int=8))
        assert get(name)[0] == 404
