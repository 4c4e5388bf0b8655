"""Publishes the states of recently changed tickets once more after a partition was taken over (DESIGN 3).

The owner before may not know yet that it has lost the partition, and publish an old state late. That must not stay the
last record of its ticket on tickets.state.
"""

import time
from uuid import UUID

from services.ledger import store
from services.ledger.batch import NAME
from services.ledger.document_cache import DocumentCache
from services.ledger.settings import LedgerSettings
from services.shared.kafka.batch_consumer import Publish
from services.shared.kafka.records import Outgoing, outgoing
from services.shared.postgres.database import Database

MAX_STATES = 100
"""States that are published after one batch, so that no command waits long for them."""


class StateRepublisher:
    """Waits until the owner before can no longer publish, then publishes what was saved around the takeover."""

    def __init__(self, database: Database, settings: LedgerSettings) -> None:
        self._database = database
        self._settings = settings
        self._assigned_at: dict[int, float] = {}
        self._pending: dict[int, list[UUID]] = {}

    def on_assigned(self, partitions: set[int]) -> None:
        """Remember when partitions were taken over."""
        self._assigned_at |= dict.fromkeys(partitions, time.monotonic())

    def on_revoked(self, partitions: set[int]) -> None:
        """Forget partitions that another owner has now."""
        for number in partitions:
            self._assigned_at.pop(number, None)
            self._pending.pop(number, None)

    def publish_states(self, publish: Publish) -> None:
        """Publish some of the pending states, if there are any; to be called after each batch.

        Raises:
            Retryable: the database is unavailable; a later call tries again.

        """
        monotonic, settle_after = time.monotonic(), self._settings.settle_after
        settled = {number for number, since in self._assigned_at.items() if monotonic - since >= settle_after}
        if settled:
            oldest = max(monotonic - self._assigned_at[number] for number in settled)
            self.on_revoked(settled)
            with self._database.transaction() as connection:
                self._pending |= store.recently_saved(connection, settled, seconds=oldest + settle_after)
        if self._pending:
            publish(self._next_states())

    def _next_states(self) -> list[Outgoing]:
        """Return some states, as they are now."""
        partition, ids = next(iter(self._pending.items()))
        with self._database.transaction() as connection:
            tickets, traces = store.load_tickets(connection, ids[:MAX_STATES])
        self._pending[partition] = ids[MAX_STATES:]
        if not self._pending[partition]:
            del self._pending[partition]
        documents = DocumentCache()
        return [
            outgoing(ticket, NAME, trace=traces[ticket.id], value=documents.published_ticket(ticket))
            for ticket in tickets.values()
        ]
