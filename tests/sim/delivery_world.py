"""A simulated broker and database around the real delivery loop of the ledger: one member, and another that takes over.

Time is simulated, and so are the faults: an outage of the database, a rebalance at any moment, a process that is frozen
or killed between any two steps, and an owner that publishes late. What runs is the code of the service:
`BatchConsumer`, `GroupMember` and `StateRepublisher`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from kafka import TopicPartition
from kafka.coordinator.base import MemberState
from kafka.errors import CommitFailedError, RebalanceInProgressError
from kafka.structs import OffsetAndMetadata

from schemas.ticket import Ticket
from services.ledger.document_cache import DocumentCache
from services.shared.kafka.batch_handling import BatchResult, Message
from services.shared.kafka.records import Incoming, Outgoing
from services.shared.runtime.errors import Retryable

TOPIC = "commands"
PARTITIONS = 3
SESSION = 10.0
SETTLE = 45.0


class Killed(BaseException):
    """The process was killed: nothing of it runs any more."""


@dataclass(frozen=True)
class Polled:
    """A record as kafka-python returns it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    leader_epoch: int = 5
    headers: tuple[()] = ()


@dataclass
class Faults:
    """How likely each fault is at each step.

    Attributes:
        outage: the database is away for a while.
        rebalance: another member has some partitions.
        freeze: the process stands still, perhaps for longer than its session.
        kill: the process is killed and started again.
        late: the other member publishes what it has saved only after it has lost the partition.
        stuck: the client stays outside of its group after a rebalance, as kafka-python 3.0.12 does when it has sent a
            request to join and lost its answer between two polls.
        gone_for_good: whether partitions that the member has lost stay with the other.

    """

    outage: float = 0.0
    rebalance: float = 0.0
    freeze: float = 0.0
    kill: float = 0.0
    late: float = 0.0
    stuck: float = 0.0
    gone_for_good: bool = False


