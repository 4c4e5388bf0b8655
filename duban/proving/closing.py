"""Whether those who may can close a ticket, from wherever it stands (R5.2)."""

from collections.abc import Iterator

from duban.proving.acts import EVIDENCE, REASON, entry
from duban.proving.moves import Actors, Move
from duban.proving.steps import take
from schemas import action as actions
from schemas.command import Action
from schemas.customer_actions import EndCallback
from schemas.ticket import Status, Ticket
from services.domain.policy.clocks import UNDER_WAY
from services.domain.policy.outcome import CALLBACK, OUTCOME_PARTS
from services.domain.policy.pack import Pack

MOST_STEPS = 24
"""Acts that a ticket may need until it is closed."""


def obstacle(ticket: Ticket, actors: Actors, pack: Pack) -> str:
    """Return why a ticket cannot be closed: the act that nobody may take, or that is refused; empty if it can.

    It is answered with all that an answer holds, after the feedback where nobody may before; then what closing says is
    missing is put on record, and it is closed. Where the answer itself was incomplete, it is reopened first.
    """
    for _ in range(MOST_STEPS):
        if ticket.status is Status.CLOSED:
            return ""
        for action in _next(ticket, actors, pack):
            act = actors.act(action, ticket)
            if act is None:
                return f"nobody may {_named(action)} while it is {ticket.status}"
            steps = take(ticket, Move.of(act), pack)
            refusal = steps[-1].refusal
            if refusal is not None:
                return f"{_named(action)} is refused while it is {ticket.status}: {refusal.message}"
            if steps[-1].crash is not None:
                return f"{_named(action)} fails: {steps[-1].crash.message}"
            ticket = steps[-1].after
    return f"after {MOST_STEPS} acts it is still {ticket.status}"


def _next(ticket: Ticket, actors: Actors, pack: Pack) -> Iterator[Action]:
    owner = pack.header.centre
    if ticket.status in UNDER_WAY:
        answer = actions.Answer(explanation="e", result="r", cause="c", owner=owner, agreement="agreed")
        goes_back = ticket.dispatched_by and actors.act(answer, ticket) is None
        yield actions.FeedBack(result="r", cause="c") if goes_back else answer
        return
    close = actions.Close(cause="c", owner=owner)
    act = actors.act(close, ticket)
    refusal = take(ticket, Move.of(act), pack)[-1].refusal if act is not None else None
    if refusal is None or refusal.code != "missing":
        yield close
    elif {*refusal.missing} & {*OUTCOME_PARTS}:
        yield actions.Reopen(reason=REASON)
    else:
        for name in refusal.missing:
            if name == CALLBACK:
                yield EndCallback(reason="no_answer", evidence=EVIDENCE)
            else:
                yield entry(pack.entries[name])


def _named(action: Action) -> str:
    return f"record {action.kind}" if isinstance(action, actions.RecordEntry) else action.type
