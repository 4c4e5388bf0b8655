"""From messages in a channel's words to contacts; every fault is named, nothing crashes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contact import Contact, Customer
from services.domain.ids import record_key
from services.intake.channel_registry import WITHOUT_TOPIC, channels
from services.intake.domain import submission
from services.intake.domain.envelope import Envelope, parse_json_object
from services.intake.domain.fields import InvalidPayload
from tests.builders import MORNING

FORM = {
    "form_no": "HF1",
    "operator_id": "8007",
    "customer": {"ani": "13800000101", "name": "李女士", "customer_no": "C1", "level": "gold", "home_province": "河南"},
    "business_type": "ETC/通行费",
    "problem_type": "账单争议",
    "content": "同一行程扣了两次",
    "created_at": "2026-03-12T09:13:42+08:00",
    "recording": {"ref": "1.wav"},
}
EVENT = {
    "event_id": "STORE-1",
    "hall": {"code": "HNZZ0012"},
    "operator_id": "HN8812",
    "accepted_at": 1773282060000,
    "customer": {"name": "孙某", "phone": "13800000601", "level": "普通"},
    "business_type": "移动/4G",
    "complaint_type": "业务办理",
    "content": "跑了三趟没办成",
    "form_no": "BD1",
    "attachments": [{"name": "受理单.jpg", "mime": "image/jpeg", "ref": "obj://1"}],
}
ROW = {
    "受理流水号": "SD1",
    "受理时间": "2026-03-12 10:21",
    "营业厅编码": "HNZZ0012",
    "客户姓名": "孙某",
    "联系电话": "\t13800000604",
    "业务类型": "固网/宽带",
    "投诉类别": "资费争议",
    "投诉内容": "没有按承诺",
    "是否VIP": "是",
    "受理单号": "BD2",
}
CUSTOMER = {"phone": "138 0000 0101", "name": "李"}
SENT = {"message_id": "m1", "customer": CUSTOMER, "text": "宽带慢"}


def envelope(body: bytes, channel: str = "web") -> Envelope:
    return Envelope("sender", channel, "carrier", MORNING, "application/json", body)


TABLE = channels()


def heard(channel: str, told: dict[str, Any]) -> Contact:
    (only,) = TABLE[channel].parse(envelope(body(told), channel))
    assert isinstance(only.content, Contact)
    return only.content


def body(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode()


def submitted(told: dict[str, Any], key: str | None = None) -> Contact:
    return submission.parse_contact(told, envelope(body(told)), key)


def errors(make: Callable[[], Contact]) -> dict[str, str]:
    with pytest.raises(InvalidPayload) as caught:
        make()
    return {each.field: each.reason for each in caught.value.errors}


@pytest.mark.requirement("R2.1", "R2.3", "R2.2")
def test_a_hotline_form() -> None:
    made = heard("hotline", FORM)
    assert (made.message_id, made.agent, made.customer.phone) == ("HF1", "8007", "+8613800000101")
    assert (made.customer.number, made.customer.level, made.customer.home_region) == ("C1", "gold", "河南")
    assert made.labels == ("ETC/通行费", "账单争议")
    assert [(each.kind, each.reference) for each in made.evidence] == [("recording", "1.wav")]
    assert made.raw is not None
    assert base64.b64decode(made.raw.body or "") == body(FORM)


@pytest.mark.requirement("R2.2")
def test_a_hotline_form_that_was_settled_on_the_call() -> None:
    made = heard("hotline", FORM | {"settled_on_call": True, "answer": {"outcome": "已退费", "cause": "系统"}})
    assert made.settlement is not None
    assert (made.settlement.outcome, made.settlement.explanation, made.settlement.cause) == ("已退费", "已退费", "系统")


def test_a_withheld_number_is_flagged_and_leaves_nothing_to_reach_the_customer_by() -> None:
    told = FORM | {"customer": {"ani": "anonymous", "customer_no": "C1"}}
    assert errors(lambda: heard("hotline", told)) == {"customer.contact_phone": "missing_contact"}


@pytest.mark.requirement("R2.1", "R2.3")
def test_a_hall_s_event_and_its_export() -> None:
    event = heard("store", EVENT)
    assert (event.message_id, event.site, event.customer.phone) == ("STORE-1", "HNZZ0012", "+8613800000601")
    assert {(each.kind, each.reference) for each in event.evidence} == {("scan", "obj://1"), ("paper_form", "BD1")}
    row = heard("store", ROW)
    assert (row.message_id, row.customer.phone, row.customer.level) == ("SD1", "+8613800000604", "gold")
    assert row.text == "没有按承诺"


@pytest.mark.requirement("R2.5")
def test_every_fault_is_told_at_once() -> None:
    told = errors(lambda: submitted({"message_id": "m1", "customer": {}, "occurred_at": "2026-02-30", "text": "x"}))
    assert told == {"occurred_at": "bad_date", "customer.phone": "missing_contact"}
    told = errors(lambda: submitted({"customer": {"phone": "13800000101"}, "colour": "red", "id": "x"}))
    assert told == {"message_id": "missing_id", "colour": "bad_schema", "id": "bad_schema"}


@pytest.mark.requirement("R2.4")
def test_the_idempotency_key_stands_for_a_message_id() -> None:
    without = {name: value for name, value in SENT.items() if name != "message_id"}
    assert submitted(without, "m1").id == submitted(SENT).id
    assert errors(lambda: submitted(SENT | {"message_id": 12345678901234567890})) == {"message_id": "bad_id"}


@pytest.mark.requirement("R2.5")
def test_what_is_incomplete_but_usable_is_flagged() -> None:
    made = submitted(SENT | {"text": "  "})
    assert {"no_text", "incomplete"} <= set(made.flags)
    masked = submitted(SENT | {"customer": {"phone": "138****0805", "email": "li@mail.example"}})
    assert masked.customer.phone is None
    assert {"phone_invalid", "no_phone"} <= set(masked.flags)


@pytest.mark.parametrize(
    "written", ["a@[", "li@[mail.example", "(a@x.com", "=?utf-8?q?=0a?=@x.com", "li at x.com", "a,b@x.com"]
)
def test_a_mail_address_that_is_none_is_left_out_and_said_and_the_contact_is_kept(written: str) -> None:
    made = submitted({**SENT, "customer": {**CUSTOMER, "email": written}})
    assert made.customer.email is None
    assert "email_invalid" in made.flags
    kept = submitted({**SENT, "customer": {**CUSTOMER, "email": " li@mail.example "}})
    assert kept.customer.email == "li@mail.example"
    assert "email_invalid" not in kept.flags


def test_who_can_be_reached_by_no_other_way_is_asked_for_one() -> None:
    with pytest.raises(InvalidPayload) as caught:
        submitted({**SENT, "customer": {"email": "a@["}})
    assert [each.reason for each in caught.value.errors] == ["missing_contact"]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "bad_encoding"),
        (b'{"a": ', "truncated"),
        (b'{"a": ]}', "bad_syntax"),
        (b'{"a": NaN}', "bad_syntax"),
        (b"[]", "bad_schema"),
        (b"[" * 100_000, "bad_schema"),
    ],
)
def test_bodies_that_are_no_object(sent: bytes, reason: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse_json_object(sent)
    assert caught.value.errors[0].reason == reason


def test_record_keys_hide_who_it_is() -> None:
    who = Customer(phone="+8613800000101", number="C1")
    key = record_key(who, "secret")
    assert key == record_key(Customer(number="C1"), "secret") != record_key(who, "another")
    assert b"C1" not in key


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def damaged(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return the record with some of its values replaced by anything."""
    return st.dictionaries(st.sampled_from(sorted(good)), JSON, max_size=4).map(lambda changes: {**good, **changes})


@pytest.mark.requirement("R2.5")
@settings(max_examples=300, deadline=None)
@given(told=st.one_of(damaged(FORM), damaged(EVENT), damaged(ROW)), data=st.data())
def test_whatever_a_channel_sends_is_a_contact_or_refused_with_a_reason(
    told: dict[str, Any], data: st.DataObject
) -> None:
    channel = data.draw(st.sampled_from(sorted(TABLE.keys() - WITHOUT_TOPIC)))
    try:
        parts = TABLE[channel].parse(envelope(body(told), channel))
    except InvalidPayload as refused:
        assert all(each.field and each.reason and each.message for each in refused.errors)
    else:
        for each in parts:
            if isinstance(each.content, Contact):
                assert Contact.from_json(each.content.to_json()) == each.content


@settings(max_examples=300, deadline=None)
@given(told=damaged(SENT | {"labels": [], "evidence": [], "settlement": None}))
def test_whatever_a_sender_writes_is_a_contact_or_refused_with_a_reason(told: dict[str, Any]) -> None:
    try:
        made = submitted(told)
    except InvalidPayload as refused:
        assert all(each.field and each.reason and each.message for each in refused.errors)
    else:
        assert made.customer.reachable
