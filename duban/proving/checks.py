"""Everything that is checked of a step, in one place: for the search, and for the story that is played again."""

from collections.abc import Iterator
from datetime import timedelta

from duban.proving import clock_checks, closing, ticket_checks
from duban.proving.clock_facts import ClockFacts
from duban.proving.findings import Finding
from duban.proving.moves import Actors, Move
from duban.proving.steps import Step
from schemas.ticket import Ticket
from services.domain.policy.pack import Pack

CHECKS = (
    *(clock_checks.promise, clock_checks.stage, clock_checks.breach, clock_checks.limit, clock_checks.thresholds),
    *(ticket_checks.place, ticket_checks.names, ticket_checks.merge, ticket_checks.over),
)


class Checks:
    """The checks of a pack.

    Attributes:
        pack: the policy pack.
        actors: finds who may act.

    """

    def __init__(self, pack: Pack, actors: Actors) -> None:
        self.pack, self.actors = pack, actors
        self._facts = ClockFacts(pack)

    def of(self, step: Step, move: Move, waited: timedelta) -> Iterator[Finding]:
        """Yield what is wrong with a step.

        Args:
            step: that was taken.
            move: of which it is a part.
            waited: how long the ticket had waited in its run before the step.

        """
        if step.crash is not None:
            yield step.crash
            return
        if move.forbidden is not None and step.events:
            yield move.forbidden
        for check in CHECKS:
            yield from check(step, self.pack)
        yield from self._facts.unmoved(step)
        yield from ticket_checks.wait(step, self.pack, waited)

    def obstacle(self, ticket: Ticket) -> Finding | None:
        """Return why a ticket cannot be closed; None if it can."""
        why = closing.obstacle(ticket, self.actors, self.pack)
        return Finding("close", why.partition(":")[0], f"it cannot be closed: {why}") if why else None
