"""Routing: an earlier ticket or a new one."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from schemas.contact import Contact
from schemas.ticket import Status
from services.domain.ids import ticket_id
from services.router.domain.candidate import CandidateTicket
from services.router.domain.decision import RoutingDecision
from services.router.domain.route import route
from tests.builders import MORNING, PACK, PACKS, contact
from tests.complaints import pairs

OWN_PAIRS = 68
RIGHT = 0.85
RIGHT_OR_ACCEPTABLE = 0.95
OLD = uuid4()


def known(**changes: object) -> CandidateTicket:
    fields = {
        "ticket_id": OLD,
        "status": Status.HANDLING,
        "closed_at": None,
        "business_type": "broadband",
        "problem_type": "quality_inside",
        "subject": "家里宽带网速很慢，已经一个星期了",
        "person": "same",
    }
    return CandidateTicket(**{**fields, **changes})  # type: ignore[arg-type]


def routed(new_contact: Contact, *history: CandidateTicket) -> RoutingDecision:
    return route(new_contact, history, PACK, MORNING)


def test_a_first_contact_opens_a_ticket_whose_id_comes_from_it() -> None:
    decision = routed(contact())
    assert (decision.disposition, decision.ticket_id) == ("open", ticket_id(contact().id))


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("text", ["宽带还是很慢", "催一下", ""])
def test_the_same_customer_about_the_same_subject_is_a_reminder(text: str) -> None:
    decision = routed(contact("m2", text=text), known())
    assert (decision.disposition, decision.ticket_id, decision.disputed) == ("remind", OLD, False)
    assert decision.reason


@pytest.mark.requirement("R2.4")
def test_another_subject_opens_another_ticket() -> None:
    decision = routed(contact("m2", text="ETC通行费重复扣费，请核实并退还"), known())
    assert decision.disposition == "open"


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    ("old", "business", "new"),
    [
        ("ETC通行费重复扣费，请核实并退还", "toll", "话费账单有误，请核对账单"),
        ("ETC通行费重复扣费，请核实并退还", "toll", "手机流量套餐乱扣费"),
        ("手机停机了，欠费早就交了", "mobile", "ETC通行费多扣了一次"),
    ],
)
def test_what_only_an_appeal_would_call_alike_is_another_subject(old: str, business: str, new: str) -> None:
    """The types of appeals say nothing of two complaints: both may be of their type for all the rest."""
    ticket = known(subject=old, business_type=business, problem_type="charging")
    assert routed(contact("m2", text=new), ticket).disposition == "open"


@pytest.mark.requirement("R2.4")
def test_a_dispute_shortly_after_closing_goes_to_the_old_ticket() -> None:
    closed = known(status=Status.CLOSED, closed_at=MORNING - timedelta(days=6))
    decision = routed(contact("m2", text="宽带网速慢的问题没有解决"), closed)
    assert (decision.disposition, decision.disputed) == ("remind", True)


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    ("text", "days", "links"), [("宽带网速慢的问题没有解决", 8, 1), ("宽带网速又慢了", 3, 1), ("宽带网速又慢了", 95, 0)]
)
def test_after_closing_a_new_ticket_is_opened_and_linked(text: str, days: int, links: int) -> None:
    closed = known(status=Status.CLOSED, closed_at=MORNING - timedelta(days=days))
    decision = routed(contact("m2", text=text), closed)
    assert decision.disposition == "open"
    assert [each.ticket_id for each in decision.links] == [OLD] * links


def test_a_withdrawn_ticket_is_not_taken_up_again() -> None:
    assert routed(contact("m2"), known(status=Status.WITHDRAWN, closed_at=MORNING)).disposition == "open"


@pytest.mark.requirement("R2.4")
def test_people_who_share_a_number_are_distinguished_by_the_subject() -> None:
    """Fifty colleagues behind one number (DECISIONS 30)."""
    other = known(person="another")
    assert routed(contact("m2", text="宽带安装师傅没有来"), other).disposition == "open"
    suggested = routed(contact("m2", text="家里宽带网速很慢，已经一个星期了！"), other)
    assert suggested.disposition == "open", "alike words only ever suggest"
    assert [(each.kind, each.ticket_id) for each in suggested.links] == [("similar", OLD)]


@pytest.mark.requirement("R2.4")
def test_from_a_shared_landline_only_nearly_equal_words_are_a_reminder() -> None:
    perhaps = known(person="perhaps")
    assert routed(contact("m2", text="家里宽带网速很慢，已经一个星期了！"), perhaps).disposition == "remind"
    for text in ("宽带还是很慢", "催一下", ""):
        assert routed(contact("m2", text=text), perhaps).disposition == "open"
    desk = known(person="perhaps", subject="公司宽带很慢，工位3号")
    other = routed(contact("m2", text="公司宽带很慢，工位4号"), desk)
    assert (other.disposition, [each.kind for each in other.links]) == ("open", ["similar"])


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text",
    ["你们门口的井盖坏了，孩子摔伤了", "我在你们门口滑倒了，要求道歉", "你们的施工队把我家墙砸坏了要求赔偿"],
)
def test_a_matter_that_no_rule_can_type_is_not_swallowed_by_an_open_ticket(text: str) -> None:
    decision = routed(contact("m2", text=text), known())
    assert decision.disposition == "open"
    assert [(each.kind, each.ticket_id) for each in decision.links] == [("similar", OLD)]


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text", ["我的问题还没解决", "怎么还没人来", "有进展吗", "到底什么时候能好", "It is still not working", "還沒解決"]
)
def test_asking_how_it_stands_is_a_reminder_by_the_policy_s_words(text: str) -> None:
    assert routed(contact("m2", text=text), known()).disposition == "remind"


def test_every_pack_knows_how_customers_ask_how_it_stands() -> None:
    for pack in PACKS.values():
        decision = route(contact("m2", text="催一下"), [known()], pack, MORNING)
        assert decision.disposition == "remind", pack.header.name


@pytest.mark.requirement("R2.4")
def test_alike_words_about_another_type_only_suggest() -> None:
    old = known(business_type="broadband", problem_type="charging", subject="我家里的宽带总是多扣钱，请核实退费")
    decision = routed(contact("m2", text="我家里的手机总是多扣钱，请核实退费", business_type="nr"), old)
    assert decision.disposition == "open"
    assert [(each.kind, each.ticket_id) for each in decision.links] == [("similar", OLD)]


@pytest.mark.requirement("R2.4")
def test_who_only_knows_a_number_does_not_act_on_its_ticket() -> None:
    stranger = known(person="another", named="follows")
    decision = routed(contact("m2", text="不认可你们的处理"), stranger)
    assert (decision.disposition, [each.ticket_id for each in decision.links]) == ("open", [OLD])
    assert routed(contact("m2", text="不认可你们的处理"), known(named="follows")).disposition == "remind"


def test_an_appeal_is_linked_to_the_complaint_that_it_names() -> None:
    before = known(named="before")
    decision = routed(contact("m2", channel="regulator", text="宽带还是很慢"), before)
    assert decision.disposition == "open"
    assert [(each.kind, each.ticket_id) for each in decision.links] == [("repeat", OLD)]


def test_a_ticket_that_the_ledger_has_not_seen_yet_counts_as_open() -> None:
    assert routed(contact("m2"), known(status=None)).disposition == "remind"


@pytest.mark.requirement("R2.4", "R5.6")
@pytest.mark.parametrize("status", [Status.WITHDRAWN, Status.ARCHIVED])
def test_a_contact_that_names_a_ticket_which_is_over_opens_a_new_one_linked(status: Status) -> None:
    old = known(status=status, closed_at=MORNING - timedelta(days=2000), named="follows")
    decision = routed(contact("m2"), old)
    assert decision.disposition == "open"
    assert [(link.ticket_id, link.kind) for link in decision.links] == [(OLD, "repeat")]


@pytest.mark.requirement("R2.4")
def test_an_archived_ticket_is_linked_but_never_reminded_of() -> None:
    archived = known(status=Status.ARCHIVED, closed_at=MORNING - timedelta(days=2))
    decision = routed(contact("m2", text="宽带网速慢的问题没有解决"), archived)
    assert (decision.disposition, [link.kind for link in decision.links]) == ("open", ["repeat"])


@pytest.mark.requirement("R2.4", "R3.8")
@pytest.mark.parametrize("path", [pairs.GIVEN, pairs.OWN], ids=["labelled", "own"])
def test_nearly_every_second_contact_goes_where_it_should_and_none_to_a_stranger(path: Path) -> None:
    if not path.exists():
        pytest.skip("the labelled pairs are not on this machine")
    played = list(pairs.play_all(pairs.load(path), PACKS))
    verdicts = Counter(each.verdict for each in played)
    shown = pairs.report(played)
    assert [each.pair["id"] for each in played if each.worst is not None] == [], shown
    assert verdicts["right"] >= RIGHT * len(played), shown
    assert verdicts["right"] + verdicts["acceptable"] >= RIGHT_OR_ACCEPTABLE * len(played), shown


def test_the_own_pairs_are_all_there() -> None:
    ids = [pair["id"] for pair in pairs.load(pairs.OWN)]
    assert (len(ids), len(set(ids))) == (OWN_PAIRS, OWN_PAIRS)
