"""Services as processes: clean stop and restart, health pages, and no personal data in logs or metrics."""

import json
import os
import signal

import httpx
import pytest

from deploy.local.plan import SERVICES
from tests.builders import eventually
from tests.system import System


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_stops_cleanly_on_sigterm_and_is_restarted(system: System, service: str) -> None:
    process = system.stack.state.processes[service]
    log = system.stack.folder.logs / f"{service}.log"
    log_size = log.stat().st_size
    number = system.open_ticket()
    os.kill(process.pid, signal.SIGTERM)
    eventually(lambda: not process.alive, within=10, why=f"{service} does not stop")
    logged = [json.loads(line)["event"] for line in log.read_bytes()[log_size:].splitlines() if line.startswith(b"{")]
    assert "stopped" in logged
    assert "failed" not in logged

    def restarted() -> bool:
        state = system.stack.state
        return service in state.processes and state.processes[service].pid != process.pid

    eventually(restarted, within=30)
    system.wait_until_ready()
    assert system.send_command(number, "note", text="x")["outcome"] == "done"


@pytest.mark.requirement("R7.2")
def test_every_service_has_health_pages_and_metrics(system: System) -> None:
    system.open_ticket()
    for service, port in system.stack.state.operations.items():
        page = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{page}/livez").text == "live\n"
        assert httpx.get(f"{page}/readyz").text == "ready\n"
        assert "duban_" in httpx.get(f"{page}/metrics").text, service


def test_logs_and_metrics_hold_no_personal_data_and_no_keys(system: System) -> None:
    """Promise 7."""
    secret = f"秘密{os.getpid()}"
    _, phone = system.unique_ids()
    customer = {"phone": phone, "name": secret, "email": f"{phone}@mail.example", "preferred_means": "mail"}
    number = system.open_ticket(text=f"宽带断网，{secret}", customer=customer)
    eventually(lambda: any(number in mail["subject"] for mail in system.received_messages("mail")))
    system.send_command(number, "withdraw", unit=None, reason=secret)
    for log in system.stack.folder.logs.glob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert secret not in text, log.name
        assert phone not in text, log.name
        assert not any(key in text for key in (system.key, *system.keys.values())), log.name
    for port in system.stack.state.operations.values():
        page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert secret not in page
        assert phone not in page
