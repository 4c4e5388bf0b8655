"""Bugs to plant in the delivery loop: its simulation has to find every one of them."""

from collections.abc import Callable, Sequence

import pytest

from services.ledger.state_republisher import StateRepublisher
from services.shared.kafka.consumer_group import GroupMember
from services.shared.kafka.records import Incoming
from tests.sim.delivery_world import SimulatedConsumer

PlantedBug = Callable[[pytest.MonkeyPatch], None]


def commit_before_publishing(patch: pytest.MonkeyPatch) -> None:
    """Offsets are committed before the results are published."""
    still_owns = GroupMember.still_owns

    def commit_and_ask(self: GroupMember, records: Sequence[Incoming]) -> bool:
        self.commit(records)
        return still_owns(self, records)

    patch.setattr(GroupMember, "still_owns", commit_and_ask)


def publish_nothing_again_after_a_takeover(patch: pytest.MonkeyPatch) -> None:
    """The states of a partition that was taken over are not published again."""
    patch.setattr(StateRepublisher, "on_assigned", lambda *_: None)


def ignore_doubts(patch: pytest.MonkeyPatch) -> None:
    """A member that was frozen while it published leaves it at that, and asks nobody before it publishes."""
    patch.setattr(StateRepublisher, "on_doubt", lambda *_: None)
    patch.setattr(GroupMember, "still_owns", lambda *_: True)


def skip_a_record_after_each_seek(patch: pytest.MonkeyPatch) -> None:
    """Each seek leaves out one record."""
    seek = SimulatedConsumer.seek
    patch.setattr(SimulatedConsumer, "seek", lambda self, partition, offset: seek(self, partition, offset + 1))


def keep_alive_without_a_pause(patch: pytest.MonkeyPatch) -> None:
    """While it waits, the member polls and neither pauses nor seeks back."""

    def poll(self: GroupMember) -> None:
        self._consumer.poll(timeout_ms=0)

    patch.setattr(GroupMember, "keep_alive", poll)


def keep_alive_without_seeking_back(patch: pytest.MonkeyPatch) -> None:
    """What a partition brings that a rebalance has resumed is dropped."""

    def pause_and_poll(self: GroupMember) -> None:
        consumer = self._consumer
        consumer.pause(*consumer.assignment())
        consumer.poll(timeout_ms=0)
        consumer.pause(*consumer.assignment())

    patch.setattr(GroupMember, "keep_alive", pause_and_poll)


PLANTED_BUGS: tuple[PlantedBug, ...] = (
    commit_before_publishing,
    publish_nothing_again_after_a_takeover,
    ignore_doubts,
    skip_a_record_after_each_seek,
    keep_alive_without_a_pause,
    keep_alive_without_seeking_back,
)