@dataclass
class DeliveryWorld:
    """Broker, database, clock and the other member.

    Attributes:
        rows: the tickets as they are stored.
        saved_at: when each was saved.
        processed: version that each command has made, by partition and offset.
        published: versions on tickets.state, by ticket, in order.
        acknowledged: commands whose results were published.

    """

    seed: int
    ticket: Ticket
    faults: Faults
    now: float = 1_000.0
    quiet: bool = False
    rows: dict[UUID, Ticket] = field(default_factory=dict)
    saved_at: dict[UUID, float] = field(default_factory=dict)
    processed: dict[tuple[int, int], int] = field(default_factory=dict)
    published: dict[UUID, list[int]] = field(default_factory=dict)
    acknowledged: set[tuple[int, int]] = field(default_factory=set)
    committed: dict[int, int] = field(default_factory=dict)
    log: dict[int, list[bytes]] = field(default_factory=lambda: {number: [] for number in range(PARTITIONS)})
    generation: int = 1
    seen_at: float = 1_000.0
    unavailable_until: float = 0.0
    assigned: set[int] = field(default_factory=lambda: set(range(PARTITIONS)))
    late_states: list[tuple[float, UUID, int]] = field(default_factory=list)
    frozen_at: float = -1_000.0
    takeovers: dict[int, float] = field(default_factory=dict)
    happened: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    # ---- time and faults ----

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self._publish_late()

    def step(self) -> None:
        """Let a little time pass and a fault happen, or none; called between any two steps of the loop."""
        self.sleep(0.05)
        if self.quiet:
            return
        chance = self.random.random
        if chance() < self.faults.outage:
            self.happened.add("outage")
            self.unavailable_until = self.now + self.random.choice((0.3, 2.0, 15.0))
        if chance() < self.faults.rebalance:
            self.happened.add("rebalance")
            self.rebalance({number for number in range(PARTITIONS) if chance() < 0.6})
        if chance() < self.faults.freeze:
            self.happened.add("freeze")
            self.frozen_at = self.now
            self.sleep(self.random.choice((4.0, 30.0, 100.0)))
            self.expire()
        # Killed soon after it was frozen, a member could not mend what it has just published: two faults at once.
        if chance() < self.faults.kill and self.now - self.frozen_at > 150:
            self.happened.add("kill")
            raise Killed

    def expire(self) -> None:
        """Take the partitions away from a member that was silent for longer than its session."""
        if self.now - self.seen_at > SESSION:
            self.rebalance(set())

    def rebalance(self, kept: set[int]) -> None:
        """Begin a new generation in which the member has these partitions; the other works on the rest at once."""
        self.generation += 1
        self.assigned = kept
        for number in set(range(PARTITIONS)) - kept:
            self._work_elsewhere(number)

    def _work_elsewhere(self, number: int) -> None:
        """Let the other member process a partition, some of it perhaps not published before it loses it again."""
        if not self.available:
            return
        for offset in range(self.committed.get(number, 0), len(self.log[number])):
            command = (number, offset)
            ticket = self.decide(command, UUID(self.log[number][offset].decode()))
            if not self.quiet and self.random.random() < self.faults.late:
                self.happened.add("late")
                # It commits nothing any more, so the next owner reads the command again.
                self.late_states.append((self.now + self.random.uniform(1, SETTLE - 5), ticket.id, ticket.version))
                return
            self.publish_state(ticket.id, ticket.version)
            self.acknowledged.add(command)
            self.committed[number] = offset + 1

    def _publish_late(self) -> None:
        for each in [each for each in self.late_states if each[0] <= self.now]:
            self.late_states.remove(each)
            self.publish_state(*each[1:])

    # ---- the database and the topic ----

    @property
    def available(self) -> bool:
        """Whether the database can be reached."""
        return self.now >= self.unavailable_until

    def decide(self, command: tuple[int, int], ticket_id: UUID) -> Ticket:
        """Save what a command does, unless it was decided before; returns the ticket as it is then."""
        if command not in self.processed:
            before = self.rows.get(ticket_id)
            version = before.version + 1 if before is not None else 1
            self.rows[ticket_id] = self.ticket.replace(id=ticket_id, version=version)
            self.saved_at[ticket_id] = self.now
            self.processed[command] = version
        return self.rows[ticket_id]

    def publish_state(self, ticket_id: UUID, version: int) -> None:
        """Append a state to its topic."""
        self.published.setdefault(ticket_id, []).append(version)

    # ---- what the ledger's store reads ----

    def load_tickets(self, _: object, ids: Sequence[UUID]) -> tuple[dict[UUID, Ticket], dict[UUID, None]]:
        """Take the place of `store.load_tickets`."""
        found = {id_: self.rows[id_] for id_ in ids if id_ in self.rows}
        return found, dict.fromkeys(found)

    def note_takeovers(self, _: object, partitions: Sequence[int]) -> None:
        """Take the place of `store.note_takeovers`."""
        for number in partitions:
            self.takeovers.setdefault(number, self.now)

    def ages_of_takeovers(self, _: object, partitions: Sequence[int]) -> dict[int, float]:
        """Take the place of `store.takeovers`."""
        return {number: self.now - at for number, at in self.takeovers.items() if number in partitions}

    def forget_takeovers(self, _: object, partitions: Sequence[int]) -> None:
        """Take the place of `store.forget_takeovers`."""
        for number in partitions:
            self.takeovers.pop(number, None)

    def recently_saved(self, _: object, partitions: Sequence[int], *, seconds: float) -> dict[int, list[UUID]]:
        """Take the place of `store.recently_saved`."""
        found: dict[int, list[UUID]] = {}
        for id_, at in self.saved_at.items():
            number = id_.int % PARTITIONS
            if number in partitions and at >= self.now - seconds:
                found.setdefault(number, []).append(id_)
        return found


