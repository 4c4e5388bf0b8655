"""A policy is changed on a running system: dry run, application to open tickets, rollback (R4.12)."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from services.intake import sender_store
from services.intake.senders import Sender
from tests.builders import eventually
from tests.system import System


def policy(system: System, *arguments: str) -> str:
    """Run `duban policy` and return its output."""
    completed = system.duban("policy", *arguments)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


@pytest.mark.requirement("R4.12")
def test_a_limit_is_changed_applied_to_open_tickets_and_rolled_back(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(PROJECT / "policies", folder)
    limits = folder / "bank" / "limits.toml"
    limits.write_text(limits.read_text(encoding="utf-8").replace('value = "3wd"', 'value = "9wd"'), encoding="utf-8")
    policy(system, "diff", "bank")
    with system.database() as connection:
        key = sender_store.add(connection, Sender("teller", ("bank",), ("*",), ("contacts",)))
    body = system.contact_body("柜台排队太久，态度冷淡")
    header = {"Authorization": f"Bearer {key}"}
    eventually(
        lambda: system.http.post("/v1/contacts", json=body, headers=header).is_success,
        why="intake does not know the key",
    )
    number = system.submit(body, key=key)["ticket"]["number"]
    promised = system.ticket_and_events(number)[0].promised_at
    assert promised is not None

    dry_run = policy(system, "apply", "bank", "--folder", str(folder))
    assert "value 9wd" in dry_run
    assert number in dry_run
    assert "nothing was changed" in dry_run
    assert system.ticket_and_events(number)[0].promised_at == promised

    text = limits.read_text(encoding="utf-8")
    answered = 'while = { status = ["answered"] }'
    limits.write_text(text.replace(answered, f'when = {{ tier = ["grave"] }}\n{answered}'), encoding="utf-8")
    refused = system.duban("policy", "apply", "bank", "--folder", str(folder), "--yes")
    assert refused.returncode == 1
    assert "[[case.step]]" in refused.stdout + refused.stderr, "the story is missing"
    assert system.ticket_and_events(number)[0].promised_at == promised
    limits.write_text(text, encoding="utf-8")

    policy(system, "apply", "bank", "--folder", str(folder), "--yes", "--note", "more time")
    event = system.wait_for_event(number, "policy_applied")
    assert event.ticket.promised_at is not None
    assert event.ticket.promised_at - promised >= timedelta(days=6)
    later = system.submit(system.contact_body("柜台排队，态度冷淡，没人理"), key=key)["ticket"]["number"]
    assert system.ticket_and_events(later)[0].policy == event.ticket.policy

    assert "nothing was changed" in policy(system, "rollback", "bank")
    policy(system, "rollback", "bank", "--yes")
    eventually(lambda: system.ticket_and_events(number)[0].promised_at == promised, why="the deadline was not restored")
    listed = policy(system, "versions", "bank")
    assert "more time" in listed
    assert "the first version" in listed
