"""Plays the delivery loop through seeded faults, and says which promises did not hold in the end."""

from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from schemas.ticket import Ticket
from services.ledger import store
from services.ledger.settings import LedgerSettings
from services.ledger.state_republisher import StateRepublisher
from services.shared.kafka import batch_consumer, consumer_group
from services.shared.kafka.batch_consumer import BatchConsumer
from services.shared.observability.health_server import Health
from services.shared.observability.metrics import ConsumerMetrics
from services.shared.runtime.settings import KafkaSettings
from tests.sim.delivery_world import (
    PARTITIONS,
    SESSION,
    SETTLE,
    TOPIC,
    DeliveryWorld,
    Faults,
    Killed,
    SimulatedConsumer,
    SimulatedDatabase,
    SimulatedHandler,
    SimulatedPublisher,
)

COMMANDS = 40
TICKETS = 6
LIMIT = 5_000.0
"""Simulated seconds within which everything has to be done."""


class DeliveryRun:
    """One run: a member that is started again after it was killed, until every command is done and all is quiet."""

    def __init__(self, seed: int, ticket: Ticket, faults: Faults) -> None:
        self.world = DeliveryWorld(seed, ticket, faults)
        self.republisher: StateRepublisher | None = None
        self._quiet_since: float | None = None

    def run(self, patch: pytest.MonkeyPatch) -> list[str]:
        """Run to the end; returns what is wrong then, nothing when all is well."""
        world = self.world
        patch.setattr(consumer_group, "KafkaConsumer", lambda **_: SimulatedConsumer(world))
        patch.setattr(batch_consumer, "Publisher", lambda *_, **__: SimulatedPublisher(world))
        patch.setattr(store, "load_tickets", world.load_tickets)
        patch.setattr(store, "recently_saved", world.recently_saved)
        patch.setattr(store, "note_takeovers", world.note_takeovers)
        patch.setattr(store, "takeovers", world.ages_of_takeovers)
        patch.setattr(store, "forget_takeovers", world.forget_takeovers)
        # What comes later would publish the states of most tickets again, and hide what is missing.
        self._send(COMMANDS if world.faults.gone_for_good else COMMANDS // 2)
        while self._quiet_since is None or world.now - self._quiet_since < 3 * SETTLE:
            if world.now > LIMIT:
                return ["it does not come to an end"]
            # A static member that comes back in time has its partitions again.
            consumer = self._member()
            world.generation += 1
            try:
                consumer.run()
            except Killed:
                continue
        return self._problems()

    def _send(self, count: int) -> None:
        for _ in range(count):
            number = self.world.random.randrange(PARTITIONS)
            id_ = UUID(int=number + PARTITIONS * (1 + self.world.random.randrange(TICKETS)))
            self.world.log[number].append(str(id_).encode())

    def _member(self) -> BatchConsumer[UUID]:
        world = self.world
        database: Any = SimulatedDatabase(world)
        republisher = StateRepublisher(database, LedgerSettings(settle_after=SETTLE), world.monotonic)
        consumer = BatchConsumer(
            SimulatedHandler(world),
            service="ledger",
            topics=[TOPIC],
            settings=LedgerSettings(instance="ledger-0", kafka=KafkaSettings(session_timeout_ms=int(SESSION * 1_000))),
            database=database,
            health=Health(world.monotonic),
            metrics=ConsumerMetrics("ledger", CollectorRegistry()),
            after_batch=lambda publish: self._after_batch(consumer, republisher, publish),
            on_doubt=republisher.on_doubt,
            monotonic=world.monotonic,
            sleep=world.sleep,
        )
        consumer.assignments.on_assigned = republisher.on_assigned
        consumer.assignments.on_revoked = republisher.on_revoked
        return consumer

    def _after_batch(self, consumer: BatchConsumer[UUID], republisher: StateRepublisher, publish: Any) -> None:
        world = self.world
        if not world.quiet:
            sent = sum(map(len, world.log.values()))
            if sent < COMMANDS and world.random.random() < 0.3:
                self._send(min(3, COMMANDS - sent))
            if sent >= COMMANDS and world.now > 1_400:
                world.quiet, self._quiet_since = True, world.now
                world.rebalance(set() if world.faults.gone_for_good else set(range(PARTITIONS)))
            elif len(world.assigned) < PARTITIONS and not world.faults.gone_for_good and world.random.random() < 0.3:
                # Partitions come back, so that this member has some to lose.
                world.rebalance(set(range(PARTITIONS)))
        elif self._quiet_since is not None and world.now - self._quiet_since >= 3 * SETTLE:
            consumer.stop()
        republisher.publish_states(publish)

    def _problems(self) -> list[str]:
        world = self.world
        commands = {(number, offset) for number, values in world.log.items() for offset in range(len(values))}
        problems = [f"command {each} was never decided" for each in sorted(commands - world.processed.keys())]
        problems += [f"the result of {each} was never published" for each in sorted(commands - world.acknowledged)]
        problems += [
            f"partition {number}: {world.committed.get(number, 0)} of {len(values)} are committed"
            for number, values in world.log.items()
            if world.committed.get(number, 0) != len(values)
        ]
        problems += [
            f"the last state of ticket {id_.int} is version {world.published[id_][-1]}, not {row.version}"
            for id_, row in world.rows.items()
            if id_ in world.published and world.published[id_][-1] != row.version
        ]
        return problems
