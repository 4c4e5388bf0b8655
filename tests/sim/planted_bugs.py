"""Bugs to plant in the SLA monitor and the ledger: the simulation has to find every one of them."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.ledger.domain import decide
from services.ledger.domain.thresholds import settle
from services.shared.runtime.clock_skew import ClockSkewDetector
from services.sla_monitor.domain.partition_tracker import AssignmentChange, PartitionTracker
from services.sla_monitor.domain.schedule import NEVER, Schedule, ScheduledTicket, _PartitionHeap
from tests.sim.world import World

PlantedBug = Callable[[pytest.MonkeyPatch], None]


def invert_clock_error(patch: pytest.MonkeyPatch) -> None:
    """The error of the clock gets the wrong sign."""
    correct = ClockSkewDetector.correct

    def inverted(self: ClockSkewDetector, wall: float, after: float, reference: float) -> None:
        correct(self, wall, after, reference)
        self.error = -self.error

    patch.setattr(ClockSkewDetector, "correct", inverted)


def ignore_clock_jumps(patch: pytest.MonkeyPatch) -> None:
    """Nobody compares wall time with monotonic time."""
    patch.setattr(ClockSkewDetector, "observe", lambda *_: 0.0)


def empty_rebuilt_heap(patch: pytest.MonkeyPatch) -> None:
    """Rebuilding a heap loses its entries."""
    patch.setattr(heapq, "heapify", list.clear)


def send_ticks_late(patch: pytest.MonkeyPatch) -> None:
    """A monitor wakes up ten seconds late."""
    take_due = PartitionTracker.take_due
    patch.setattr(PartitionTracker, "take_due", lambda self, now, limit: take_due(self, now - 10, limit))


def send_ticks_early(patch: pytest.MonkeyPatch) -> None:
    """A monitor wakes up early, and the ledger decides all the same."""
    take_due = PartitionTracker.take_due
    patch.setattr(PartitionTracker, "take_due", lambda self, now, limit: take_due(self, now + 1.5, limit))

    def settle_early(context: Any, until: datetime, late_after: timedelta) -> None:
        settle(context, until + timedelta(seconds=1.5), late_after)

    patch.setattr(decide, "settle", settle_early)


def keep_removed_partitions(patch: pytest.MonkeyPatch) -> None:
    """Two monitors watch the same tickets forever."""
    patch.setattr(Schedule, "drop", lambda *_: None)


def forget_unsent_ticks(patch: pytest.MonkeyPatch) -> None:
    """A tick that the broker did not acknowledge is not sent again."""
    patch.setattr(PartitionTracker, "put_back", lambda *_: None)


def skip_an_event(patch: pytest.MonkeyPatch) -> None:
    """Reading goes on one event too far after a rebalance."""
    assign = PartitionTracker.assign

    def skipping(self: PartitionTracker, partitions: Any) -> AssignmentChange:
        for watched in self._watched.values():
            if watched.next_offset is not None:
                watched.next_offset += 1
        return assign(self, partitions)

    patch.setattr(PartitionTracker, "assign", skipping)


def accept_older_versions(patch: pytest.MonkeyPatch) -> None:
    """An older version of a ticket replaces a newer one."""
    update = _PartitionHeap.update

    def accepting(self: _PartitionHeap, entry: ScheduledTicket) -> bool:
        latest = self.latest.get(entry.ticket)
        if latest is not None and latest.version > entry.version and entry.at != NEVER:
            self.push(entry)
            return True
        return update(self, entry)

    patch.setattr(_PartitionHeap, "update", accepting)


def save_without_version_check(patch: pytest.MonkeyPatch) -> None:
    """Two ledgers both save: nobody checks whether command or ticket changed since they were loaded."""
    save = World.save

    def unchecked(self: World, _: Any, command: Any, position: tuple[int, int], events: Any) -> bool:
        self.decided.pop(command.id, None)
        return save(self, self.tickets.get(command.ticket_id), command, position, events)

    patch.setattr(World, "save", unchecked)


PLANTED_BUGS: tuple[PlantedBug, ...] = (
    invert_clock_error,
    ignore_clock_jumps,
    empty_rebuilt_heap,
    send_ticks_late,
    send_ticks_early,
    keep_removed_partitions,
    forget_unsent_ticks,
    skip_an_event,
    accept_older_versions,
    save_without_version_check,
)
