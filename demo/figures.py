"""What the day looks like right now, read from the tables."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from schemas.ticket import SlaTimer, ThresholdState, Ticket

STAGES = ("accepted", "dispatched", "handling", "fed_back", "answered", "closed", "withdrawn")
TIERS = ("general", "provincial", "national")


@dataclass(frozen=True)
class Risk:
    """A ticket whose next threshold is near."""

    number: str
    unit: str
    clock: str
    threshold: str
    at: datetime


@dataclass(frozen=True)
class Figures:
    """Counts at one moment."""

    contacts: dict[str, int]
    """By disposition."""
    tickets: dict[tuple[str, str], int]
    """By stage and tier."""
    events: dict[str, int]
    rehandled: int
    letters: dict[tuple[str, str], int]
    """By template and state."""
    dead_letters: int
    risks: list[Risk]

    @property
    def total(self) -> int:
        """Tickets in all."""
        return sum(self.tickets.values())


def look(connection: psycopg.Connection) -> Figures:
    """Read the figures."""

    def pairs(query: str) -> list[tuple[object, ...]]:
        return connection.execute(query).fetchall()

    return Figures(
        contacts={
            str(name): int(str(n)) for name, n in pairs("select disposition, count(*) from router.contact group by 1")
        },
        tickets={
            (str(stage), str(tier)): int(str(n))
            for stage, tier, n in pairs(
                "select status, body #>> '{classification,tier}', count(*) from ledger.ticket group by 1, 2"
            )
        },
        events={str(name): int(str(n)) for name, n in pairs("select type, count(*) from ledger.event group by 1")},
        rehandled=int(str(pairs("select count(*) from ledger.ticket where body ->> 'channel' = 'callback'")[0][0])),
        letters={
            (str(name), str(state)): int(str(n))
            for name, state, n in pairs("select template, state, count(*) from notifier.notice group by 1, 2")
        },
        dead_letters=int(str(pairs("select count(*) from plumbing.dead_letter where resolved_at is null")[0][0])),
        risks=[
            risk
            for (body,) in connection.execute(
                "select body from ledger.clock c join ledger.ticket t on t.id = c.ticket_id order by next_at limit 8"
            ).fetchall()
            if (risk := _risk(Ticket.from_plain(body))) is not None
        ],
    )


def _risk(ticket: Ticket) -> Risk | None:
    for clock in ticket.clocks:
        name = _next(clock, ticket.next_action_at)
        if name is not None and ticket.next_action_at is not None:
            return Risk(ticket.number, ticket.unit or "-", clock.name, name, ticket.next_action_at)
    return None


def _next(clock: SlaTimer, at: datetime | None) -> str | None:
    if not clock.running:
        return None
    return next((each.name for each in clock.thresholds if each.state is ThresholdState.OPEN and each.at == at), None)
