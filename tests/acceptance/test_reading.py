"""Reading on the running system: by packs and units, masked, and recorded (R5.6)."""

import json

import httpx
import pytest

from tests.builders import eventually
from tests.system import System


def key_of(system: System, name: str, *options: str) -> dict[str, str]:
    """Make a sender and return the header with its key, once intake knows it."""
    made = system.duban("sender", "add", name, *options)
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    url = f"{system.stack.intake_url}/v1/contacts/00000000-0000-0000-0000-000000000000"
    eventually(lambda: httpx.get(url, headers=headers).status_code == 404, why="intake does not know the key")
    return headers


@pytest.mark.requirement("R5.6")
def test_a_ticket_is_read_by_its_units_masked_and_every_reading_is_recorded(system: System) -> None:
    body = system.contact_body("我是李小龙，宽带很慢，请回电13900000001")
    body["customer"]["name"] = "李小龙"
    number = system.submit(body)["ticket"]["number"]
    system.dispatch(number, "network")
    path = f"{system.stack.intake_url}/v1/tickets"
    network = key_of(system, "read-network", "--action", "read", "--action", "search", "--unit", "network")
    for name, options in (("read-billing", ("--unit", "billing")), ("read-bus", ("--pack", "bus", "--unit", "*"))):
        other = key_of(system, name, "--action", "read", *options)
        assert httpx.get(f"{path}/{number}", headers=other).status_code == 404
    found = httpx.get(f"{path}/{number}", headers=network, params={"actor": "王工"})
    assert found.status_code == 200
    for secret in (body["customer"]["phone"], "小龙", "13900000001"):
        assert secret not in found.text
    search = {"phone": body["customer"]["phone"], "purpose": "客户来电"}
    (again,) = httpx.get(path, headers=network, params=search).json()["tickets"]
    assert again["customer"]["name"] == "李**"
    shown = system.duban("ticket", "show", number, "--json").stdout
    assert body["customer"]["phone"] not in shown
    assert body["customer"]["phone"] in system.duban("ticket", "show", number, "--json", "--personal").stdout

    listed = system.duban("access", "list", "--ticket", number, "--format", "json").stdout
    rows = [json.loads(line) for line in listed.splitlines()]
    assert [(row["key"], row["sought"], row["fields"]) for row in rows] == [
        ("read-network", "number", "masked"),
        ("read-network", "phone", "masked"),
        ("duban", "number", "masked"),
        ("duban", "number", "personal"),
    ]
    assert (rows[0]["person"], rows[1]["purpose"]) == ("王工", "客户来电")
    by_phone = system.duban("access", "list", "--phone", body["customer"]["phone"], "--format", "csv").stdout
    assert by_phone.splitlines()[0].startswith("at,key,person")
    assert len(by_phone.splitlines()) == 2
