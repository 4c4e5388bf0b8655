"""Channel topics and native messages; what cannot be used waits in dead-letters until somebody has mended it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from deploy.tools.checkout import PROJECT
from services.shared.kafka import dead_letter_admin as box
from services.shared.kafka.dead_letter_admin import StoredDeadLetter
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import Outgoing
from tests.builders import eventually
from tests.system import System


def publish(system: System, topic: str, *values: bytes | None) -> None:
    publisher = Publisher(system.kafka, "tests")
    publisher.publish([Outgoing(topic, b"k", value, []) for value in values])
    publisher.close()


def duban(system: System, *arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "duban", *arguments, "--data", str(system.stack.folder.root)]
    return subprocess.run(command, input=data, capture_output=True, cwd=PROJECT, check=False)


def event(system: System, **changes: Any) -> dict[str, Any]:
    name, phone = system.unique_ids()
    return {
        "event_id": f"STORE-{name}",
        "hall": {"code": "HNZZ0012"},
        "accepted_at": int(system.clock.now().timestamp() * 1000),
        "customer": {"phone": phone, "name": "孙某"},
        "business_type": "移动/4G",
        "complaint_type": "业务办理",
        "content": "跑了三趟没办成",
    } | changes


def ticket_of(system: System, message_id: str) -> str | None:
    with system.database() as connection:
        row = connection.execute(
            "select t.number from router.contact c join ledger.ticket t on t.id = c.ticket_id where c.message_id = %s",
            (message_id,),
        ).fetchone()
    return row[0] if row is not None else None


def letters_with(system: System, text: bytes) -> Sequence[StoredDeadLetter]:
    return [each for each in box.letters(system.kafka) if text in each.value]


@pytest.mark.requirement("R2.1", "R7.1")
def test_a_hall_s_event_and_a_hotline_form_become_tickets(system: System) -> None:
    told = event(system)
    name, phone = system.unique_ids()
    form: dict[str, Any] = {
        "form_no": f"HF{name}",
        "customer": {"ani": phone},
        "content": "宽带断网",
        "created_at": "2026-03-12T09:00:00+08:00",
    }
    publish(system, "channel.store", json.dumps(told).encode())
    publish(system, "channel.hotline", json.dumps(form).encode())
    assert eventually(lambda: ticket_of(system, told["event_id"]))
    assert eventually(lambda: ticket_of(system, form["form_no"]))


@pytest.mark.requirement("R2.5")
def test_a_bad_record_waits_with_its_bytes_and_comes_back_when_it_is_repaired(system: System) -> None:
    good, bad = event(system), event(system)
    bad["accepted_at"] //= 1000
    original = json.dumps(bad).encode()
    publish(system, "channel.store", original, b"\xff\xfe\x00", None, json.dumps(good).encode())
    # The records behind a bad one are not held up.
    assert eventually(lambda: ticket_of(system, good["event_id"]))
    (letter,) = eventually(lambda: letters_with(system, bad["event_id"].encode()))
    assert letter.value == original
    assert (letter.told["reason"], letter.told["field"]) == ("bad_date", "accepted_at")
    id_ = letter.told["id"]
    assert id_[:8].encode() in duban(system, "dlq", "list").stdout
    assert duban(system, "dlq", "show", id_, "--raw").stdout == original

    repaired = system.stack.folder.root / "repaired.json"
    repaired.write_text(json.dumps(bad | {"accepted_at": bad["accepted_at"] * 1000}), encoding="utf-8")
    done = duban(system, "dlq", "replay", id_, "--file", str(repaired))
    assert done.returncode == 0, done.stderr.decode()
    assert eventually(lambda: ticket_of(system, bad["event_id"]))
    assert letters_with(system, bad["event_id"].encode()) == []


@pytest.mark.requirement("R7.1", "R2.5")
def test_an_export_is_imported_with_a_report_of_what_was_refused(system: System) -> None:
    names = [system.unique_ids() for _ in range(3)]
    head = "受理流水号,受理时间,联系电话,业务类型,投诉类别,投诉内容\n"
    lines = [f"SD{name},2026-03-12 09:00,{phone},固网/宽带,资费,宽带资费和宣传不一样\n" for name, phone in names]
    lines[1] = lines[1].replace(names[1][1], "138****0805")
    file = system.stack.folder.root / "hall.csv"
    file.write_bytes((head + "".join(lines)).encode("gb18030"))
    done = duban(system, "contacts", "import", "--channel", "store", str(file))
    assert done.returncode == 1
    assert "2 accepted, 1 refused" in done.stdout.decode()
    report = file.with_name("hall.csv.refused.csv").read_text(encoding="utf-8-sig")
    assert ",联系电话,missing_contact," in report
    assert eventually(lambda: ticket_of(system, f"SD{names[0][0]}"))
    assert eventually(lambda: ticket_of(system, f"SD{names[2][0]}"))


def test_a_channel_that_is_not_there_is_told_which_are(system: System) -> None:
    answer = system.http.post("/v1/channels/pigeon", json={})
    assert answer.status_code == 404
    assert "hotline, letter_fax" in answer.json()["detail"]


def test_people_at_the_terminal_see_and_do_the_same(system: System) -> None:
    number = system.open_ticket()
    done = duban(system, "ticket", "do", number, "dispatch", "unit=network", "--unit", "provincial_centre")
    assert json.loads(done.stdout)["outcome"] == "done", done.stdout
    assert duban(system, "ticket", "do", number, "close", "--unit", "provincial_centre").returncode == 1
    shown = duban(system, "ticket", "show", number).stdout.decode()
    assert "provincial_centre → network" in shown
    assert "rule: type precise: network [002-1 §2.1.12]" in " ".join(shown.split())
    assert duban(system, "ticket", "show", "nowhere").returncode == 1
    assert duban(system, "status").returncode == 0
    assert b"ledger" in duban(system, "logs", "ledger", "-n", "3").stdout


def test_a_sender_s_key_works_until_it_is_revoked(system: System) -> None:
    key = duban(system, "sender", "add", "partner", "--channel", "app").stdout.decode().strip()
    body = {name: value for name, value in system.contact_body().items() if name != "channel"}

    def status() -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.post(f"{system.stack.intake_url}/v1/contacts", json=body, headers=headers).status_code

    eventually(lambda: status() == 202, why="the key is not known")
    headers = {"Authorization": f"Bearer {key}"}
    other = httpx.post(f"{system.stack.intake_url}/v1/contacts", json=body | {"channel": "web"}, headers=headers)
    assert other.status_code == 403
    assert httpx.get(f"{system.stack.intake_url}/v1/tickets?number=x", headers=headers).status_code == 403
    assert b"partner" in duban(system, "sender", "list").stdout
    assert duban(system, "sender", "revoke", "partner").returncode == 0
    eventually(lambda: status() == 401, why="the key is still in force")
    assert duban(system, "sender", "revoke", "partner").returncode == 1


@pytest.mark.requirement("R4.11", "R7.1")
def test_open_tickets_of_the_system_before_go_on_here(system: System) -> None:
    old, phone = system.unique_ids()
    file = system.stack.folder.root / "open.csv"
    head = "number,status,contacted_at,phone,text,unit,used_minutes\n"
    file.write_text(f"{head}{old},dispatched,2026-03-12 08:00,{phone},家里宽带断网,network,60\n", encoding="utf-8")
    for _ in range(2):
        done = duban(system, "tickets", "import", str(file))
        assert done.returncode == 0, done.stderr
    number = eventually(lambda: ticket_of(system, old))
    assert number is not None
    found = system.http.get("/v1/tickets", params={"number": old}).json()["tickets"]
    assert [(each["number"], each["unit"], each["status"]) for each in found] == [(number, "network", "dispatched")]
    again = system.submit(system.contact_body("家里宽带断网", customer={"phone": phone}))
    assert again["ticket"]["number"] == number, "a repeat is linked to what was taken over"


@pytest.mark.requirement("R2.4")
def test_fifty_colleagues_behind_one_number_stay_fifty_tickets(system: System) -> None:
    base, phone = system.unique_ids()
    lines = [
        json.dumps(
            system.contact_body(message_id=f"{base}-{number}", customer={"phone": phone, "name": f"员工{number:02d}号"})
        )
        for number in range(50)
    ]
    answer = system.http.post("/v1/contacts/batch", content="\n".join(lines).encode())
    assert answer.text.count('"status": 202') == 50

    def tickets() -> int:
        with system.database() as connection:
            row = connection.execute(
                "select count(distinct t.id) from router.contact c join ledger.ticket t on t.id = c.ticket_id "
                "where c.message_id like %s",
                (f"{base}-%",),
            ).fetchone()
        return int(row[0]) if row is not None else 0

    assert eventually(lambda: tickets() == 50)
