"""Mistakes to plant in the monitor and the ledger's tables: a simulator that finds none of them proves nothing."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.ledger.domain import decide
from services.ledger.domain.thresholds import settle
from services.sla_monitor.domain.clock_skew import ClockSkewDetector
from services.sla_monitor.domain.partition_tracker import PartitionLoad, PartitionTracker
from services.sla_monitor.domain.schedule import NEVER, Schedule, ScheduledTicket, _PartitionHeap
from tests.sim.world import World

Plant = Callable[[pytest.MonkeyPatch], None]


def a_jump_is_taken_the_wrong_way(patch: pytest.MonkeyPatch) -> None:
    """The error of the clock gets the wrong sign."""
    real = ClockSkewDetector.settle

    def wrong(self: ClockSkewDetector, wall: float, monotonic: float, theirs: float) -> None:
        real(self, wall, monotonic, theirs)
        self.error = -self.error

    patch.setattr(ClockSkewDetector, "settle", wrong)


def a_jump_is_believed(patch: pytest.MonkeyPatch) -> None:
    """Nobody compares wall time with monotonic time."""
    patch.setattr(ClockSkewDetector, "look", lambda *_: 0.0)


def a_heap_made_anew_is_empty(patch: pytest.MonkeyPatch) -> None:
    """Making a heap anew loses what was in it."""
    patch.setattr(heapq, "heapify", list.clear)


def ticks_go_ten_seconds_late(patch: pytest.MonkeyPatch) -> None:
    """A monitor wakes late."""
    due = PartitionTracker.due
    patch.setattr(PartitionTracker, "due", lambda self, now, most: due(self, now - 10, most))


def ticks_go_early(patch: pytest.MonkeyPatch) -> None:
    """A monitor wakes early, and the ledger believes it."""
    due = PartitionTracker.due
    patch.setattr(PartitionTracker, "due", lambda self, now, most: due(self, now + 1.5, most))

    def early(story: Any, until: datetime, late_after: timedelta) -> None:
        settle(story, until + timedelta(seconds=1.5), late_after)

    patch.setattr(decide, "settle", early)


def what_is_lost_is_watched_on(patch: pytest.MonkeyPatch) -> None:
    """Two monitors watch the same tickets for ever."""
    patch.setattr(Schedule, "drop", lambda *_: None)


def a_tick_that_was_not_taken_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What the broker refused is not sent again."""
    patch.setattr(PartitionTracker, "not_sent", lambda *_: None)


def an_event_is_passed_over(patch: pytest.MonkeyPatch) -> None:
    """Reading goes on one event too far after a rebalance."""
    assigned = PartitionTracker.assigned

    def skipping(self: PartitionTracker, partitions: Any) -> PartitionLoad:
        for share in self._shares.values():
            if share.following is not None:
                share.following += 1
        return assigned(self, partitions)

    patch.setattr(PartitionTracker, "assigned", skipping)


def old_news_is_believed(patch: pytest.MonkeyPatch) -> None:
    """An older version of a ticket replaces a newer one."""
    learn = _PartitionHeap.learn

    def trusting(self: _PartitionHeap, entry: ScheduledTicket) -> bool:
        known = self.known.get(entry.ticket)
        if known is not None and known.version > entry.version and entry.at != NEVER:
            self.push(entry)
            return True
        return learn(self, entry)

    patch.setattr(_PartitionHeap, "learn", trusting)


def two_ledgers_both_save(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether a command was decided, or its ticket changed, since it was loaded."""
    save = World.save

    def careless(self: World, _: Any, command: Any, position: tuple[int, int], events: Any) -> bool:
        self.decided.pop(command.id, None)
        return save(self, self.tickets.get(command.ticket_id), command, position, events)

    patch.setattr(World, "save", careless)


PLANTED: tuple[Plant, ...] = (
    a_jump_is_taken_the_wrong_way,
    a_jump_is_believed,
    a_heap_made_anew_is_empty,
    ticks_go_ten_seconds_late,
    ticks_go_early,
    what_is_lost_is_watched_on,
    a_tick_that_was_not_taken_is_forgotten,
    an_event_is_passed_over,
    old_news_is_believed,
    two_ledgers_both_save,
)
