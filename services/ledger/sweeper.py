"""Sends ticks for thresholds that are overdue because no monitor has sent one (DESIGN 4)."""

import time

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

log = logs.get(__name__)


class Sweeper:
    """Finds overdue tickets every few seconds; a safety net for the time without any SLA monitor."""

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
            publish(self._ticks())

    def _ticks(self) -> list[Outgoing]:
        # The database's time, because a wall clock of this machine that has jumped forward would decide early.
        now = self._clock.at(self._database.server_time())
        before = now - self._clock.business_span(self._settings.sweep_after)
        with self._database.transaction() as connection:
            overdue = store.take_overdue(connection, before, limit=MAX_TICKS)
        if len(overdue) == MAX_TICKS:
            self._next_sweep = 0.0
        for ticket in overdue:
            self._metrics.swept.inc()
            log.warning("swept", ticket=str(ticket.ticket_id), due=ticket.next_at.isoformat())
        return [
            outgoing(
                Command(
                    # The number of sweeps is part of the id: an earlier tick of this version may have changed nothing.
                    id=command_id(ticket.ticket_id, "sweep", ticket.version, ticket.sweeps),
                    ticket_id=ticket.ticket_id,
                    at=now,
                    actor=Actor(kind="service", name=NAME),
                    action=Tick(),
                ),
                NAME,
            )
            for ticket in overdue
        ]
