"""Figures of the running system as a person gets them: table, CSV, XLSX (R6.3, R6.4)."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook

from deploy.tools.checkout import PROJECT
from tests.system import System


def duban(system: System, *arguments: str) -> str:
    command = [sys.executable, "-m", "duban", "report", *arguments, "--data", str(system.stack.folder.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.requirement("R6.3", "R6.4", "R6.5")
def test_figures_of_the_running_system(system: System, tmp_path: Path) -> None:
    number = system.open_ticket()
    system.wait_for_event(number, "accepted")
    cut = duban(system, "complaints", "--by", "tier", "--format", "csv", "--per", "year")
    told = list(csv.DictReader(io.StringIO(cut)))
    assert {each["figure"] for each in told} == {"complaints"}
    assert any(each["tier"] == "provincial" and float(each["value"]) >= 1 for each in told)
    assert "投诉按时办结率" in duban(system, "on_time_completion", "--per", "year")
    file = tmp_path / "figures.xlsx"
    duban(system, "--format", "xlsx", "--out", str(file), "--per", "year", "--users", "1000")
    sheet = load_workbook(file).active
    assert sheet is not None
    names = {row[1] for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert {"complaint_rate", "satisfaction", "flow_timeliness"} <= names
