"""KPI reports of a running system as table, CSV and XLSX (R6.3, R6.4)."""

import csv
import io
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.system import System


def report(system: System, *arguments: str) -> str:
    """Run `duban report` and return its output."""
    completed = system.duban("report", *arguments)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.mark.requirement("R6.3", "R6.4", "R6.5")
def test_kpis_are_reported_as_table_csv_and_xlsx(system: System, tmp_path: Path) -> None:
    number = system.open_ticket()
    system.wait_for_event(number, "accepted")
    text = report(system, "complaints", "--by", "tier", "--format", "csv", "--per", "year")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["figure"] for row in rows} == {"complaints"}
    assert any(row["tier"] == "provincial" and float(row["value"]) >= 1 for row in rows)
    assert "投诉按时办结率" in report(system, "on_time_completion", "--per", "year")
    file = tmp_path / "figures.xlsx"
    report(system, "--format", "xlsx", "--out", str(file), "--per", "year", "--users", "1000")
    sheet = load_workbook(file).active
    assert sheet is not None
    names = {row[1] for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert {"complaint_rate", "satisfaction", "flow_timeliness"} <= names