class SimulatedDatabase:
    """A database whose transactions fail while it is away."""

    def __init__(self, world: DeliveryWorld) -> None:
        self._world = world

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Provide a connection that knows no bars."""
        self._world.step()
        if not self._world.available:
            raise Retryable("the database is away")
        yield self

    def execute(self, *_: object) -> "SimulatedDatabase":
        return self

    def fetchall(self) -> list[object]:
        return []


class SimulatedConsumer:
    """Kafka-python's consumer as the loop sees it: a partition that comes back in a rebalance is no longer paused."""

    def __init__(self, world: DeliveryWorld, max_poll_records: int = 4) -> None:
        self._world = world
        self._max_poll_records = max_poll_records
        self._generation = 0
        self._owned: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._positions: dict[TopicPartition, int] = {}
        self._listener: Any = None
        self._stuck = False

    def topics(self) -> set[str]:
        return {TOPIC}

    def subscribe(self, _: list[str], listener: Any) -> None:
        self._listener = listener

    def assignment(self) -> set[TopicPartition]:
        return set(self._owned)

    def group_metadata(self) -> SimpleNamespace:
        return SimpleNamespace(state=MemberState.REBALANCING if self._stuck else MemberState.STABLE)

    def highwater(self, partition: TopicPartition) -> int:
        return len(self._world.log[partition.partition])

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Polled]]:
        self._world.step()
        self._world.sleep(timeout_ms / 5_000)
        self._world.seen_at = self._world.now
        if self._stuck:
            return {}
        if self._generation != self._world.generation:
            self._rejoin()
        found: dict[TopicPartition, list[Polled]] = {}
        room = self._max_poll_records
        for where in sorted(self._owned - self._paused):
            begin = self._positions[where]
            values = self._world.log[where.partition][begin : begin + room]
            if values:
                found[where] = [Polled(TOPIC, where.partition, begin + n, each, each) for n, each in enumerate(values)]
                self._positions[where] += len(values)
                room -= len(values)
        return found

    def _rejoin(self) -> None:
        self._listener.on_partitions_revoked(list(self._owned))
        if self._world.random.random() < self._world.faults.stuck:
            self._world.happened.add("stuck")
            self._stuck = True
            return
        self._generation = self._world.generation
        self._owned = {TopicPartition(TOPIC, number) for number in self._world.assigned}
        self._paused = set()
        self._positions = {each: self._world.committed.get(each.partition, 0) for each in self._owned}
        self._listener.on_partitions_assigned(list(self._owned))

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused -= set(partitions)

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:  # noqa: ARG002 - as the client has it
        return self._positions[partition]

    def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata], timeout_ms: int) -> None:  # noqa: ARG002
        self._world.step()
        if self._stuck:
            raise RebalanceInProgressError
        if self._generation != self._world.generation:
            raise CommitFailedError
        for where, content in offsets.items():
            assert where in self._owned
            assert content.leader_epoch == Polled.leader_epoch
            self._world.committed[where.partition] = content.offset
        self._world.seen_at = self._world.now

    def close(self, timeout_ms: int) -> None:
        """Leave nothing behind."""


class SimulatedPublisher:
    """A publisher whose broker takes its time."""

    def __init__(self, world: DeliveryWorld) -> None:
        self._world = world

    def publish(
        self, records: Sequence[Outgoing], *, while_waiting: Callable[[], None] = lambda: None, **_: Any
    ) -> None:
        for record in records:
            self._world.step()
            if not self._world.quiet and self._world.random.random() < 0.05:
                self._world.sleep(1.0)
                while_waiting()
            command = dict(record.headers).get("command")
            ticket = Ticket.from_record(record.value or b"")
            self._world.publish_state(ticket.id, ticket.version)
            if command is not None:
                number, offset = command.decode().split("/")
                self._world.acknowledged.add((int(number), int(offset)))

    def close(self) -> None:
        """Leave nothing behind."""


class SimulatedHandler:
    """Decides commands as the ledger does: one that is read again publishes its ticket as it is now."""

    def __init__(self, world: DeliveryWorld) -> None:
        self._world = world

    def decode(self, record: Incoming) -> UUID:
        return UUID((record.value or b"").decode())

    def sender(self, *_: object) -> str | None:
        return None

    def handle(self, batch: Sequence[Message[UUID]], _: object) -> BatchResult:
        documents, records = DocumentCache(), list[Outgoing]()
        for message in batch:
            _, number, offset = message.record.position
            ticket = self._world.decide((number, offset), message.body)
            header = ("command", f"{number}/{offset}".encode())
            records.append(
                Outgoing("tickets.state", str(ticket.id).encode(), documents.published_ticket(ticket), [header])
            )
        return BatchResult(publish=[records])
