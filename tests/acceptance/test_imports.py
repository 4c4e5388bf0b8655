"""Files with contacts, and open tickets of an earlier system, are imported from the command line."""

import pytest

from tests.builders import eventually
from tests.system import System


@pytest.mark.requirement("R7.1", "R2.5")
def test_an_imported_file_gets_a_report_of_its_refused_rows(system: System) -> None:
    ids = [system.unique_ids() for _ in range(3)]
    header = "受理流水号,受理时间,联系电话,业务类型,投诉类别,投诉内容\n"
    rows = [f"SD{name},2026-03-12 09:00,{phone},固网/宽带,资费,宽带资费和宣传不一样\n" for name, phone in ids]
    rows[1] = rows[1].replace(ids[1][1], "138****0805")
    file = system.stack.folder.root / "hall.csv"
    file.write_bytes((header + "".join(rows)).encode("gb18030"))
    imported = system.duban("contacts", "import", "--channel", "store", str(file))
    assert imported.returncode == 1
    assert "2 accepted, 1 refused" in imported.stdout
    report = file.with_name("hall.csv.refused.csv").read_text(encoding="utf-8-sig")
    assert ",联系电话,missing_contact," in report
    assert eventually(lambda: system.ticket_of_message(f"SD{ids[0][0]}"))
    assert eventually(lambda: system.ticket_of_message(f"SD{ids[2][0]}"))


@pytest.mark.requirement("R4.11", "R7.1")
def test_open_tickets_of_an_earlier_system_are_continued(system: System) -> None:
    old, phone = system.unique_ids()
    file = system.stack.folder.root / "open.csv"
    header = "number,status,contacted_at,phone,text,unit,used_minutes\n"
    file.write_text(f"{header}{old},dispatched,2026-03-12 08:00,{phone},家里宽带断网,network,60\n", encoding="utf-8")
    for _ in range(2):
        imported = system.duban("tickets", "import", str(file))
        assert imported.returncode == 0, imported.stderr
    number = eventually(lambda: system.ticket_of_message(old))
    assert number is not None
    found = system.http.get("/v1/tickets", params={"number": old}).json()["tickets"]
    assert [(ticket["number"], ticket["unit"], ticket["status"]) for ticket in found] == [
        (number, "network", "dispatched")
    ]
    repeated = system.submit(system.contact_body("家里宽带断网", customer={"phone": phone}))
    assert repeated["ticket"]["number"] == number, "a repeated contact belongs to the imported ticket"
