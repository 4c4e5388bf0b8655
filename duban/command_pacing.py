"""Sends many commands without keeping others waiting: only a bounded number of them is undecided at any moment."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from schemas.command import Command
from services.shared.runtime.errors import DubanError

POLL_INTERVAL = 0.05
"""Real seconds between two looks at what is decided, when nothing was."""
PATIENCE = 60.0
"""Real seconds without a decision after which the ledger counts as not working."""


@dataclass(frozen=True, slots=True)
class Pacer:
    """Sends commands so that whatever another sends meanwhile waits for at most `at_once` of them.

    Attributes:
        at_once: commands that are sent and not decided yet, at the most.
        publish: sends commands, and returns when the broker has them.
        decided: returns which of some commands the ledger has decided.
        pause: waits for some real seconds.
        monotonic: real seconds since some instant.

    """

    at_once: int
    publish: Callable[[list[Command]], None]
    decided: Callable[[Collection[UUID]], set[UUID]]
    pause: Callable[[float], None]
    monotonic: Callable[[], float]

    def send(self, commands: Iterable[Command]) -> Iterator[int]:
        """Send commands in their order, and yield how many more are decided after each look.

        What an earlier run has sent and the ledger has decided is not sent again, so an interrupted run continues.

        Raises:
            DubanError: nothing was decided for a while; says what to do.

        """
        remaining, waiting = iter(commands), set[UUID]()
        last = self.monotonic()
        while True:
            chunk = list(islice(remaining, self.at_once - len(waiting)))
            if not chunk and not waiting:
                return
            waiting |= {command.id for command in chunk}
            before = self.decided(waiting)
            if fresh := [command for command in chunk if command.id not in before]:
                self.publish(fresh)
            waiting -= before
            if before:
                last = self.monotonic()
                yield len(before)
            elif self.monotonic() - last > PATIENCE:
                raise DubanError(
                    f"none of {len(waiting)} commands was decided within {PATIENCE:g} s: look at `duban status` and "
                    "`duban dlq list`, then run this again; it continues where it stopped"
                )
            else:
                self.pause(POLL_INTERVAL)
