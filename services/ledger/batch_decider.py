"""Decides the commands of one batch: provides what the decider needs from the database besides the ticket."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg

from schemas.action import Compensate, JoinHotIssue, Merge, Open
from schemas.command import Command
from schemas.ticket import Ticket
from services.domain.authority.granted_sums import Grantor, grantors_of, possible_grantors
from services.domain.ids import IssueKey
from services.domain.kpi.periods import Period, PeriodLength, period_at
from services.domain.policy.pack import Pack
from services.domain.ticket_number import format_ticket_number
from services.ledger import store
from services.ledger.domain.added_items import added_items, evidence_item, link_item
from services.ledger.domain.bounded_ticket import unmarked_evidence, unmarked_link, with_link_mark, without_evidence
from services.ledger.domain.decide import NONE_NAMED, DecisionResult, decide
from services.ledger.domain.named_ticket import NamedTicket, NamedTickets, named_by
from services.ledger.domain.reclassification import HOT_ISSUE_TICKETS, HOT_ISSUE_WINDOW, issue_key


class BatchDecider:
    """Decides commands one after the other; a batch has one of its own.

    Attributes:
        relied_on: tickets, with their versions, on which the decision about another ticket was based.

    Args:
        connection: of the transaction in which the batch is saved.
        commands: of the batch.
        tickets: those that the commands go to, as the batch has left them so far; at first as they were before it.
        now: the ledger's business time.
        late_after: business time after which the decision of a threshold counts as late.

    """

    def __init__(
        self,
        connection: psycopg.Connection,
        commands: Sequence[Command],
        tickets: Mapping[UUID, Ticket],
        *,
        now: datetime,
        late_after: timedelta,
    ) -> None:
        self._connection = connection
        self._now = now
        self._late_after = late_after
        self._tickets = tickets
        self._granted: dict[tuple[Grantor, str, Period], Decimal] = {}
        compensating = [each for each in commands if isinstance(each.action, Compensate)]
        if compensating:
            grantors = (grantor for command in compensating for grantor in possible_grantors(command))
            store.lock_grantors(connection, grantors)
        names = {
            name for command in commands if (name := named_by(command, tickets.get(command.ticket_id))) is not None
        }
        self._any_named = bool(names)
        self._named = store.load_named_tickets(connection, names) if names else {}
        self.relied_on: dict[UUID, int] = {}
        self._counts: dict[tuple[UUID, IssueKey], int] = {}
        # What the batch has added so far, which the database does not know yet.
        self._added_items: defaultdict[UUID, set[bytes]] = defaultdict(set)
        opened = dict.fromkeys(
            each.ticket_id for each in commands if isinstance(each.action, Open) and each.ticket_id not in tickets
        )
        numbers = store.next_running_numbers(connection, len(opened)) if opened else []
        self._running_numbers = dict(zip(opened, numbers, strict=True))

    def decide(self, ticket: Ticket | None, command: Command, pack: Pack) -> DecisionResult:
        """Decide a command; `ticket` is as the commands of the batch before it have left it."""
        at, zone, action = min(command.at, self._now), pack.header.zone, command.action
        named = self._named_by(command, ticket) if self._any_named else NONE_NAMED
        if ticket is None and isinstance(action, Open):
            number = format_ticket_number(self._running_numbers[command.ticket_id], at, zone)
            return decide(ticket, command, pack, self._now, number=number, late_after=self._late_after)
        if isinstance(action, JoinHotIssue) and ticket is not None:
            similar = self._similar(ticket, action, command.at)
            return decide(ticket, command, pack, self._now, number="", similar=similar, late_after=self._late_after)
        if not isinstance(action, Compensate):
            decided = self._decide_once(ticket, command, pack, named)
            if isinstance(action, Merge) and decided.refusal is None:
                # Both, so that two processes which merge crosswise lock the tickets in the same order.
                self.relied_on[action.into] = named[action.into].version
                self.relied_on[command.ticket_id] = decided.events[0].version - 1
            return decided
        # The event stands at the ticket's last change at the earliest, and counts in the month of that.
        month = period_at(max(at, ticket.updated_at) if ticket is not None else at, PeriodLength.MONTH, zone)
        sums = {grantor: self._sum(grantor, pack, month) for grantor in grantors_of(command, pack)}
        # The largest is the one that the limit is reached by first.
        spent = max(sums.values())
        decided = decide(ticket, command, pack, self._now, number="", spent=spent, late_after=self._late_after)
        if decided.refusal is None:
            for grantor, granted in sums.items():
                self._granted[grantor, pack.header.name, month] = granted + Decimal(action.amount)
        return decided

    def _similar(self, ticket: Ticket, action: JoinHotIssue, until: datetime) -> int | None:
        """Count the tickets of a ticket's kind since its hot issue began; once a batch for each issue."""
        key = issue_key(ticket)
        if key is None or action.opened_at is None:
            return None
        counted = (action.issue, key)
        if counted not in self._counts:
            since = action.opened_at - HOT_ISSUE_WINDOW
            self._counts[counted] = store.count_similar(self._connection, key, since, until, enough=HOT_ISSUE_TICKETS)
        return self._counts[counted]

    def _named_by(self, command: Command, ticket: Ticket | None) -> NamedTickets:
        """Return the ticket that a command names and those that it was merged into, as the batch has left them."""
        found: dict[UUID, NamedTicket] = {}
        id_ = named_by(command, ticket)
        while id_ is not None and id_ not in found:
            in_batch = self._tickets.get(id_)
            other = NamedTicket.of(in_batch) if in_batch is not None else self._named.get(id_)
            if other is None:
                break
            found[id_] = other
            id_ = other.merged_into
        return found

    def _decide_once(self, ticket: Ticket | None, command: Command, pack: Pack, named: NamedTickets) -> DecisionResult:
        """Decide a command that must add no evidence and no link that the ticket has had, however long ago."""
        if ticket is None or isinstance(command.action, Open):
            return decide(ticket, command, pack, self._now, number="", named=named, late_after=self._late_after)
        evidence, link = unmarked_evidence(ticket, command.action), unmarked_link(ticket, command.action)
        linked = False
        if evidence or link is not None:
            asked = {evidence_item(reference): reference for reference in evidence}
            link_hash = link_item(link.ticket_id, link.kind) if link is not None else b""
            known = store.known_items(self._connection, ticket.id, [*asked, link_hash]) | self._added_items[ticket.id]
            command = command.replace(
                action=without_evidence(command.action, {asked[item] for item in asked if item in known})
            )
            linked = link_hash in known
        known_ticket = with_link_mark(ticket, link) if linked and link is not None else ticket
        result = decide(known_ticket, command, pack, self._now, number="", named=named, late_after=self._late_after)
        for event in result.events:
            self._added_items[ticket.id].update(added_items(event))
        if known_ticket is ticket:
            return result
        # The mark was for the decision alone: a ticket is stored as its events make it.
        events = tuple(each.replace(ticket=each.ticket.replace(link_marks=ticket.link_marks)) for each in result.events)
        return dataclasses.replace(result, events=events)

    def _sum(self, grantor: Grantor, pack: Pack, month: Period) -> Decimal:
        """Return the yuan that a grantor has granted in a month: what is stored, and what the batch has added."""
        known = self._granted.get((grantor, pack.header.name, month))
        return known if known is not None else store.granted_compensation(self._connection, grantor, pack, month)
