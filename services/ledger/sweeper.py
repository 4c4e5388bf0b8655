"""Sends ticks for what no monitor has sent one: overdue thresholds, and tickets due for the archive (DESIGN 4)."""

import time
from datetime import UTC, datetime
from uuid import UUID

from schemas.action import Tick
from schemas.command import Actor, Command
from services.domain.ids import command_id
from services.ledger import store
from services.ledger.batch import NAME
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.shared.kafka.batch_consumer import Publish
from services.shared.kafka.records import Outgoing, outgoing
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock

MAX_TICKS = 500
"""Ticks that are sent at once; if there are more, the next call goes on without a pause."""
MAX_ARCHIVE_TICKS = 200
"""Ticks for the archive in one sweep: those of a day are spread over minutes, so that no command waits for them."""

log = logs.get(__name__)


class Sweeper:
    """Finds overdue tickets every few seconds, a safety net for the time without any SLA monitor, and archives.

    A monitor keeps no ticket of which only the archive is to come, in years: these are found by their day.
    """

    def __init__(self, database: Database, clock: Clock, settings: LedgerSettings, metrics: LedgerMetrics) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._next_sweep = 0.0

    def send_ticks(self, publish: Publish) -> None:
        """Send ticks for overdue tickets if the next sweep is due; to be called after each batch.

        Raises:
            Retryable: the database is unavailable; a later call tries again.

        """
        monotonic = time.monotonic()
        if monotonic >= self._next_sweep:
            self._next_sweep = monotonic + self._settings.sweep_every
            # The database's time, because a wall clock of this machine that has jumped forward would decide early.
            now = self._clock.at(self._database.server_time())
            publish(self._overdue_ticks(now) + self._archive_ticks(now))

    def _overdue_ticks(self, now: datetime) -> list[Outgoing]:
        before = now - self._clock.business_span(self._settings.sweep_after)
        with self._database.transaction() as connection:
            overdue = store.take_overdue(connection, before, limit=MAX_TICKS)
        if len(overdue) == MAX_TICKS:
            self._next_sweep = 0.0
        for ticket in overdue:
            self._metrics.swept.inc()
            log.warning("swept", ticket=str(ticket.ticket_id), due=ticket.next_at.isoformat())
        # The number of sweeps is part of the id: an earlier tick of this version may have changed nothing.
        return [_tick(ticket.ticket_id, now, "sweep", ticket.version, ticket.sweeps) for ticket in overdue]

    def _archive_ticks(self, now: datetime) -> list[Outgoing]:
        with self._database.transaction() as connection:
            due = store.take_archive_due(connection, now.astimezone(UTC).date(), limit=MAX_ARCHIVE_TICKS)
        self._metrics.archive_ticks.inc(len(due))
        return [_tick(ticket.ticket_id, now, "archive", ticket.version, ticket.sweeps) for ticket in due]


def _tick(ticket: UUID, now: datetime, *cause: object) -> Outgoing:
    command = Command(
        id=command_id(ticket, *cause),
        ticket_id=ticket,
        at=now,
        actor=Actor(kind="service", name=NAME),
        action=Tick(),
    )
    return outgoing(command, NAME)
