"""Every action, in every status, asked for by everybody, in every pack, against what DECISIONS 34 says."""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import timedelta
from uuid import UUID

import pytest

from schemas import action as actions
from schemas import customer_actions
from schemas.action import ActionModel
from schemas.command import MODELS, Actor, Authority
from schemas.contact import Customer, Evidence
from schemas.ticket import Link, Survey
from services.domain.authority import judge as judging
from services.domain.authority import table
from services.domain.authority.judge import judge
from services.domain.authority.table import Grant
from services.domain.classify import classify
from services.domain.policy.authority import AuthorityPolicy, Party
from services.domain.policy.pack import Pack
from services.domain.policy.units import NamedPerson
from services.ledger.domain.decide import decide
from services.ledger.domain.lifecycle import LIFECYCLE
from tests.builders import CENTRE, MORNING, PACK, PACKS, TicketScenario, contact
from tests.unit.domain.authority.situations import ASSISTING, SAYS, Attempt, attempts, override, tickets

EXPECTED: Mapping[str, str] = {
    "open": "service:router service:callback service:ledger",
    "remind": "service:router service:ledger",
    "add_contact": "service:router service:ledger",
    "tick": "service:sla_monitor service:ledger",
    "complete_form": "accepting centre",
    "reclassify": "centre",
    "assess": "holder centre",
    "join_hot_issue": "service:hot_issues",
    "dispatch": "dispatcher centre",
    "claim": "holder",
    "send_back": "holder",
    "transfer": "holder",
    "request_assistance": "holder",
    "release_assistance": "holder requester centre",
    "feed_back": "holder assisting",
    "answer": "answering",
    "reply_progress": "answering",
    "close": "centre",
    "reopen": "centre",
    "reject": "customer centre accepting",
    "withdraw": "customer centre accepting",
    "request_extension": "holder",
    "approve_extension": "centre",
    "deny_extension": "centre",
    "suspend": "holder",
    "resume": "holder",
    "escalate": "centre above",
    "supervise": "centre above",
    "split": "centre",
    "merge": "centre",
    "assign": "holder centre",
    "attach": "involved accepting customer",
    "correct": "accepting centre",
    "record": "writer",
    "compensate": "granting",
    "join_call": "service:router",
    "apply_policy": "service:policy",
    "note": "involved accepting service:router",
    "link": "centre service:router service:ledger service:callback",
    "report_undeliverable": "service:notifier",
    "apologise": "answering",
    "call_back": "service:callback",
    "start_callback": "callback",
    "record_callback": "callback",
    "end_callback": "customer centre accepting service:callback",
    "answer_survey": "customer centre accepting service:callback",
    "screen": "centre",
}
"""Who may take each action, by DECISIONS 34 and by what each service sends."""
CLASSIFICATION = classify(contact(), PACK)
PLAIN = dataclasses.replace(PACK, authority=AuthorityPolicy())
"""The carrier's pack by the defaults alone: its own rules would hide a change of their rows."""


def examples(pack: Pack) -> dict[str, ActionModel]:
    """Return an action of each type, complete enough to be judged."""
    survey, reference = Survey(process=5, result=5, staff=5), "calls/1"
    entry = next((entry for entry in pack.outcome.entries if entry.by), None)
    kind = entry.kind if entry is not None else "report"
    return {
        "open": actions.Open(contact=contact(), classification=CLASSIFICATION),
        "remind": actions.Remind(contact=contact(), classification=CLASSIFICATION, reason="r"),
        "add_contact": actions.AddContact(contact=contact(), classification=CLASSIFICATION, reason="r"),
        "tick": actions.Tick(),
        "complete_form": actions.CompleteForm(),
        "reclassify": actions.Reclassify(classification=CLASSIFICATION, reason="r"),
        "assess": actions.Assess(reason="r"),
        "join_hot_issue": actions.JoinHotIssue(issue=UUID(int=1), tickets=1),
        "dispatch": actions.Dispatch(unit="network"),
        "claim": actions.Claim(person="p"),
        "send_back": actions.SendBack(reason="r"),
        "transfer": actions.Transfer(unit="network", reason="r"),
        "request_assistance": actions.RequestAssistance(unit="network", demand="d"),
        "release_assistance": actions.ReleaseAssistance(unit=ASSISTING, reason="r"),
        "feed_back": actions.FeedBack(result="r", cause="c"),
        "answer": actions.Answer(explanation="e", agreement="agreed"),
        "reply_progress": actions.ReplyProgress(text="t"),
        "close": actions.Close(),
        "reopen": actions.Reopen(reason="r"),
        "reject": actions.Reject(reason="r", evidence=reference),
        "withdraw": actions.Withdraw(reason="r", evidence=reference),
        "request_extension": actions.RequestExtension(explanation="e", committed_until=MORNING + timedelta(days=1)),
        "approve_extension": actions.ApproveExtension(),
        "deny_extension": actions.DenyExtension(reason="r"),
        "suspend": actions.Suspend(waiting_for="customer", reason="r"),
        "resume": actions.Resume(),
        "escalate": actions.Escalate(reason="r"),
        "supervise": actions.Supervise(reason="r"),
        "split": actions.Split(text="t", classification=CLASSIFICATION, reason="r"),
        "merge": actions.Merge(into=UUID(int=1), reason="r"),
        "assign": actions.Assign(person="p"),
        "attach": actions.Attach(evidence=(Evidence(kind="scan", reference="s"),)),
        "correct": actions.Correct(customer=Customer(phone="+8613900000000"), reason="r"),
        "record": actions.RecordEntry(kind=kind, text="t"),
        "compensate": actions.Compensate(covers="charging_error", amount="1", text="t"),
        "join_call": actions.Tick(),
        "apply_policy": actions.ApplyPolicy(version="v"),
        "note": actions.Note(text="t"),
        "link": actions.LinkTo(link=Link(ticket_id=UUID(int=1), kind="repeat", reason="r")),
        "report_undeliverable": customer_actions.ReportUndeliverable(notice=UUID(int=1), letter="l", reason="r"),
        "apologise": customer_actions.Apologise(letter="l"),
        "call_back": customer_actions.CallBack(attempt=1, means="sms"),
        "start_callback": customer_actions.StartCallback(),
        "record_callback": customer_actions.RecordCallback(result="no_answer"),
        "end_callback": customer_actions.EndCallback(reason="opted_out", evidence=reference),
        "answer_survey": customer_actions.AnswerSurvey(survey=survey, evidence=reference),
        "screen": customer_actions.Screen(wrong_handling=True, reason="r"),
    }


