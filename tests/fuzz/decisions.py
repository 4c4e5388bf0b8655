"""Random contacts and commands under any pack, checked against the invariants of tickets (DESIGN 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from duban.simulated_actor import simulated_actor
from schemas.action import (
    AddContact,
    Answer,
    ApplyPolicy,
    ApproveExtension,
    Assess,
    Assign,
    Attach,
    Claim,
    Close,
    Compensate,
    CompleteForm,
    Correct,
    DenyExtension,
    Dispatch,
    Escalate,
    FeedBack,
    LinkTo,
    Merge,
    Note,
    Open,
    Reclassify,
    RecordEntry,
    Reject,
    ReleaseAssistance,
    Remind,
    Reopen,
    ReplyProgress,
    RequestAssistance,
    RequestExtension,
    Resume,
    SendBack,
    Split,
    Supervise,
    Suspend,
    Tick,
    Transfer,
    Withdraw,
)
from schemas.command import Action, Command
from schemas.contact import Contact, Customer, Evidence, Settlement
from schemas.customer_actions import AnswerSurvey, CallBack, EndCallback
from schemas.event import TicketEvent
from schemas.ticket import Link, Status, Survey, Ticket
from services.domain.authority.judge import judge
from services.domain.classify import classify
from services.domain.ids import contact_id, ticket_id
from services.domain.policy.pack import Pack
from services.domain.sla.thresholds import next_actions
from services.ledger.batch_rows import threshold_key
from services.ledger.domain.decide import decide
from services.ledger.domain.evolve import evolve
from services.ledger.domain.lifecycle import transition
from services.ledger.domain.named_ticket import NamedTicket
from tests import clock_invariants

CHANNELS = (
    "web",
    "hotline",
    "store",
    "mail",
    "letter",
    "regulator",
    "hq_hotline",
    "international",
    "opinion_book",
    "app",
)
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
MAX_COMMANDS = 40
"""Maximum number of commands to one ticket."""


@dataclass
class RandomTicket:
    """A ticket that gets random commands; `step` decides one and checks the invariants.

    Attributes:
        keys: thresholds that were decided, each at most once.
        breached: name and run of timers that were exceeded, each at most once.

    """

    pack: Pack
    rng: Random
    now: datetime
    id: UUID = field(init=False)
    ticket: Ticket | None = None
    folded: Ticket | None = None
    keys: set[str] = field(default_factory=set)
    breached: set[tuple[str, int]] = field(default_factory=set)

    def contact(self) -> Contact:
        """Return a contact with keywords of the pack."""
        rng, types = self.rng, self.pack.types
        words = [word for business in types.business for word in business.words]
        words += [word for problem in types.problem for word in problem.words]
        words += [word for rule in (*self.pack.routing.signals, *self.pack.routing.kind) for word in rule.words]
        text = "，".join(rng.choices(words or ["?"], k=rng.randint(0, 4)))
        level = rng.choice([None, *self.pack.routing.vip.levels])
        number = rng.getrandbits(40)
        settled = Settlement(outcome="o", explanation="e", cause="c", owner=self.pack.header.centre)
        return Contact(
            id=contact_id("fuzz", "fuzz", str(number)),
            sender="fuzz",
            channel=rng.choice(CHANNELS),
            message_id=str(number),
            policy=self.pack.header.name,
            received_at=self.now,
            contacted_at=self.now - timedelta(minutes=rng.randint(0, 3000)) if rng.random() < 0.5 else None,
            occurred_at=self.now - timedelta(hours=rng.randint(0, 200)) if rng.random() < 0.5 else None,
            customer=Customer(phone="+8613800000000", level=level, network=rng.choice([None, "4G"])),
            text=text,
            origin=rng.choice([None, "filed", "direct", "nonsense"]),
            wanted_by=self.now + timedelta(hours=rng.randint(-10, 100)) if rng.random() < 0.2 else None,
            needs_headquarters=rng.random() < 0.1,
            settlement=settled if rng.random() < 0.15 else None,
            evidence=(Evidence(kind="photo", reference="p"),) if rng.random() < 0.3 else (),
            flags=("incomplete",) if rng.random() < 0.1 else (),
        )

    def action(self) -> Action:
        """Return a random action, allowed or not."""
        rng, pack = self.rng, self.pack
        unit = rng.choice(list(pack.units))
        choices: list[Callable[[], Action]] = [
            lambda: Dispatch(unit=unit),
            lambda: Dispatch(unit=unit),
            lambda: Claim(person=rng.choice("甲乙")),
            lambda: SendBack(reason="r"),
            lambda: Transfer(unit=unit, reason="r"),
            lambda: RequestAssistance(unit=unit, demand="d"),
            lambda: ReleaseAssistance(unit=unit, reason="r"),
            lambda: FeedBack(result="r", cause="c", owner=rng.choice([None, unit])),
            lambda: Answer(
                explanation="e",
                result=rng.choice([None, "r"]),
                cause=rng.choice([None, "c"]),
                agreement=rng.choice(("agreed", "agreed_wording", "refused")),
            ),
            lambda: ReplyProgress(text="t"),
            lambda: RequestExtension(explanation="e", committed_until=self.now + timedelta(hours=rng.randint(-5, 90))),
            ApproveExtension,
            lambda: DenyExtension(reason="r"),
            lambda: Suspend(waiting_for=rng.choice(("customer", "other")), reason="r"),
            Resume,
            lambda: Escalate(reason="r"),
            lambda: Supervise(reason="r"),
            lambda: Close(cause=rng.choice([None, "c"]), owner=rng.choice([None, unit])),
            lambda: Reopen(reason="r"),
            lambda: Reject(reason="r", evidence="calls/1"),
            lambda: Assign(person=rng.choice("甲乙")),
            lambda: Attach(evidence=(Evidence(kind="scan", reference=str(rng.randint(0, 9))),)),
            lambda: Correct(customer=Customer(phone=rng.choice([None, "+8613900000000"])), reason="r"),
            lambda: Assess(
                validity=rng.choice([None, "nonsense", *pack.routing.validities]),
                founded=rng.choice([None, None, True, False]),
                opening=rng.choice([None, "opened", "not_opened"]),
                liability=rng.choice([None, "liable", "unclear"]),
                reason="r",
            ),
            self._entry,
            lambda: Compensate(covers="charging_error", amount="20", text="t"),
            lambda: Reclassify(classification=classify(self.contact(), pack), reason="r"),
            self._reminder,
            self._added,
            CompleteForm,
            lambda: Note(text="t"),
            lambda: LinkTo(link=Link(ticket_id=UUID(int=rng.randint(0, 3)), kind="repeat", reason="r")),
            lambda: CallBack(attempt=1, means="sms"),
            lambda: EndCallback(reason="no_answer", evidence="calls/1"),
            lambda: AnswerSurvey(survey=Survey(process=rng.randint(1, 5), result=3, staff=3), evidence="calls/1"),
            lambda: ApplyPolicy(version="v"),
            Tick,
            Tick,
        ]
        if rng.random() < 0.03:
            choices = [
                lambda: Withdraw(reason="r", evidence="calls/1"),
                lambda: Merge(into=UUID(int=rng.randint(1, 6)), reason="r"),
                lambda: Split(text="t", classification=classify(self.contact(), pack), reason="r"),
            ]
        return rng.choice(choices)()

    def _others(self) -> dict[UUID, NamedTicket]:
        """Return the tickets that `action` names: open, closed, merged, of another pack, and two in a circle."""
        phone = Customer(phone="+8613800000000")
        open_ = NamedTicket(UUID(int=1), "T1", 1, self.pack.header.name, Status.ACCEPTED, phone, None)
        into = (open_.id, UUID(int=5), UUID(int=4))
        withdrawn = [
            replace(open_, id=UUID(int=3 + number), status=Status.WITHDRAWN, merged_into=id_)
            for number, id_ in enumerate(into)
        ]
        others = (open_, replace(open_, id=UUID(int=2), status=Status.CLOSED), *withdrawn)
        return {each.id: each for each in (*others, replace(open_, id=UUID(int=6), pack="another"))}

    def _reminder(self) -> Action:
        contact = self.contact()
        disputed = self.rng.random() < 0.5
        return Remind(contact=contact, classification=classify(contact, self.pack), reason="r", disputed=disputed)

    def _added(self) -> Action:
        contact = self.contact()
        appends = self.rng.random() < 0.5
        return AddContact(contact=contact, classification=classify(contact, self.pack), reason="r", appends=appends)

    def _entry(self) -> Action:
        rules = self.pack.outcome.entries
        if not rules or self.rng.random() < 0.05:
            return RecordEntry(kind="nonsense", text="t")
        rule = self.rng.choice(rules)
        value = self.rng.choice(rule.choices).code if rule.choices else None
        return RecordEntry(kind=rule.kind, value=value, text="t")

    def step(self, number: int) -> None:
        """Decide a random command and check the invariants."""
        rng = self.rng
        if self.ticket is None:
            contact = self.contact()
            self.id = ticket_id(contact.id)
            action: Action = Open(contact=contact, classification=classify(contact, self.pack))
        else:
            action = self.action()
        at = self.now - timedelta(seconds=rng.randint(0, 60))
        command = self.command(action, at, self.ticket)
        result = decide(self.ticket, command, self.pack, self.now, number=str(number), named=self._others())
        for event in result.events:
            self.check_event(event)
        self._check_transition(action, result.events)
        if result.events:
            self.ticket = result.events[-1].ticket
        elif result.refusal is not None:
            assert result.refusal.message

    def command(self, action: Action, at: datetime, ticket: Ticket | None) -> Command:
        """Return the command of somebody for an action on a ticket: mostly of one who may take it, else of anybody."""
        rng = self.rng
        command_id_ = UUID(int=rng.getrandbits(128))
        units = [None, *rng.sample(list(self.pack.units), len(self.pack.units))]
        for unit in units if rng.random() < 0.8 else [rng.choice(units)]:
            level = rng.choice((None, "agent", "agent_a", "centre_head", "boss"))
            actor, authority = simulated_actor(action, self.pack.header.name, unit, level=level)
            command = Command(
                id=command_id_,
                ticket_id=ticket.id if ticket is not None else self.id,
                at=at,
                actor=actor,
                policy=self.pack.header.name,
                action=action,
                authority=authority,
            )
            if judge(ticket, command, self.pack).code is None:
                break
        return command

    def _check_transition(self, action: Action, events: Sequence[TicketEvent]) -> None:
        """Check that an action did what the table of the lifecycle allows, apart from thresholds."""
        row, before = transition(action), self.ticket
        entries = {entry.event for entry in self.pack.outcome.entries}
        for event in events:
            known = (*row.events, *entries) if isinstance(action, RecordEntry) else row.events
            if event.threshold is None and event.type not in {"reclassified", "reported", "recorded"}:
                assert event.type in known, f"{action.type} makes {event.type}, which the table does not have"
                was = before.status if before is not None else None
                leads = event.ticket.status in row.leads_to or event.ticket.status is was
                assert leads, f"{action.type} leads to {event.ticket.status}, which the table does not have"
                assert before is None or row.new_run or event.ticket.run == before.run
            before = event.ticket

    def check_event(self, event: TicketEvent) -> None:
        """Check the invariants of an event and of the ticket after it."""
        before = self.folded
        self.folded = evolve(before, event)
        assert self.folded == event.ticket, f"{event.type}: the event does not make the ticket that it carries"
        assert event.version == (before.version + 1 if before else 1)
        assert before is None or event.at >= before.updated_at
        found = (event.ticket.next_action_at, event.ticket.archive_at)
        assert found == next_actions(event.ticket.clocks, self.pack.limits.archives)
        assert event.ticket.unit in self.pack.units
        self._check_threshold(event)
        used = {timer.key: timer.used for timer in before.clocks} if before else {}
        for timer in event.ticket.clocks:
            assert timer.used >= used.get(timer.key, timer.used), f"{timer.key} lost time that was used"
        clock_invariants.check(event, before, self.pack)

    def _check_threshold(self, event: TicketEvent) -> None:
        key = threshold_key(event)
        assert key is None or key not in self.keys, f"{key} was decided twice"
        if key is not None:
            self.keys.add(key)
            assert event.threshold is not None
            assert event.at >= event.threshold.due_at, f"{key} was decided too early"
        clock_invariants.check_breach(event, self.breached)


def run(pack: Pack, seed: int, decisions: int) -> int:
    """Decide a number of commands under a pack; returns to how many tickets they went.

    Raises:
        AssertionError: an invariant does not hold; the note names the seed.

    """
    rng, tickets, remaining = Random(f"{pack.header.name}/{seed}"), 0, decisions
    while remaining:
        scenario = RandomTicket(pack, rng, BEGIN + timedelta(minutes=rng.randint(0, 600_000)))
        tickets += 1
        for number in range(min(remaining, rng.randint(1, MAX_COMMANDS))):
            try:
                scenario.step(number)
            except Exception as error:
                error.add_note(f"pack {pack.header.name}, seed {seed}, after {decisions - remaining} decisions")
                raise
            scenario.now += timedelta(minutes=rng.choice((0, 1, 20, 240, 1440, 20_000)))
            remaining -= 1
    return tickets
