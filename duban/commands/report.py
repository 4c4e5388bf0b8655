"""`duban report`: any figure for any range, pack and dimension, with the change against the period before (R6)."""

import csv
import io
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from openpyxl import Workbook
from rich.console import Console
from rich.table import Table

from duban import display, report, system_connection
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from duban.report import ReportRow
from duban.system_connection import DEFAULT_DATA, Data
from services.domain.kpi import cases, periods
from services.domain.kpi.catalogue import KPIS
from services.domain.kpi.periods import PeriodLength
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.ledger import store
from services.shared.runtime.errors import DubanError


class OutputFormat(StrEnum):
    """How the rows are written."""

    TABLE = "table"
    CSV = "csv"
    XLSX = "xlsx"


class PeriodOption(StrEnum):
    """How long each period is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    RANGE = "range"


def show(
    figures: Annotated[list[str] | None, typer.Argument(help=f"of: {', '.join(KPIS)}; none: all")] = None,
    pack: Annotated[str, typer.Option(help="the policy pack")] = "carrier",
    since: Annotated[str, typer.Option("--from", help="ISO 8601, in the pack's zone; otherwise this month")] = "",
    until: Annotated[str, typer.Option("--to", help="ISO 8601, not included; otherwise the end of that period")] = "",
    per: Annotated[PeriodOption, typer.Option(help="length of a period; range: the whole as one")] = PeriodOption.MONTH,
    by: Annotated[str, typer.Option(help="dimensions, comma between them: tier,channel,level,business ...")] = "",
    users: Annotated[int, typer.Option(help="users of the business, for rates over users")] = 0,
    form: Annotated[OutputFormat, typer.Option("--format", help="table, csv or xlsx")] = OutputFormat.TABLE,
    out: Annotated[Path | None, typer.Option(help="the file to write; xlsx needs one")] = None,
    policies: PolicyFolder = DEFAULT_POLICIES,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print figures with the counts they rest on, their targets, and the change against the period before."""
    dimensions = [each for each in by.split(",") if each]
    wanted = report.chosen(figures or [], dimensions)
    policy = loading.load_one(policies, pack)
    zone = policy.header.zone
    system = system_connection.find(data)
    now = system.clock().now()
    with system.connect() as connection:
        start, end = _range(since, until, per, zone, now)
        size = None if per is PeriodOption.RANGE else PeriodLength[per.name]
        spans = periods.periods_between(start, end, size, zone)
        known = [
            cases.build_case(ticket, events, policy, now)
            for ticket, events in store.history(connection, pack, report.earliest(spans), spans[-1].end)
        ]
    found = list(report.rows(wanted, spans, known, by=dimensions, users=users))
    _write(found, dimensions, form, out, policy)


def _range(since: str, until: str, per: PeriodOption, zone: str, now: datetime) -> tuple[datetime, datetime]:
    size = PeriodLength.MONTH if per is PeriodOption.RANGE else PeriodLength[per.name]
    try:
        start = _instant(since, zone) if since else periods.period_at(now, size, zone).start
        end = (
            _instant(until, zone) if until else max(periods.period_at(now, size, zone).end, start + timedelta(hours=1))
        )
    except ValueError as error:
        raise DubanError(f"--from and --to are ISO 8601, such as 2026-03-01: {error}") from error
    if end <= start:
        raise DubanError("--to has to be after --from")
    return start, end


def _instant(text: str, zone: str) -> datetime:
    told = datetime.fromisoformat(text)
    return told if told.tzinfo is not None else told.replace(tzinfo=ZoneInfo(zone))


def _write(found: Sequence[ReportRow], by: Sequence[str], form: OutputFormat, out: Path | None, pack: Pack) -> None:
    titles = report.header(by)
    if form is OutputFormat.XLSX:
        if out is None:
            raise DubanError("an XLSX file needs --out FILE")
        book = Workbook(write_only=True)
        sheet = book.create_sheet(pack.header.name)
        sheet.append(titles)
        for row in found:
            sheet.append(report.cells_of(row))
        book.save(out)
        return
    if form is OutputFormat.CSV:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(titles)
        writer.writerows(report.cells_of(row) for row in found)
        if out is None:
            sys.stdout.write(text.getvalue())
        else:
            # With a byte order mark spreadsheets read the Chinese names as they are.
            out.write_text(text.getvalue(), encoding="utf-8-sig")
        return
    _print(found, by, pack, out)


def _print(found: Sequence[ReportRow], by: Sequence[str], pack: Pack, out: Path | None) -> None:
    table = Table(title=f"{pack.header.title.zh} · {pack.header.title.en}")
    for name in ("period", "figure", *by):
        table.add_column(name)
    for name in ("value", "of", "change", "target"):
        table.add_column(name, justify="right")
    for row in found:
        table.add_row(
            row.period,
            f"{row.figure.name} {row.figure.zh}",
            *row.cell,
            _told(row.value, row.figure.unit),
            f"{row.now.numerator:g}/{row.now.denominator}" if row.now.denominator else f"{row.now.numerator:g}",
            _told(row.change, row.figure.unit, signed=True),
            _told(row.figure.target, row.figure.unit),
        )
    if out is None:
        display.console().print(table)
        return
    with out.open("w", encoding="utf-8") as file:
        Console(file=file, width=200).print(table)


def _told(value: float | None, unit: str, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    sign = "+" if signed else ""
    return {"share": f"{100 * value:{sign}.1f} %", "hours": f"{value:{sign}.1f} h"}.get(unit, f"{value:{sign}g}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="report")(show)