def is_expected(attempt: Attempt, action: ActionModel, pack: Pack) -> bool:
    """Whether an attempt is allowed, by the text of EXPECTED and the pack's own rules."""
    names, rule = EXPECTED[action.type].split(), override(attempt, pack, action)
    if attempt.actor.kind == "service":
        return f"service:{attempt.actor.name}" in names
    people = [name for name in names if not name.startswith("service:")] if rule is None else list(rule.who)
    if attempt.actor.kind == "customer":
        return "customer" in people and attempt.actor.proof is not None
    if not attempt.reaches:
        return False
    if rule is not None and attempt.actor.unit in rule.units:
        return True
    return any(SAYS[name](attempt, pack, action) for name in people if name != "customer")


def level_of(pack: Pack) -> str | None:
    """Return a level of authority that the pack has, any where it has none."""
    return pack.outcome.compensation.levels[0].level if pack.outcome.compensation is not None else "agent"


def differences(pack: Pack, only: str | None = None) -> Iterator[str]:
    """Yield what the judge decides otherwise than expected."""
    for name, action in examples(pack).items():
        if only not in {None, name} or action.type != name:
            continue
        for ticket in tickets(pack.header.name):
            for attempt in attempts(ticket, pack, level_of(pack)):
                verdict = judge(ticket, attempt.command(action, pack), pack)
                if (verdict.code is None) != is_expected(attempt, action, pack):
                    yield f"{name}, {ticket.status} with {ticket.unit}: {attempt.label}: {verdict.code}"


@pytest.mark.fuzz
@pytest.mark.requirement("R2.7", "R5.1", "R7.5")
@pytest.mark.parametrize("name", PACKS)
def test_everybody_may_what_the_decisions_say_and_nothing_else(name: str) -> None:
    assert list(differences(PACKS[name])) == []


def test_every_action_has_a_row_in_every_table() -> None:
    assert EXPECTED.keys() == examples(PACK).keys() == MODELS.keys()
    assert table.GRANTS.keys() == LIFECYCLE.keys()


@pytest.mark.fuzz
@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "join_call"])
def test_a_row_that_loses_or_gains_somebody_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS[name]
    grant = table.GRANTS[model]
    changed = [Grant(tuple(who for who in grant.who if who is not party), grant.services) for party in grant.who]
    changed += [Grant(grant.who, tuple(one for one in grant.services if one != gone)) for gone in grant.services]
    changed += [Grant((*grant.who, party), grant.services) for party in _gained(grant, name)]
    changed += [Grant(grant.who, (*grant.services, "intake"))]
    grants = dict(table.GRANTS)
    monkeypatch.setattr(judging, "GRANTS", grants)
    for other in changed:
        grants[model] = other
        assert next(differences(PLAIN, name), None) is not None, other


def _gained(grant: Grant, name: str) -> Iterator[Party]:
    """Yield parties of which somebody is not allowed by the row as it is."""
    action = examples(PLAIN)[name]
    for party in Party:
        if party in grant.who or (party is Party.WRITER and name != "record"):
            continue
        if party is Party.CUSTOMER or any(
            attempt.reaches
            and attempt.actor.kind == "unit"
            and SAYS[party](attempt, PLAIN, action)
            and not is_expected(attempt, action, PLAIN)
            for ticket in tickets("carrier")
            for attempt in attempts(ticket, PLAIN, "agent")
        ):
            yield party


