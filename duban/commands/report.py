"""`duban report`: KPIs by range, pack and dimension, with the change against the previous period (R6)."""

import csv
import io
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from openpyxl import Workbook
from rich.console import Console
from rich.table import Table

from duban import display, report, system_connection
from duban.defaults import DEFAULT_PACK
from duban.option_times import parse_instant
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
    """Format in which the rows are written."""

    TABLE = "table"
    CSV = "csv"
    XLSX = "xlsx"


class PeriodOption(StrEnum):
    """Length of each period."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    RANGE = "range"


def show(
    figures: Annotated[list[str] | None, typer.Argument(help=f"one or more of: {', '.join(KPIS)}; none: all")] = None,
    pack: Annotated[str, typer.Option(help="the policy pack")] = DEFAULT_PACK,
    since: Annotated[
        str, typer.Option("--from", help="ISO 8601, in the pack's zone; default: start of this period")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="ISO 8601, not included; default: end of that period")] = "",
    per: Annotated[PeriodOption, typer.Option(help="length of a period; range: one period")] = PeriodOption.MONTH,
    by: Annotated[str, typer.Option(help="dimensions, separated by commas: tier,channel,level,business ...")] = "",
    users: Annotated[int, typer.Option(help="number of users of the business, for rates per user")] = 0,
    form: Annotated[OutputFormat, typer.Option("--format", help="table, csv or xlsx")] = OutputFormat.TABLE,
    out: Annotated[Path | None, typer.Option(help="the file to write; xlsx needs one")] = None,
    policies: PolicyFolder = DEFAULT_POLICIES,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print KPIs with the counts they rest on, their targets, and the change against the previous period."""
    dimensions = [name for name in by.split(",") if name]
    kpis = report.choose_kpis(figures or [], dimensions)
    policy = loading.load_one(policies, pack)
    zone = policy.header.zone
    system = system_connection.find(data)
    now = system.clock().now()
    with system.connect() as connection:
        start, end = _range(since, until, per, zone, now)
        size = None if per is PeriodOption.RANGE else PeriodLength[per.name]
        spans = periods.periods_between(start, end, size, zone)
        histories = store.case_histories(connection, pack, report.earliest_needed(spans), spans[-1].end)
        recent = (cases.build_case(ticket, events, policy, now) for ticket, events in histories)
        rows = list(report.build_rows(kpis, spans, recent, by=dimensions, users=users))
    _write(rows, dimensions, form, out, policy)


def _range(since: str, until: str, per: PeriodOption, zone: str, now: datetime) -> tuple[datetime, datetime]:
    size = PeriodLength.MONTH if per is PeriodOption.RANGE else PeriodLength[per.name]
    present = periods.period_at(now, size, zone)
    start = parse_instant(since, option="--from", zone=zone) if since else present.start
    end = parse_instant(until, option="--to", zone=zone) if until else max(present.end, start + timedelta(hours=1))
    if end <= start:
        raise DubanError("--to is not after --from: give a later one")
    return start, end


def _write(rows: Sequence[ReportRow], by: Sequence[str], form: OutputFormat, out: Path | None, pack: Pack) -> None:
    titles = report.header(by)
    if form is OutputFormat.XLSX:
        if out is None:
            raise DubanError("an XLSX file needs --out FILE")
        workbook = Workbook(write_only=True)
        sheet = workbook.create_sheet(pack.header.name)
        sheet.append(titles)
        for row in rows:
            sheet.append(report.row_cells(row))
        workbook.save(out)
        return
    if form is OutputFormat.CSV:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(titles)
        writer.writerows(report.row_cells(row) for row in rows)
        if out is None:
            sys.stdout.write(text.getvalue())
        else:
            # With a byte order mark, by which spreadsheets recognise UTF-8.
            out.write_text(text.getvalue(), encoding="utf-8-sig")
        return
    _print(rows, by, pack, out)


def _print(rows: Sequence[ReportRow], by: Sequence[str], pack: Pack, out: Path | None) -> None:
    table = Table(title=f"{pack.header.title.zh} · {pack.header.title.en}")
    for name in ("period", "figure", *by):
        table.add_column(name)
    for name in ("value", "of", "change", "target"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.period,
            f"{row.kpi.name} {row.kpi.zh}",
            *row.cell,
            _format_value(row.value, row.kpi.unit),
            f"{row.now.numerator:g}/{row.now.denominator}" if row.now.denominator else f"{row.now.numerator:g}",
            _format_value(row.change, row.kpi.unit, signed=True),
            _format_value(row.target, row.kpi.unit),
        )
    if out is None:
        display.console().print(table)
        return
    with out.open("w", encoding="utf-8") as file:
        Console(file=file, width=200).print(table)


def _format_value(value: float | None, unit: str, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    sign = "+" if signed else ""
    return {"share": f"{100 * value:{sign}.1f} %", "hours": f"{value:{sign}.1f} h"}.get(unit, f"{value:{sign}g}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="report")(show)
