"""How services behave as processes: they stop when told, come back when killed, and keep quiet about people."""

import json
import os
import signal

import httpx
import pytest

from deploy.local.plan import SERVICES
from tests.builders import eventually
from tests.system import System


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_told_to_stop_ends_within_ten_seconds_and_the_supervisor_starts_it_again(
    system: System, service: str
) -> None:
    known = system.stack.state.processes[service]
    log = system.stack.folder.logs / f"{service}.log"
    before = log.stat().st_size
    number = system.open_ticket()
    os.kill(known.pid, signal.SIGTERM)
    eventually(lambda: not known.alive, within=10, why=f"{service} does not stop")
    said = [json.loads(line)["event"] for line in log.read_bytes()[before:].splitlines() if line.startswith(b"{")]
    assert "stopped" in said
    assert "failed" not in said

    def again() -> bool:
        state = system.stack.state
        return service in state.processes and state.processes[service].pid != known.pid

    eventually(again, within=30)
    system.wait_until_ready()
    assert system.send_command(number, "note", text="x")["outcome"] == "done"


@pytest.mark.requirement("R7.2")
def test_every_service_tells_operations_how_it_is(system: System) -> None:
    system.open_ticket()
    for service, port in system.stack.state.operations.items():
        page = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{page}/livez").text == "live\n"
        assert httpx.get(f"{page}/readyz").text == "ready\n"
        assert "duban_" in httpx.get(f"{page}/metrics").text, service


def test_nobody_s_name_number_or_words_stand_in_logs_metrics_or_keys(system: System) -> None:
    """Promise 7."""
    secret = f"秘密{os.getpid()}"
    _, phone = system.unique_ids()
    customer = {"phone": phone, "name": secret, "email": f"{phone}@mail.example", "preferred_means": "mail"}
    number = system.open_ticket(text=f"宽带断网，{secret}", customer=customer)
    eventually(lambda: any(number in each["subject"] for each in system.received_messages("mail")))
    system.send_command(number, "withdraw", unit=None, reason=secret)
    for log in system.stack.folder.logs.glob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert secret not in text, log.name
        assert phone not in text, log.name
        assert system.key not in text, log.name
    for port in system.stack.state.operations.values():
        page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert secret not in page
        assert phone not in page
