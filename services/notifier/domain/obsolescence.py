"""Decides when a notice that was not sent yet is no longer true, given the state of its ticket. Pure."""

from dataclasses import dataclass

ENDED = frozenset({"closed", "withdrawn", "archived"})
DECLINED = frozenset({"opted_out", "refused"})
"""Ends of a callback after which the customer is not asked any more."""


@dataclass(frozen=True, slots=True)
class TicketSnapshot:
    """The state of a ticket, as far as it decides whether a notice is still true.

    Attributes:
        status: as in `schemas.ticket.Status`.
        run: number of the run; a reopening begins another.
        acted: whether anything was done since its stage began.
        settled: whether it was answered on the spot, in person.
        surveyed: whether its customer has answered the survey of this run.
        callback_ended: why the customer is not asked any more.
        running: keys of its running SLA timers, as clock/run/limit.

    """

    status: str
    run: int
    acted: bool = False
    settled: bool = False
    surveyed: bool = False
    callback_ended: str | None = None
    running: frozenset[str] = frozenset()


def is_obsolete(until: str, run: int, clock: str | None, snapshot: TicketSnapshot) -> bool:
    """Whether a notice is no longer true.

    Args:
        until: the condition in the notice's rule (`services.domain.policy.notices`).
        run: run of the ticket when the notice was made.
        clock: key of the SLA timer that it is about, as clock/run/limit.
        snapshot: state of the ticket now.

    """
    answered = snapshot.status in ENDED or snapshot.status == "answered"
    other_run = snapshot.run != run or snapshot.status == "withdrawn"
    stopped = answered or (clock is not None and clock not in snapshot.running)
    return {
        "always": False,
        "answered": answered,
        # An answer on the spot was given in person: the acceptance is all that its customer gets in writing.
        "answer_sent": snapshot.status == "withdrawn" or (answered and not snapshot.settled),
        "closed": snapshot.status in ENDED,
        "reopened": other_run,
        "surveyed": other_run or snapshot.surveyed or snapshot.callback_ended in DECLINED,
        "stopped": stopped,
        "acted": stopped or snapshot.acted,
    }[until]
