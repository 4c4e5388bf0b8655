"""Reads the day's current figures from the tables."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from schemas.ticket import SlaTimer, ThresholdState, Ticket

STAGES = ("accepted", "dispatched", "handling", "fed_back", "answered", "closed", "withdrawn")
TIERS = ("general", "provincial", "national")


@dataclass(frozen=True)
class Risk:
    """A ticket whose next threshold is near.

    Attributes:
        number, unit: of the ticket; unit is - if it has none.
        clock: name of the SLA timer.
        threshold: name of its next threshold.
        at: when the threshold is due.

    """

    number: str
    unit: str
    clock: str
    threshold: str
    at: datetime


@dataclass(frozen=True)
class Figures:
    """Counts at one moment.

    Attributes:
        contacts: contacts by disposition.
        tickets: tickets by stage and tier.
        events: ticket events by type.
        rehandled: tickets opened to handle a case again.
        letters: notices by template and state.
        dead_letters: unresolved dead letters.
        risks: the open tickets whose thresholds are due first.

    """

    contacts: dict[str, int]
    tickets: dict[tuple[str, str], int]
    events: dict[str, int]
    rehandled: int
    letters: dict[tuple[str, str], int]
    dead_letters: int
    risks: list[Risk]

    @property
    def total(self) -> int:
        """Number of tickets."""
        return sum(self.tickets.values())


def read_figures(connection: psycopg.Connection) -> Figures:
    """Read the current figures."""

    def rows(query: str) -> list[tuple[object, ...]]:
        return connection.execute(query).fetchall()

    return Figures(
        contacts={
            str(name): int(str(n)) for name, n in rows("select disposition, count(*) from router.contact group by 1")
        },
        tickets={
            (str(stage), str(tier)): int(str(n))
            for stage, tier, n in rows(
                "select status, body #>> '{classification,tier}', count(*) from ledger.ticket group by 1, 2"
            )
        },
        events={str(name): int(str(n)) for name, n in rows("select type, count(*) from ledger.event group by 1")},
        rehandled=int(str(rows("select count(*) from ledger.ticket where body ->> 'channel' = 'callback'")[0][0])),
        letters={
            (str(name), str(state)): int(str(n))
            for name, state, n in rows("select template, state, count(*) from notifier.notice group by 1, 2")
        },
        dead_letters=int(str(rows("select count(*) from plumbing.dead_letter where resolved_at is null")[0][0])),
        risks=[
            risk
            for (body,) in connection.execute(
                "select body from ledger.clock c join ledger.ticket t on t.id = c.ticket_id order by next_at limit 8"
            ).fetchall()
            if (risk := _risk(Ticket.from_plain(body))) is not None
        ],
    )


def _risk(ticket: Ticket) -> Risk | None:
    for timer in ticket.clocks:
        threshold = _threshold_at(timer, ticket.next_action_at)
        if threshold is not None and ticket.next_action_at is not None:
            return Risk(ticket.number, ticket.unit or "-", timer.name, threshold, ticket.next_action_at)
    return None


def _threshold_at(timer: SlaTimer, at: datetime | None) -> str | None:
    """Return the name of a running timer's open threshold that is due at a moment."""
    if not timer.running:
        return None
    due = (each.name for each in timer.thresholds if each.state is ThresholdState.OPEN and each.at == at)
    return next(due, None)
