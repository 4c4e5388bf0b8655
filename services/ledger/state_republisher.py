"""Publishes the states of tickets once more when a former owner may have published an old one late (DESIGN 3).

That must not stay the last record of its ticket on tickets.state. There are two occasions. The owner before may not
know yet that it has lost a partition: whoever takes it over publishes what was saved around that time. And a member may
find out after a publication that it had lost its partitions meanwhile, or that it took too long to be sure: it
publishes the tickets of that batch again, until what it has published is the row.
"""

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from services.ledger import store
from services.ledger.batch import NAME
from services.ledger.document_cache import DocumentCache
from services.ledger.settings import LedgerSettings
from services.shared.kafka.batch_consumer import Publish
from services.shared.kafka.records import Incoming, outgoing
from services.shared.postgres.database import Database

MAX_STATES = 100
"""States that are published after one batch, so that no command waits long for them."""


class StateRepublisher:
    """Keeps the tickets whose states have to be published once more, until that is done.

    Args:
        monotonic: real time in seconds.

    """

    def __init__(
        self, database: Database, settings: LedgerSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._settings = settings
        self._monotonic = monotonic
        self._assigned_at: dict[int, float] = {}
        self._unnoted: set[int] = set()
        """Partitions whose takeover is not stored yet."""
        self._settling: set[int] = set()
        """Partitions of which the tickets to publish are known."""
        self._pending: dict[UUID, int | None] = {}
        """By ticket, in order: the partition that was taken over with it; None when this member's own publication is in
        doubt, which it has to mend whoever owns the partition now."""

    def on_assigned(self, partitions: set[int]) -> None:
        """Remember when partitions were taken over."""
        self._assigned_at |= dict.fromkeys(partitions, self._monotonic())
        self._unnoted |= partitions

    def on_revoked(self, partitions: set[int]) -> None:
        """Leave what was taken over with partitions to their next owner, who finds the takeover stored."""
        for number in partitions:
            self._assigned_at.pop(number, None)
        self._settling -= partitions
        self._pending = {id_: number for id_, number in self._pending.items() if number not in partitions}

    def on_doubt(self, batch: Sequence[Incoming]) -> None:
        """Remember the tickets of a batch whose publication may have come after that of another owner."""
        for record in batch:
            id_ = _ticket_id(record)
            if id_ is not None:
                self._pending[id_] = None

    def publish_states(self, publish: Publish) -> None:
        """Publish some of the pending states, if there are any; to be called after each batch.

        Raises:
            Retryable: the database is unavailable; a later call tries again.

        """
        self._note_takeovers()
        self._find_taken_over()
        if self._pending:
            self._publish_some(publish)
        self._forget_settled()

    def _note_takeovers(self) -> None:
        if self._unnoted:
            with self._database.transaction() as connection:
                store.note_takeovers(connection, self._unnoted)
            self._unnoted = set()

    def _find_taken_over(self) -> None:
        """Look for the tickets of partitions whose former owners have had the time to publish their last."""
        now, settle_after = self._monotonic(), self._settings.settle_after
        settled = {number: now - at for number, at in self._assigned_at.items() if now - at >= settle_after}
        if not settled:
            return
        with self._database.transaction() as connection:
            ages = {*settled.values(), *store.takeovers(connection, settled).values()}
            found = store.recently_saved(connection, settled, seconds=max(ages) + settle_after)
        # Only now: with the database away, the next call has to ask again.
        for number in settled:
            del self._assigned_at[number]
        self._settling |= settled.keys()
        for number, ids in found.items():
            for id_ in ids:
                self._pending.setdefault(id_, number)

    def _forget_settled(self) -> None:
        """Settle the takeovers of partitions all of whose tickets were published."""
        settled = self._settling - set(self._pending.values())
        if settled:
            with self._database.transaction() as connection:
                store.forget_takeovers(connection, settled)
            self._settling -= settled

    def _publish_some(self, publish: Publish) -> None:
        """Publish some states as they are now; whatever was changed meanwhile is published again."""
        ids = list(self._pending)[:MAX_STATES]
        with self._database.transaction() as connection:
            tickets, traces = store.load_tickets(connection, ids)
        documents = DocumentCache()
        publish(
            [
                outgoing(ticket, NAME, trace=traces[ticket.id], value=documents.published_ticket(ticket))
                for ticket in tickets.values()
            ]
        )
        with self._database.transaction() as connection:
            now, _ = store.load_tickets(connection, ids)
        for id_ in ids:
            if id_ not in now or now[id_] == tickets.get(id_):
                # A rebalance while it was published may have taken it away already.
                self._pending.pop(id_, None)


def _ticket_id(record: Incoming) -> UUID | None:
    """Return the ticket of a command, which is its key; None for a record that is no command."""
    try:
        return UUID((record.key or b"").decode("ascii"))
    except (UnicodeDecodeError, ValueError):
        return None
