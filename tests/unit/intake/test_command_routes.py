"""The routes for commands: a key reaches its own packs and commands, and is judged by the ticket as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from schemas.command import Command
from schemas.ticket import Ticket
from services.domain.ids import command_digest
from services.domain.policy.pack import Pack
from services.intake import outcomes
from services.intake.outcomes import DecidedCommand, StoredTicket
from services.intake.senders import Sender
from services.shared.runtime.errors import Retryable
from tests.builders import PACKS, TicketScenario, contact
from tests.unit.intake.http_door import HttpDoor, key

NETWORK = Sender("network", ("carrier",), (), ("commands",), units=("network",))
BILLING = replace(NETWORK, name="billing", units=("billing",))
CENTRE = replace(NETWORK, name="centre", units=("provincial_centre",))
BUS = Sender("bus_desk", ("bus",), ("*",), ("commands", "read"), units=("*",))
CRM = Sender("crm", ("carrier",), (), ("read",), ("*",))
OTHER_READER = replace(CRM, name="billing_reader", units=("billing",))
HALL = Sender("hall", ("carrier",), ("store",), ("contacts",))
PORTAL = Sender("portal", ("carrier",), ("web",), ("commands",), roles=("portal",))
NOTE = {"action": {"type": "note", "text": "x"}, "actor": {"name": "王工"}}
CLAIM = {"action": {"type": "claim", "person": "王工"}, "actor": {"name": "王工"}}
WITHDRAW = {"action": {"type": "withdraw", "reason": "已恢复"}, "actor": {"kind": "customer"}}


@dataclass
class Stored:
    """What the database holds: one ticket, and the digests of decided commands."""

    ticket: Ticket | None
    pack: str = "carrier"
    id: UUID = field(default_factory=uuid4)
    digests: dict[UUID, bytes] = field(default_factory=dict)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Stored:
    """A ticket that was dispatched to network."""
    found = Stored(TicketScenario.dispatched("network", contact()).current)

    def ticket_by_number(_: object, number: str) -> StoredTicket | None:
        return StoredTicket(found.id, found.pack, found.ticket) if number == "TS1" else None

    def ticket_by_id(_: object, id_: UUID) -> StoredTicket | None:
        return StoredTicket(found.id, found.pack, found.ticket) if id_ == found.id else None

    monkeypatch.setattr(outcomes, "ticket_by_number", ticket_by_number)
    monkeypatch.setattr(outcomes, "ticket_by_id", ticket_by_id)
    monkeypatch.setattr(outcomes, "decided_digest", lambda _, id_: found.digests.get(id_))
    return found


@pytest.fixture
def door(tmp_path: Path) -> HttpDoor:
    opened = HttpDoor(tmp_path, NETWORK, BILLING, CENTRE, BUS, CRM, OTHER_READER, HALL, PORTAL)
    opened.context.packs = PACKS
    return opened


def send(
    door: HttpDoor, sender: Sender, body: Mapping[str, Any], number: str = "TS1", id_: str = "k"
) -> httpx.Response:
    headers = {"Idempotency-Key": id_, **key(sender.name)}
    return door.post(f"/v1/tickets/{number}/commands", json=body, headers=headers)


def published(door: HttpDoor) -> list[Command]:
    return [Command.from_record(record.value or b"") for record in door.published]


@pytest.mark.usefixtures("stored")
def test_a_command_carries_its_key_and_how_far_it_reaches(door: HttpDoor) -> None:
    assert send(door, NETWORK, CLAIM).status_code == 202
    (command,) = published(door)
    assert (command.actor.name, command.actor.unit, command.actor.key) == ("王工", "network", "network")
    assert command.authority == NETWORK.authority


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("sender", [CRM, HALL])
def test_a_key_without_commands_sends_none(door: HttpDoor, sender: Sender) -> None:
    assert send(door, sender, NOTE).status_code == 403
    assert door.published == []


@pytest.mark.usefixtures("stored")
def test_a_ticket_of_another_pack_is_as_good_as_none(door: HttpDoor) -> None:
    """Lifecycle A3: the key of a bus company closes no carrier's ticket, and does not learn that there is one."""
    other, none = (send(door, BUS, NOTE, number) for number in ("TS1", "TS2"))
    assert (other.status_code, none.status_code) == (404, 404)
    assert other.text == none.text.replace("TS2", "TS1")
    assert door.published == []


@pytest.mark.usefixtures("stored")
def test_who_may_not_gets_403_with_who_may(door: HttpDoor) -> None:
    response = send(door, BILLING, CLAIM)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (403, "action.type")
    assert "holder (network)" in response.json()["detail"]
    assert door.published == []


def test_what_was_decided_is_not_judged_again(door: HttpDoor, stored: Stored) -> None:
    """A repeated request gets the outcome of the first, even if the ticket has moved on."""
    assert send(door, NETWORK, CLAIM).status_code == 202
    (command,) = published(door)
    stored.digests[command.id] = command_digest(command)
    stored.ticket = TicketScenario.dispatched("billing").current
    assert send(door, NETWORK, CLAIM).status_code == 202
    assert send(door, NETWORK, NOTE).status_code == 409
    assert send(door, NETWORK, CLAIM, id_="another").status_code == 403


