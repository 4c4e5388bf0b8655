"""The batch handler of tickets.commands: decides each command, saves the results and publishes them (DESIGN 3)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg

from schemas.command import Command
from services.domain.policy.pack import Pack
from services.ledger.batch import LedgerBatch
from services.ledger.domain.decide import LATE_AFTER, DecisionResult
from services.ledger.metrics import LedgerMetrics
from services.shared.kafka.batch_handling import BatchResult, Message
from services.shared.kafka.dead_letters import UNKNOWN_SENDER
from services.shared.kafka.records import Incoming, parse_value
from services.shared.observability import logs
from services.shared.runtime.clock import Clock

log = logs.get(__name__)


class CommandHandler:
    """Decides the commands of a batch in order; a command that was decided before is not decided again."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: LedgerMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> Command:
        """Parse a command.

        Raises:
            InvalidMessage: the value is no command.

        """
        return parse_value(Command, record.value)

    def sender(self, record: Incoming, body: Command | None) -> str | None:  # noqa: ARG002
        """Return the name of the key by which a command came; None for commands of our own services."""
        return body.actor.key if body is not None else UNKNOWN_SENDER

    def handle(self, batch: Sequence[Message[Command]], connection: psycopg.Connection) -> BatchResult:
        """Decide and save the batch, and return what has to be published.

        Raises:
            LostRace: another owner changed one of the tickets since it was loaded.

        """
        now, late_after = self._clock.now(), self._clock.business_span(LATE_AFTER.total_seconds())
        ledger_batch = LedgerBatch(connection, batch, self._packs, now=now, late_after=late_after)
        ledger_batch.decide()
        for command, result in ledger_batch.results:
            self._record(command, result, now)
        return BatchResult(publish=ledger_batch.save(), dead_letters=ledger_batch.dead_letters)

    def _record(self, command: Command, result: DecisionResult, now: datetime) -> None:
        # Events are not logged: tickets.events is the record of them.
        for event in result.events:
            self._metrics.record_event(event, now)
        if result.refusal is not None:
            self._metrics.refusals.labels(command.action.type, result.refusal.code).inc()
            log.info("refused", code=result.refusal.code, ticket=str(command.ticket_id), command=str(command.id))
