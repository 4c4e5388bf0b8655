"""An earlier ticket that a contact may belong to, and how a contact and a ticket are related. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas.ticket import OVER, Status
from services.domain.identity_matching import STRANGERS, PersonMatch, Relation

ENDED = frozenset({Status.CLOSED, Status.ARCHIVED})
"""Statuses of a ticket beside which a further contact opens a new one, linked."""


@dataclass(frozen=True, slots=True)
class CandidateTicket:
    """An earlier ticket that a contact may belong to.

    Attributes:
        ticket_id: the ticket.
        status: its current status; None if the ledger does not have it yet. A merged ticket is never a candidate, but
            the one that it was merged into.
        closed_at: when it was closed; None while it is open.
        business_type: of its classification.
        problem_type: of its classification.
        subject: what its customer wrote.
        person: whether its customer is the one who writes now.
        named: how the contact refers to it: as the ticket that it follows (by its number, or by the call that opened
            it), or as the ticket before it; None if it does not.
        asked: whether its customer was surveyed and has not replied yet.
        kind: of its classification; None if not known.
        channel: of the contact that opened it.
        conversation: the channel's id of the conversation in which it was opened.
        last_at: when its latest contact came, and that contact's channel is `channel`.
        visiting_region: where its customer was.
        match: what says whether its customer is the one who writes now.

    """

    ticket_id: UUID
    status: Status | None
    closed_at: datetime | None
    business_type: str | None
    problem_type: str | None
    subject: str
    person: Relation
    named: Literal["follows", "before"] | None = None
    asked: bool = False
    kind: str | None = None
    channel: str = ""
    conversation: str | None = None
    last_at: datetime | None = None
    visiting_region: str | None = None
    match: PersonMatch = STRANGERS

    @property
    def is_open(self) -> bool:
        """Whether it is neither closed nor withdrawn nor archived."""
        return self.status not in OVER

    @property
    def is_worked_on(self) -> bool:
        """Whether its customer waits for an answer."""
        return self.is_open and self.status is not Status.ANSWERED