@pytest.mark.fuzz
@pytest.mark.parametrize("party", [party for party in Party if party is not Party.CUSTOMER])
def test_a_party_that_lets_everybody_in_is_noticed(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(name for name, names in EXPECTED.items() if party in names.split())
    monkeypatch.setattr(judging, "PARTIES", {**judging.PARTIES, party: lambda *_: True})
    assert next(differences(PACK, name), None) is not None


def test_a_key_that_reaches_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "_beyond_key", lambda *_: iter(()))
    assert any("other pack" in line for line in differences(PACK, "claim"))


@pytest.mark.fuzz
@pytest.mark.requirement("R2.7")
def test_the_ledger_decides_as_the_judge_says() -> None:
    for action in examples(PACK).values():
        for ticket in tickets("carrier"):
            for number, attempt in enumerate(attempts(ticket, PACK, "agent")):
                command = attempt.command(action, PACK)
                verdict = judge(ticket, command, PACK)
                if verdict.code is None or number % 7:
                    continue
                decided = decide(ticket, command, PACK, MORNING, number="1")
                assert decided.refusal is not None
                assert decided.refusal.code == verdict.code
                assert all(event.threshold is not None for event in decided.events)


@pytest.mark.parametrize("name", ["reject", "withdraw", "end_callback", "answer_survey"])
def test_the_customer_s_word_that_another_passes_on_needs_evidence(name: str) -> None:
    """DECISIONS 34."""
    action, ticket = examples(PACK)[name].replace(evidence=None), TicketScenario.opened().current
    centre = Actor(kind="agent", name="wang", unit=CENTRE)
    key = Authority(packs=("carrier",), units=(CENTRE,))
    verdict = judge(ticket, Attempt("", ticket, centre, key).command(action, PACK), PACK)
    assert (verdict.code, verdict.missing) == ("missing", ("evidence",))
    customer = Actor(kind="customer", name="customer", proof="own_channel")
    assert judge(ticket, Attempt("", ticket, customer).command(action, PACK), PACK).code is None


@pytest.mark.requirement("R7.5")
def test_a_named_person_acts_by_the_own_units_roles_and_level() -> None:
    person = NamedPerson(name="wang", units=(CENTRE,), roles=("callback",), level="team_leader", ours="example")
    pack, ticket = dataclasses.replace(PACK, persons={"wang": person}), TicketScenario.opened().current
    key = Authority(packs=("carrier",), units=("*",), level="centre_head")
    actor = Actor(kind="agent", name="wang", unit=CENTRE)
    note, call = actions.Note(text="t"), customer_actions.StartCallback()
    assert judge(ticket, Attempt("", ticket, actor, key).command(note, pack), pack).code is None
    assert judge(ticket, Attempt("", ticket, actor, key).command(call, pack), pack).code is None
    elsewhere = Attempt("", ticket, actor.replace(unit="provincial_service"), key).command(note, pack)
    assert judge(ticket, elsewhere, pack).message == f"wang belongs to {CENTRE}, not to provincial_service"
    assert judging.level_of(Attempt("", ticket, actor, key).command(note, pack), pack) == "team_leader"
    other = Attempt("", ticket, actor.replace(name="li"), key).command(note, pack)
    assert judging.level_of(other, pack) == "centre_head"


def test_a_refusal_names_who_may_and_what_the_key_is_for() -> None:
    ticket = TicketScenario.dispatched("network").current
    key = Authority(packs=("carrier",), units=("billing",))
    actor = Actor(kind="agent", name="zhao", unit="billing")
    asked = Attempt("", ticket, actor, key)
    assert judge(ticket, asked.command(actions.Claim(person="zhao"), PACK), PACK).message == (
        "claim is not for billing; it is for holder (network)"
    )
    bus = Attempt("", ticket, actor, key.replace(packs=("bus",))).command(actions.Close(), PACK)
    assert judge(ticket, bus, PACK).message == "the key is for bus, not for tickets of carrier"


def test_a_pack_may_name_an_approver() -> None:
    rule = {"action": ["approve_extension"], "units": ["mobile_owner"], "ours": "as an example"}
    pack = dataclasses.replace(PACK, authority=AuthorityPolicy.model_validate({"rule": [rule]}))
    ticket = TicketScenario.dispatched("network").current
    approve = actions.ApproveExtension()

    def verdict(unit: str) -> str | None:
        actor = Actor(kind="agent", name="somebody", unit=unit)
        key = Authority(packs=("carrier",), units=(unit,))
        return judge(ticket, Attempt("", ticket, actor, key).command(approve, pack), pack).code

    assert verdict("mobile_owner") is None
    assert verdict(CENTRE) == "not_allowed"
