"""The context of one decision: the events that one command leads to, with what each does to the clocks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from schemas.command import Actor, Command
from schemas.event import Fired, TicketEvent
from schemas.ticket import Reason, SlaTimer, Status, Ticket
from services.domain.ids import event_id
from services.domain.policy.clocks import WITH_A_UNIT
from services.domain.policy.pack import Pack
from services.domain.policy.units import Unit
from services.domain.sla.thresholds import next_action, next_actions
from services.ledger.domain import appeal_bar, timers
from services.ledger.domain.bounded_ticket import bounded_clocks, bounded_lists
from services.ledger.domain.evolve import merge
from services.ledger.domain.named_ticket import NamedTicket, NamedTickets

SYSTEM = Actor(kind="service", name="ledger")
WAIT_ENDS = frozenset({"suspended", "status", "unit"})
FOLLOWED = WAIT_ENDS | {"run", "survey", "callback_ended"}
"""Fields from which others follow."""
MAX_HAD_BY = 16
"""Units that had a ticket before, of which it knows."""
NEW_RUN: Mapping[str, Any] = {
    "waited": timedelta(0),
    "dispatched_at": None,
    "claimed_at": None,
    "asking_ended_at": None,
    "first_promised_at": None,
    "assisting": (),
    "assistance_requests": (),
}
"""What a new run of the ticket begins with."""


LISTED = 110
"""Characters of a list of choices in a refusal, which has room for 200."""


def choices(known: Collection[str]) -> str:
    """Return what there is to choose from, for a message: as many as there is room for, and how many more."""
    listed: list[str] = []
    for code in sorted(known):
        if sum(map(len, listed)) + 2 * len(listed) + len(code) > LISTED:
            break
        listed.append(code)
    if not listed:
        return "there is none to choose" if not known else f"there are {len(known)}"
    more = f" or {len(known) - len(listed)} more" if len(listed) < len(known) else ""
    return f"choose one of {', '.join(listed)}{more}"


class CommandRejected(Exception):
    """The command changes nothing, because.

    Attributes:
        code: for programs.
        message: what is missing and what to do, for people.
        missing: names of what is missing.

    """

    def __init__(self, code: str, message: str, missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.missing = tuple(missing)


@dataclass(slots=True)
class DecisionContext:
    """Everything an action may look at, and what has happened so far.

    Attributes:
        policy: the pack that decides.
        command: what is asked.
        now: the ledger's business time, for `recorded_at`.
        at: the effective time of the command: the door's stamp, never before the ticket's last event.
        number: ticket number to use if a ticket is opened.
        spent: yuan of compensation that count against the actor's limit of this month, on every ticket of the pack.
        before: the ticket as it was loaded.
        named: other tickets that the command names.
        similar: tickets of a hot issue's kind that the ledger has, as many as it needs at most; None if not counted.
        events: what has happened so far.
        commands: what the ledger sends itself.
        taken_over: the system before, while a ticket of it is taken over; its events say so.
        carried: time that the stage which begins next had used there.
        acts_for: the unit for which a supervising unit acts; its events say so (DECISIONS 34).

    """

    policy: Pack
    command: Command
    now: datetime
    at: datetime
    number: str
    spent: Decimal
    before: Ticket | None
    named: NamedTickets = field(default_factory=dict)
    similar: int | None = None
    events: list[TicketEvent] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    taken_over: str | None = None
    carried: timedelta = timedelta(0)
    acts_for: str | None = None

    @property
    def ticket_or_none(self) -> Ticket | None:
        """The ticket as it stands now, if there is one."""
        return self.events[-1].ticket if self.events else self.before

    @property
    def ticket(self) -> Ticket:
        """The ticket as it stands now.

        Raises:
            CommandRejected: there is none.

        """
        ticket = self.ticket_or_none
        if ticket is None:
            raise CommandRejected("no_ticket", "there is no such ticket; look up its number with GET /v1/tickets")
        return ticket

    def other_ticket(self, id_: UUID, *, field: str) -> NamedTicket:
        """Return another ticket of the same pack that the command names.

        Args:
            id_: of the other ticket.
            field: of the command that names it, for the refusal.

        Raises:
            CommandRejected: there is none; nothing is revealed about tickets of other packs.

        """
        found = self.named.get(id_)
        if found is None or found.pack != self.ticket.policy.pack:
            raise CommandRejected(
                "unknown_ticket",
                f"there is no ticket {id_} of pack {self.ticket.policy.pack}; look up its number with GET /v1/tickets",
                (field,),
            )
        return found

    def unit(self, code: str, *, field: str = "unit") -> Unit:
        """Return a unit of the policy.

        Args:
            code: of the unit.
            field: of the command that names it, for the refusal.

        Raises:
            CommandRejected: the policy names no such unit.

        """
        try:
            return self.policy.units[code]
        except KeyError:
            message = f"there is no unit {code!r}; {choices(self.policy.units)}"
            raise CommandRejected("unknown_unit", message, (field,)) from None

    def record_event(
        self,
        type_: str,
        rule: Reason,
        changes: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
        actor: Actor | None = None,
        changed: Sequence[SlaTimer] = (),
        threshold: Fired | None = None,
        details: Mapping[str, Any] | None = None,
        passing: bool = False,
    ) -> Ticket:
        """Add an event, compare the ticket's clocks with what should run now, and return the ticket after it.

        Args:
            type_: of the event.
            rule: that made it.
            changes: fields of the ticket with their new values.
            at: business time; by default that of the command. Never before the ticket's last event.
            actor: by default that of the command.
            changed: timers that the action itself has changed: waits, decided thresholds, extensions.
            threshold: that the event decides.
            details: for people and letters.
            passing: another event of the same command follows at once; until then only promises are compared.

        """
        before = self.ticket_or_none
        when = at or self.at
        if before is None:
            update = {"policy": self.policy.reference, **(changes or {}), "stage_since": when}
            fields = {**update, **bounded_lists(None, update), "version": 1, "updated_at": when}
            ticket = Ticket(**fields, clocks=tuple(changed))
        else:
            when = max(when, before.updated_at)
            update = self._differences(before, changes or {}, when)
            fields = {**update, **bounded_lists(before, update), "version": before.version + 1, "updated_at": when}
            ticket = before.replace(**fields, clocks=merge(before.clocks, changed))
        moved: list[SlaTimer] = []
        if before is None or type_ == timers.POLICY_APPLIED or timers.depends_on(update):
            comparison = timers.Comparison(ticket, before, self.policy, when, type_, self.carried, passing)
            moved = comparison.changed()
        if moved or changed:
            ticket = self._with_timers(before, ticket, moved, update, type_)
        self.events.append(
            TicketEvent(
                id=event_id(ticket.id, ticket.version),
                ticket_id=ticket.id,
                version=ticket.version,
                type=type_,
                at=when,
                recorded_at=max(self.now, when),
                actor=actor or self.command.actor,
                command_id=self.command.id,
                rule=rule,
                threshold=threshold,
                details=self._details(details),
                changes=update,
                clocks=_latest(changed, moved),
                ticket=ticket,
            )
        )
        return ticket

    def _differences(self, before: Ticket, changes: Mapping[str, Any], when: datetime) -> dict[str, Any]:
        """Return the fields that an event changes, with those that follow from them."""
        update = {"policy": self.policy.reference, **changes}
        update |= consequences(before, update, when)
        if "classification" in update or "contacted_at" in update:
            update |= appeal_bar.moved(before, update, self.policy)
        return {name: value for name, value in update.items() if getattr(before, name) != value}

    def _with_timers(
        self, before: Ticket | None, ticket: Ticket, moved: list[SlaTimer], update: dict[str, Any], type_: str
    ) -> Ticket:
        """Return the ticket with its changed timers, and add to `moved` and `update` what follows from them."""
        fields: dict[str, Any] = {}
        if ticket.extensions and (extensions := timers.lapsed_extensions(ticket, moved)):
            fields["extensions"] = extensions
            lapsed = ticket.replace(extensions=extensions)
            moved += timers.Comparison(lapsed, None, self.policy, ticket.updated_at, type_).ended_waits()
        after = merge(ticket.clocks, moved)
        fields["next_action_at"], fields["archive_at"] = (
            (next_action(after), None) if ticket.open else next_actions(after, self.policy.limits.archives)
        )
        promised = self._promised(after)
        fields["promised_at"] = promised
        if ticket.first_promised_at is None and promised is not None:
            fields["first_promised_at"] = promised
        update.update({name: value for name, value in fields.items() if getattr(ticket, name) != value})
        return ticket.replace(**fields, **bounded_clocks(before, after))

    def _details(self, details: Mapping[str, Any] | None) -> dict[str, Any]:
        found = {name: value for name, value in (details or {}).items() if value is not None}
        if self.acts_for is not None:
            found["acts_for"] = self.acts_for
        return found | {"taken_over": self.taken_over} if self.taken_over is not None else found

    def _promised(self, present: Sequence[SlaTimer]) -> datetime | None:
        outer = self.policy.limits.outer
        promised: datetime | None = None
        for timer in present:
            if timer.name in outer:
                promised = timer.due_at
                if timer.stopped_at is None:
                    break
        return promised


def _latest(changed: Sequence[SlaTimer], moved: Sequence[SlaTimer]) -> tuple[SlaTimer, ...]:
    if not (changed and moved):
        return (*changed, *moved)
    return tuple({timer.key: timer for timer in (*changed, *moved)}.values())


def consequences(before: Ticket, update: Mapping[str, Any], when: datetime) -> dict[str, Any]:
    """Return the fields that follow from others: the stage's beginning, waits that end, what a new run forgets.

    Args:
        before: the ticket before the event.
        update: the fields that the event changes.
        when: the event's business time.

    """
    if FOLLOWED.isdisjoint(update):
        return {}
    found = dict(NEW_RUN) if "run" in update else {}
    status = update.get("status", before.status)
    if "run" in update or timers.STAGES[status] != timers.STAGES[before.status]:
        found["stage_since"] = when
    if status is Status.DISPATCHED and (before.dispatched_at is None or "run" in update):
        found["dispatched_at"] = when
    if "unit" in update and before.unit is not None and before.unit not in before.had_by:
        found["had_by"] = (*before.had_by, before.unit)[-MAX_HAD_BY:]
    if update.get("survey") is not None or update.get("callback_ended") is not None:
        found["asking_ended_at"] = before.asking_ended_at or when
    if before.assisting:
        found |= _assistance(before, update, status)
    return found | _waiting(before, update, when)


def _assistance(before: Ticket, update: Mapping[str, Any], status: Status) -> dict[str, Any]:
    """Return the requests for assistance that go on: while a unit works on the ticket, but for a unit that gets it."""
    holder = update.get("unit", before.unit)
    asked = update.get("assisting", before.assisting)
    stays = [code for code in asked if status in WITH_A_UNIT and code != holder]
    requests = [request for request in before.assistance_requests if request.unit in stays]
    return {"assisting": tuple(stays), "assistance_requests": tuple(requests)}


def _waiting(before: Ticket, update: Mapping[str, Any], when: datetime) -> dict[str, Any]:
    if update.get("suspended") is not None:
        return {"waiting_since": when}
    # Whoever goes on with the work does not wait any more.
    if before.waiting_since is None or WAIT_ENDS.isdisjoint(update):
        return {}
    waited = before.waited + (when - before.waiting_since)
    return {"suspended": None, "waiting_since": None} | ({} if "run" in update else {"waited": waited})


def because(subject: str, value: str, rule: str, source: str) -> Reason:
    """Return the rule that made an event (promise 6)."""
    return Reason(subject=subject, value=value, rule=rule, source=source)
