"""When a notice that was not sent yet is no longer true, by how its ticket stands now. Pure."""

from dataclasses import dataclass

ENDED = frozenset({"closed", "withdrawn", "archived"})
NOT_WANTED = frozenset({"opted_out", "refused"})
"""Ends of a callback after which the customer is not asked any more."""


@dataclass(frozen=True, slots=True)
class TicketSnapshot:
    """How a ticket stands.

    Attributes:
        status: as in `schemas.ticket.Status`.
        run: a reopening begins another.
        acted: whether anything was done since its stage began.
        settled: whether it was answered on the spot, in person.
        surveyed: whether its customer has judged this run.
        callback_ended: why the customer is not asked any more.
        running: keys of its running clocks, as clock/run/limit.

    """

    status: str
    run: int
    acted: bool = False
    settled: bool = False
    surveyed: bool = False
    callback_ended: str | None = None
    running: frozenset[str] = frozenset()


def is_obsolete(until: str, run: int, clock: str | None, now: TicketSnapshot) -> bool:
    """Whether a notice is no longer true.

    Args:
        until: the rule's word (`services.domain.policy.notices`).
        run: of the ticket, when the notice was made.
        clock: key of the clock that it is about.
        now: how the ticket stands.

    """
    answered = now.status in ENDED or now.status == "answered"
    other_run = now.run != run or now.status == "withdrawn"
    stopped = answered or (clock is not None and clock not in now.running)
    return {
        "always": False,
        "answered": answered,
        # An answer on the spot was given in person: the acceptance is all that its customer gets in writing.
        "answer_sent": now.status == "withdrawn" or (answered and not now.settled),
        "closed": now.status in ENDED,
        "reopened": other_run,
        "surveyed": other_run or now.surveyed or now.callback_ended in NOT_WANTED,
        "stopped": stopped,
        "acted": stopped or now.acted,
    }[until]
