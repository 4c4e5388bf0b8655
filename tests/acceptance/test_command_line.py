"""Tickets, senders, status and logs on the command line."""

import json

import httpx
import pytest

from tests.builders import eventually
from tests.system import System


def test_a_ticket_is_dispatched_and_shown_on_the_command_line(system: System) -> None:
    number = system.open_ticket()
    dispatched = system.duban("ticket", "do", number, "dispatch", "unit=network", "--unit", "provincial_centre")
    assert json.loads(dispatched.stdout)["outcome"] == "done", dispatched.stdout
    assert system.duban("ticket", "do", number, "close", "--unit", "provincial_centre").returncode == 1
    shown = system.duban("ticket", "show", number).stdout
    assert "provincial_centre → network" in shown
    assert "rule: type precise: network [002-1 §2.1.12, §2.4.4: a type" in " ".join(shown.split())
    assert system.duban("ticket", "show", "nowhere").returncode == 1


@pytest.mark.requirement("R2.7")
def test_one_field_is_reclassified_on_the_command_line(system: System) -> None:
    number = system.open_ticket()
    command = ("ticket", "do", number, "reclassify", "--set", "tier=national", "--unit", "provincial_centre")
    assert json.loads(system.duban(*command, "--reason", "跨省").stdout)["outcome"] == "done"
    ticket, _ = system.ticket_and_events(number)
    assert (ticket.classification.tier, ticket.classification.business_type) == ("national", "broadband")
    wrong = system.duban("ticket", "do", number, "reclassify", "--set", "teir=national", "--reason", "x")
    assert (wrong.returncode, "did you mean 'tier'?" in wrong.stderr) == (1, True)
    late = system.duban(*command, "--reason", "x", "--version", "1")
    assert "version_mismatch" in late.stdout


def test_status_and_logs_of_a_running_system_are_shown(system: System) -> None:
    assert system.duban("status").returncode == 0
    assert "ledger" in system.duban("logs", "ledger", "-n", "3").stdout


def test_a_sender_s_key_works_for_its_channel_until_it_is_revoked(system: System) -> None:
    key = system.duban("sender", "add", "partner", "--channel", "app").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    url = system.stack.intake_url
    body = {name: value for name, value in system.contact_body().items() if name != "channel"}

    def status() -> int:
        return httpx.post(f"{url}/v1/contacts", json=body, headers=headers).status_code

    eventually(lambda: status() == 202, why="intake does not know the key")
    assert httpx.post(f"{url}/v1/contacts", json=body | {"channel": "web"}, headers=headers).status_code == 403
    assert httpx.get(f"{url}/v1/tickets?number=x", headers=headers).status_code == 403
    assert "partner" in system.duban("sender", "list").stdout
    assert system.duban("sender", "revoke", "partner").returncode == 0
    eventually(lambda: status() == 401, why="the revoked key still works")
    assert system.duban("sender", "revoke", "partner").returncode == 1
