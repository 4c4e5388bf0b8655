"""Every action with the arguments that matter under a pack, taken by somebody who may."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from duban.proving import other_acts
from duban.proving.findings import Finding
from duban.proving.moves import Act, Actors, Move
from duban.proving.openings import CALL, Openings
from duban.proving.roles import Roles, conditions_of, ending_entries, needs
from schemas import action as actions
from schemas.command import Action
from schemas.contact import Contact
from schemas.customer_actions import AnswerSurvey, EndCallback
from schemas.ticket import Classification, Survey, Ticket
from services.domain.ids import contact_id
from services.domain.policy.clocks import INCOMPLETE
from services.domain.policy.outcome import CALLBACK, OUTCOME_PARTS, EntryRule
from services.domain.policy.pack import Pack
from services.domain.policy.vocabulary import LIABILITIES
from services.ledger.domain.handling import LONGEST_CHAIN
from services.ledger.domain.lifecycle import transition

REASON = "r"
EVIDENCE = "calls/1"
GOOD = Survey(process=5, result=5, staff=5)
ALL = frozenset({"where", "who", "closing", "wait"})
"""Every part of the vector, as far as it decides what is tried."""
PLACES = frozenset({"where", "who", "back", "closing"})
"""Parts of the vector that no wait and no clock changes."""
OTHER_TICKET = UUID(int=1)
"""An open ticket of the same customer."""


class Acts:
    """The acts of a pack.

    Attributes:
        pack: the policy pack.
        roles: of its units.
        actors: finds who may act.
        openings: what tickets may be classified as.

    """

    def __init__(self, pack: Pack, roles: Roles, openings: Openings) -> None:
        self.pack, self.roles, self.openings = pack, roles, openings
        self.actors = Actors(pack, roles.all)
        self._classifications = openings.classifications()
        self._ending, self._needs = sorted(ending_entries(pack)), needs(pack)
        self._asking = {fact: set(_asking(fact, pack)) for fact in ("validity", "founded", "liability")}

    def moves(self, ticket: Ticket, new: AbstractSet[str] = ALL) -> Iterator[Move]:
        """Yield the acts that may change the state vector of a ticket, each of the first who may take it.

        Args:
            ticket: as it stands.
            new: the parts of the vector that were never seen before; other parts have been looked at.

        """
        for action in self._actions(ticket, new):
            act = self._act(action, ticket)
            if act is not None:
                yield Move.of(act)
        rest = self._rest(ticket) if "closing" in new else ()
        if rest:
            yield Move.of(*rest)

    def inert(self, ticket: Ticket) -> Iterator[Move]:
        """Yield the acts that can change nothing of the state vector, each of the first who may take it."""
        for action, level in other_acts.inert(ticket, self.pack):
            act = self._act(action, ticket, level)
            if act is not None:
                yield Move.of(act)

    def former(self, ticket: Ticket) -> Iterator[Move]:
        """Yield the end of the work, and the application of the policy, of a ticket that a former version began."""
        for action in (self._answer, actions.ApplyPolicy(version=self.pack.reference.version)):
            act = self._act(action, ticket)
            if act is not None:
                yield Move((act,), former=True)

    def forbidden(self, ticket: Ticket) -> Iterator[Move]:
        """Yield acts that must be refused: of somebody who has no right, and such as name what there is not."""
        every = [action for action in self._actions(ticket, ALL) if _allowed(action, ticket)]
        every += [action for action, _ in other_acts.inert(ticket, self.pack) if _allowed(action, ticket)]
        for action in {type(each): each for each in every}.values():
            for act in self.actors.outsiders(action, ticket):
                who = f"{act.unit or 'a customer or service'}{f' without {act.lacks}' if act.lacks else ''}"
                yield Move((act,), forbidden=Finding("authority", action.type, f"{who} may not {action.type}"))
        for action, why in other_acts.unknown(ticket):
            known = self._act(action, ticket)
            if known is not None:
                name = "merge" if isinstance(action, actions.Merge) else "names"
                found = Finding(name, action.type, f"{action.type} is taken although {why}")
                yield Move((known,), forbidden=found)

    def _act(self, action: Action, ticket: Ticket, level: str | None = None) -> Act | None:
        return self.actors.act(action, ticket, level) if _allowed(action, ticket) else None

    def _actions(self, ticket: Ticket, new: AbstractSet[str]) -> Iterator[Action]:
        anywhere = new & {"where", "who"}
        yield from self._on_the_way(ticket, self.roles.all if anywhere else self.roles.distinct_to_clocks)
        if not new <= PLACES:
            yield from self._waiting(ticket)
        yield from self._to_the_customer(ticket, every="closing" in new)
        yield from self._judged(ticket, new)
        for name in self._ending:
            yield entry(self.pack.entries[name])
        yield actions.Merge(into=OTHER_TICKET, reason=REASON)
        if INCOMPLETE in ticket.flags:
            yield actions.CompleteForm()

    def _on_the_way(self, ticket: Ticket, targets: Sequence[str]) -> Iterator[Action]:
        for unit in targets:
            if unit != ticket.unit:
                yield actions.Transfer(unit=unit, reason=REASON)
                if len(ticket.dispatched_by) < LONGEST_CHAIN:
                    yield actions.Dispatch(unit=unit)
        yield actions.Claim(person="a person")
        if ticket.dispatched_by:
            yield actions.SendBack(reason=REASON)
            yield actions.FeedBack(result="r", cause="c")
        helper = next((unit for unit in self.roles.all[::-1] if unit not in {ticket.unit, ticket.centre}), None)
        if helper is not None and not ticket.assisting:
            yield actions.RequestAssistance(unit=helper, demand="d")
        for unit in ticket.assisting:
            yield actions.ReleaseAssistance(unit=unit, reason=REASON)

    def _waiting(self, ticket: Ticket) -> Iterator[Action]:
        if ticket.suspended is None:
            yield actions.Suspend(waiting_for="customer", reason=REASON)
            yield actions.Suspend(waiting_for="other", reason=REASON)
        else:
            yield actions.Resume(reason=REASON)
        if any(each.state == "asked" for each in ticket.extensions):
            yield actions.ApproveExtension()
            yield actions.DenyExtension(reason=REASON)
        else:
            yield from self._request(ticket)
        yield actions.ReplyProgress(text="t")

    def _request(self, ticket: Ticket) -> Iterator[Action]:
        """Yield a request for more time that the limit of the stage allows."""
        for timer in reversed(ticket.clocks):
            rule = self.pack.limits.by_name.get(timer.name)
            if rule is not None and rule.extendable and timer.stopped_at is None:
                calendar, at, due = self.pack.calendar(timer.calendar), ticket.updated_at, timer.due_at
                if timer.paused_at is not None:
                    due = calendar.add(at, calendar.between(timer.paused_at, due))
                length = calendar.between(timer.started_at, due) or timedelta(hours=1)
                until = calendar.add(due, min(timer.length, length) * self.pack.limits.extension.at_most / 2)
                yield actions.RequestExtension(explanation="e", committed_until=until)
                return

    def _to_the_customer(self, ticket: Ticket, *, every: bool) -> Iterator[Action]:
        owner = self.pack.header.centre
        yield self._answer
        if every:
            yield actions.Answer(explanation="e", agreement="agreed")
            yield actions.Answer(explanation="e", result="r", cause="c", owner=owner, agreement="refused")
        yield actions.Close(cause="c", owner=owner)
        yield actions.Reopen(reason=REASON)
        yield actions.Reject(reason=REASON, evidence=EVIDENCE)
        yield actions.Withdraw(reason=REASON, evidence=EVIDENCE)
        yield EndCallback(reason="no_answer", evidence=EVIDENCE)
        yield AnswerSurvey(survey=GOOD, evidence=EVIDENCE)
        again = self._contact(ticket)
        same = ticket.classification
        yield actions.Remind(contact=again, classification=same, reason=REASON, disputed=True)
        if INCOMPLETE in ticket.flags:
            form = self._contact(ticket, call=CALL)
            yield actions.Remind(contact=form, classification=same, reason=REASON)

    def _contact(self, ticket: Ticket, call: str | None = None) -> Contact:
        return Contact(
            id=contact_id("proof", "proof", str(ticket.version + 1)),
            sender="proof",
            channel=ticket.channel,
            message_id=str(ticket.version + 1),
            policy=self.pack.header.name,
            received_at=ticket.updated_at,
            customer=ticket.customer,
            text="?",
            call=call,
        )

    def _judged(self, ticket: Ticket, new: AbstractSet[str]) -> Iterator[Action]:
        now = ticket.classification
        for classification in self._classifications:
            if _differs(classification, now):
                yield actions.Reclassify(classification=classification, reason=REASON)
        if now.priority > 1:
            yield actions.Reclassify(classification=now.replace(priority=1), reason=REASON)
        if "closing" in new or any(not new.isdisjoint(parts) for parts in self._asking.values()):
            for judgement in self._judgements:
                if any(getattr(now, name) != value for name, value in judgement.items()):
                    yield actions.Assess(**judgement, reason=REASON)

    @cached_property
    def _judgements(self) -> tuple[dict[str, Any], ...]:
        """What may be found of a ticket, as far as a condition asks for it; an unfounded case is never dispatched."""
        found: list[dict[str, Any]] = [{"founded": True}, {"founded": False}]
        if self._asking["validity"]:
            found += [{"validity": validity} for validity in self.pack.routing.validities]
        if self._asking["liability"]:
            found += [{"liability": liability} for liability in sorted(LIABILITIES)]
        return tuple(found)

    @property
    def _answer(self) -> actions.Answer:
        owner = self.pack.header.centre
        return actions.Answer(explanation="e", result="r", cause="c", owner=owner, agreement="agreed")

    def _rest(self, ticket: Ticket) -> Sequence[Act]:
        """Return the record of all entries that closing may need and that no clock waits for."""
        kinds = sorted(self._needs - {*OUTCOME_PARTS, CALLBACK, *self._ending})
        acts = [self._act(entry(self.pack.entries[kind]), ticket) for kind in kinds if kind in self.pack.entries]
        return [act for act in acts if act is not None]


def _asking(fact: str, pack: Pack) -> Iterator[str]:
    """Yield the parts of the state vector that depend on a judgement: clocks by name, closing and rights."""
    for clock in pack.limits.clocks:
        if any(fact in when.looks_at for when in conditions_of(clock, pack)):
            yield clock.name
    if any(fact in each.when.looks_at for each in pack.outcome.closing.also):
        yield "closing"
    if any(fact in rule.when.looks_at for rule in pack.authority.rules):
        yield "who"


def entry(rule: EntryRule) -> actions.RecordEntry:
    """Return the record of an entry of a kind."""
    value = rule.choices[0].code if rule.choices else None
    return actions.RecordEntry(kind=rule.kind, value=value, text=None if value else "t")


def _allowed(action: Action, ticket: Ticket) -> bool:
    return ticket.status in transition(action).allowed


def _differs(one: Classification, other: Classification) -> bool:
    return one != other.replace(reasons=(), triage=one.triage)
