"""A story in the making: the events that one command leads to, with what each does to the clocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.command import Actor, Command
from schemas.event import Fired, TicketEvent
from schemas.ticket import Reason, SlaTimer, Ticket
from services.domain.ids import event_id
from services.domain.policy.conditions import Facts
from services.domain.policy.limits import ClockRule
from services.domain.policy.pack import Pack
from services.domain.policy.units import Unit
from services.domain.sla import timer as clocks
from services.ledger.domain.evolve import merge

SYSTEM = Actor(kind="service", name="ledger")
REROUTED = {"dispatched", "sent_back"}
"""What ends a stage without its work being done."""


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
        spent: yuan of compensation that the command's actor has granted this month, on every ticket.
        before: the ticket as it was loaded.
        events: what has happened so far.
        commands: what the ledger sends itself.
        taken_over: the system before, while a ticket of it is taken over; its events say so.
        carried: time that the stage which begins next had used there.

    """

    policy: Pack
    command: Command
    now: datetime
    at: datetime
    number: str
    spent: Decimal
    before: Ticket | None
    events: list[TicketEvent] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    taken_over: str | None = None
    carried: timedelta = timedelta(0)

    @property
    def ticket_or_none(self) -> Ticket | None:
        """The ticket as it stands now, if there is one."""
        return self.events[-1].ticket if self.events else self.before

    @property
    def ticket(self) -> Ticket:
        """The ticket as it stands now.

        Raises:
            Refused: there is none.

        """
        ticket = self.ticket_or_none
        if ticket is None:
            raise CommandRejected("no_ticket", "there is no such ticket; look up its number with GET /v1/tickets")
        return ticket

    def unit(self, code: str) -> Unit:
        """Return a unit of the policy.

        Raises:
            Refused: the policy names no such unit.

        """
        try:
            return self.policy.units[code]
        except KeyError:
            told = f"the policy has no unit {code!r}; units.toml of its pack lists them"
            raise CommandRejected("unknown_unit", told) from None

    def happen(
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
    ) -> Ticket:
        """Add an event, with what it does to the clocks, and return the ticket after it."""
        before = self.ticket_or_none
        when = max(at or self.at, before.updated_at) if before is not None else (at or self.at)
        version = before.version + 1 if before is not None else 1
        update = {"policy": self.policy.reference, **(changes or {})}
        base = merge(before.clocks if before is not None else (), changed)
        turned = self._turned(type_, base, before, update, when)
        moved = {each.key: each for each in (*changed, *turned)}
        after_clocks = merge(base, turned)
        update["next_action_at"] = clocks.next_action(after_clocks)
        update["promised_at"] = self._promised(after_clocks)
        if before is None:
            ticket = Ticket(**update, version=version, updated_at=when, clocks=after_clocks)
        else:
            update = {name: value for name, value in update.items() if getattr(before, name) != value}
            ticket = before.replace(**update, version=version, updated_at=when, clocks=after_clocks)
        self.events.append(
            TicketEvent(
                id=event_id(ticket.id, version),
                ticket_id=ticket.id,
                version=version,
                type=type_,
                at=when,
                recorded_at=max(self.now, when),
                actor=actor or self.command.actor,
                command_id=self.command.id,
                rule=rule,
                threshold=threshold,
                details=self._details(details),
                changes=update,
                clocks=tuple(moved.values()),
                ticket=ticket,
            )
        )
        return ticket

    def _details(self, details: Mapping[str, Any] | None) -> dict[str, Any]:
        told = {name: value for name, value in (details or {}).items() if value is not None}
        return told | {"taken_over": self.taken_over} if self.taken_over is not None else told

    def _turned(
        self, type_: str, present: Sequence[SlaTimer], before: Ticket | None, update: Mapping[str, Any], when: datetime
    ) -> list[SlaTimer]:
        """Return the clocks that an event of this type stops and starts."""
        rules = self.policy.limits.turned_by.get(type_, ())
        if not rules:
            return []
        turned: list[SlaTimer] = []
        facts = self._facts(before, update)
        running: dict[str, list[SlaTimer]] = {}
        for each in present:
            if each.stopped_at is None:
                running.setdefault(each.name, []).append(each)
        for rule in rules:
            mine = running.get(rule.name, ())
            starts = type_ in rule.starts_on and (rule.restarts or not mine) and rule.when.holds(facts)
            if mine and (starts or type_ in rule.stops_on):
                reason = "run_ended" if starts else "stage_ended"
                turned += [
                    clocks.stop(each, when, by=type_, reason=reason, calendar=self.policy.calendar(each.calendar))
                    for each in mine
                ]
            if starts:
                runs = merge(
                    tuple(each for each in present if each.name == rule.name), turned[-len(mine) :] if mine else ()
                )
                turned.append(self._started(rule, type_, runs, facts, before, update, when))
        return turned

    def _facts(self, before: Ticket | None, update: Mapping[str, Any]) -> Facts:
        def value(name: str) -> Any:
            return update[name] if name in update or before is None else getattr(before, name)

        late = before is not None and self.policy.is_late(before)
        return self.policy.facts(value("classification"), channel=value("channel"), unit=value("unit"), late=late)

    def _started(
        self,
        rule: ClockRule,
        type_: str,
        runs: Sequence[SlaTimer],
        facts: Facts,
        before: Ticket | None,
        update: Mapping[str, Any],
        when: datetime,
    ) -> SlaTimer:
        customer = update.get("customer") or (before.customer if before else None)
        assert customer is not None
        limit = self.policy.limits.limit(rule, facts, customer)
        start = update["contacted_at"] if rule.starts_at == "contact" and type_ == "accepted" else when
        return clocks.begin(
            rule,
            limit,
            self.policy.calendar(limit.calendar),
            at=start,
            run=1 + max((each.run for each in runs), default=0),
            used=self._used(rule, type_, runs, before),
            wanted_by=update.get("wanted_by") or (before.wanted_by if before else None),
        )

    def _used(self, rule: ClockRule, type_: str, runs: Sequence[SlaTimer], before: Ticket | None) -> timedelta:
        if self.carried and rule.name not in self.policy.limits.outer:
            return self.carried
        return self._carried(runs, before) if type_ == "dispatched" else timedelta(0)

    @staticmethod
    def _carried(runs: Sequence[SlaTimer], before: Ticket | None) -> timedelta:
        """Return what a re-routed ticket has used of its stage since it was opened or reopened (R4.11)."""
        if not runs or before is None or runs[-1].stopped_by not in REROUTED:
            return timedelta(0)
        since = before.reopened_at or before.accepted_at
        return runs[-1].used if runs[-1].started_at >= since else timedelta(0)

    def _promised(self, present: Sequence[SlaTimer]) -> datetime | None:
        outer = self.policy.limits.outer
        return next((each.due_at for each in reversed(present) if each.name in outer), None)


def because(subject: str, value: str, rule: str, source: str) -> Reason:
    """Return the rule that made an event (promise 6)."""
    return Reason(subject=subject, value=value, rule=rule, source=source)
