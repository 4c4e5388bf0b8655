"""The live view in the terminal: contacts, tickets by stage and tier, tickets at risk, letters, lag."""

from datetime import datetime

from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.doors import Counts
from demo.figures import STAGES, TIERS, Figures
from duban.timeline import local_time

SHOWN_EVENTS = ("warned", "breached", "escalated", "extension_approved", "sent_back", "called_back", "survey_answered")


def render(figures: Figures, counts: Counts, lag: dict[str, int], now: datetime, zone: str, left: float) -> Group:
    """Return the current view of the day.

    Args:
        figures: counts from the tables.
        counts: counts of what was sent.
        lag: unread records by service.
        now: policy time.
        zone: IANA name of the zone in which times are shown.
        left: real seconds until the day ends.

    """
    head = Text(f" {local_time(now, zone)} ", "bold reverse")
    head.append(f"  policy time; {left:.0f} s to go", "not bold not reverse")
    return Group(
        head,
        Columns([_contacts(figures, counts), _stages(figures), _events(figures), _letters(figures), _lag(lag)]),
        _risks(figures, now, zone),
    )


def _panel(title: str, rows: list[tuple[str, int]]) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, number in rows:
        table.add_row(name, str(number))
    return Panel(table, title=title, title_align="left", expand=False)


def _contacts(figures: Figures, counts: Counts) -> Panel:
    rows = [(door, counts.sent[door]) for door in ("http", "batch", "hotline", "store", "file")]
    rows += [("→ new ticket", figures.contacts.get("open", 0)), ("→ reminder", figures.contacts.get("remind", 0))]
    return _panel("contacts in", [*rows, ("→ dead letter", figures.dead_letters)])


def _stages(figures: Figures) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    for _ in TIERS:
        table.add_column(justify="right")
    table.add_row("", *(tier[:8] for tier in TIERS), style="dim")
    for stage in STAGES:
        table.add_row(stage, *(str(figures.tickets.get((stage, tier), 0) or "·") for tier in TIERS))
    return Panel(table, title=f"tickets: {figures.total}", title_align="left", expand=False)


def _events(figures: Figures) -> Panel:
    rows = [(name.replace("_", " "), figures.events.get(name, 0)) for name in SHOWN_EVENTS]
    return _panel("events", [*rows, ("re-handle tickets", figures.rehandled)])


def _letters(figures: Figures) -> Panel:
    names = sorted({name for name, _ in figures.letters})
    sent = [(name, figures.letters.get((name, "sent"), 0)) for name in names]
    failed = sum(number for (_, state), number in figures.letters.items() if state == "failed")
    return _panel("letters out", [*sent, ("failed", failed)])


def _lag(lag: dict[str, int]) -> Panel:
    return _panel("lag", sorted(lag.items()))


def _risks(figures: Figures, now: datetime, zone: str) -> Panel:
    table = Table.grid(padding=(0, 3))
    for risk in figures.risks:
        minutes = (risk.at - now).total_seconds() / 60
        style = "red" if risk.threshold == "breach" else "yellow" if risk.threshold.startswith("warning") else ""
        table.add_row(
            risk.number,
            risk.unit,
            risk.clock,
            risk.threshold,
            local_time(risk.at, zone),
            f"in {minutes:.0f} min",
            style=style,
        )
    return Panel(table, title="at risk next", title_align="left", expand=False)
