"""A policy is changed under the running system: dry run, in force at once, open tickets follow, rolled back (R4.12)."""

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from services.intake import senders
from tests.builders import eventually
from tests.system import System


def duban(system: System, *arguments: str) -> str:
    command = [sys.executable, "-m", "duban", "policy", *arguments, "--data", str(system.stack.folder.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.requirement("R4.12")
def test_a_limit_is_changed_applied_and_rolled_back(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(PROJECT / "policies", folder)
    limits = folder / "bank" / "limits.toml"
    limits.write_text(limits.read_text(encoding="utf-8").replace('value = "3wd"', 'value = "9wd"'), encoding="utf-8")
    duban(system, "diff", "bank")
    with system.database() as connection:
        key = senders.add(connection, "teller", policy="bank", channels=["*"], actions=["contacts"])
    told = system.contact_body("柜台排队太久，态度冷淡")
    header = {"Authorization": f"Bearer {key}"}
    eventually(lambda: system.http.post("/v1/contacts", json=told, headers=header).is_success, why="the key is unknown")
    number = system.submit(told, key=key)["ticket"]["number"]
    promised = system.ticket_and_events(number)[0].promised_at
    assert promised is not None

    dry = duban(system, "apply", "bank", "--folder", str(folder))
    assert "value 9wd" in dry
    assert number in dry
    assert "nothing was changed" in dry
    assert system.ticket_and_events(number)[0].promised_at == promised

    duban(system, "apply", "bank", "--folder", str(folder), "--yes", "--note", "more time")
    event = system.wait_for_event(number, "policy_applied")
    assert event.ticket.promised_at is not None
    assert event.ticket.promised_at - promised >= timedelta(days=6)
    after = system.submit(system.contact_body("柜台排队，态度冷淡，没人理"), key=key)["ticket"]["number"]
    assert system.ticket_and_events(after)[0].policy == event.ticket.policy

    assert "nothing was changed" in duban(system, "rollback", "bank")
    duban(system, "rollback", "bank", "--yes")
    eventually(
        lambda: system.ticket_and_events(number)[0].promised_at == promised, why="the deadline did not come back"
    )
    listed = duban(system, "versions", "bank")
    assert "more time" in listed
    assert "the first version" in listed