def test_while_a_command_is_undecided_the_ledger_judges_the_next(door: HttpDoor, stored: Stored) -> None:
    """A dispatch that is on its way may give the right; the ledger decides both in their order."""
    stored.ticket = TicketScenario.opened().current
    dispatch = {"action": {"type": "dispatch", "unit": "network"}, "actor": {"name": "班长"}}
    assert send(door, NETWORK, CLAIM, id_="early").status_code == 403
    assert send(door, CENTRE, dispatch, id_="dispatch").status_code == 202
    assert send(door, NETWORK, CLAIM, id_="claim").status_code == 202
    stored.digests |= {command.id: command_digest(command) for command in published(door)}
    assert send(door, NETWORK, CLAIM, id_="late").status_code == 403


class _Unreadable(dict[str, Pack]):
    def __missing__(self, name: str) -> Pack:
        raise Retryable(f"{name} cannot be read")


def test_where_ticket_or_pack_cannot_be_read_the_ledger_judges(door: HttpDoor, stored: Stored) -> None:
    door.context.packs = _Unreadable()
    assert send(door, BILLING, CLAIM, id_="1").status_code == 202
    door.context.packs = {}
    assert send(door, BILLING, CLAIM, id_="2").status_code == 202
    door.context.packs, stored.ticket, stored.id = PACKS, None, uuid4()
    assert send(door, BILLING, CLAIM, id_="3").status_code == 202
    assert send(door, PORTAL, WITHDRAW | {"customer": {"phone": "13800000101"}}, id_="4").status_code == 503


@pytest.mark.requirement("R2.7")
def test_a_portal_speaks_for_the_customer_of_the_ticket_alone(door: HttpDoor, stored: Stored) -> None:
    """Doors S4: nobody acts as the customer by writing so."""
    own, other = ({"customer": {"phone": phone}} for phone in ("13800000101", "13800000102"))
    assert send(door, PORTAL, WITHDRAW | own).status_code == 202
    (command,) = published(door)
    assert (command.actor.kind, command.actor.name, command.actor.proof) == ("customer", "customer", "own_channel")
    assert command.authority is None
    assert "13800000101" not in (door.published[0].value or b"").decode()
    # Even while a command is undecided, another customer is refused.
    refused = send(door, PORTAL, WITHDRAW | other, id_="2")
    assert (refused.status_code, "13800000101" in refused.text) == (403, False)
    assert send(door, CENTRE, WITHDRAW | own, id_="3").status_code == 403
    stored.digests[command.id] = command_digest(command)
    claim = CLAIM | {"actor": {"kind": "customer"}} | own
    assert send(door, PORTAL, claim, id_="4").status_code == 403
    assert len(door.published) == 1


def test_a_key_sees_its_own_decisions_and_those_it_may_read(
    door: HttpDoor, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doors S5: any key for commands saw the commands of all others."""
    decided = DecidedCommand({"outcome": "done", "ticket": {"id": str(stored.id)}}, "network", "carrier")
    monkeypatch.setattr(outcomes, "decided_command", lambda _, __: decided)
    path = f"/v1/commands/{uuid4()}"
    codes = {sender.name: door.send("GET", path, headers=key(sender.name)).status_code for sender in (NETWORK, BILLING)}
    others = (CRM, OTHER_READER, BUS, HALL)
    codes |= {sender.name: door.send("GET", path, headers=key(sender.name)).status_code for sender in others}
    assert codes == {"network": 200, "billing": 404, "crm": 200, "billing_reader": 404, "bus_desk": 404, "hall": 403}


@pytest.mark.requirement("R2.7")
def test_one_field_of_a_classification_is_enough(door: HttpDoor, stored: Stored) -> None:
    body = {"action": {"type": "reclassify", "set": {"tier": "national"}, "reason": "跨省"}, "actor": {"name": "王"}}
    assert send(door, NETWORK, body).status_code == 403
    assert send(door, CENTRE, body).status_code == 202
    (command,) = published(door)
    assert stored.ticket is not None
    assert command.expected_version == stored.ticket.version
    assert command.action.classification.tier == "national"  # type: ignore[union-attr]


def test_a_repeated_partial_command_gets_the_outcome_of_the_first(door: HttpDoor, stored: Stored) -> None:
    body = {"action": {"type": "reclassify", "set": {"priority": 1}, "reason": "x"}, "actor": {"name": "王"}}
    send(door, CENTRE, body)
    (command,) = published(door)
    assert stored.ticket is not None
    stored.digests[command.id] = command_digest(command)
    stored.ticket = stored.ticket.replace(version=stored.ticket.version + 1)
    assert send(door, CENTRE, body).status_code == 202
    assert len(published(door)) == 1
