"""Tests of reading values by a mapping."""

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from schemas.contact import Contact
from services.intake.channel_registry import channels
from tests.unit.intake.parsing import envelope, messages, parse, parse_contact, reasons, to_json

KIOSK = (
    'title = "K"\n[[form]]\nid = "nr"\nreach = "tel"\n[form.fields]\ntext = "msg"\n"customer.phone" = "tel"\n'
    '"customer.tenure_months" = "months"\n"customer.switchboard" = "shared"\n'
    'needs_headquarters = { at = "hq", words = { Y = "yes", N = "no" } }\n'
    '"taken_over.used_minutes" = { at = "used", as = "number" }\n'
)


def kiosk(folder: Path, **fields: Any) -> Contact:
    (folder / "kiosk.toml").write_text(KIOSK)
    body = to_json({"nr": 1, "tel": "13800000101", "msg": "x", **fields})
    (item,) = channels(folder)["kiosk"].parse(envelope("kiosk", body))
    assert isinstance(item.content, Contact)
    return item.content


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize("months", [12, "12", " 12 ", 12.0])
@pytest.mark.parametrize("shared", [True, "true", "YES", "1", 1, "是"])
def test_a_mapping_fills_numbers_and_booleans(tmp_path: Path, months: Any, shared: Any) -> None:
    contact = kiosk(tmp_path, months=months, shared=shared, hq="Y")
    assert (contact.customer.tenure_months, contact.customer.switchboard) == (12, True)
    assert contact.needs_headquarters


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("months", "²", "tenure_months"),
        ("months", "-1", "tenure_months"),
        ("months", "1.5", "tenure_months"),
        ("months", True, "tenure_months"),
        ("shared", "perhaps", "switchboard"),
        ("shared", [], "switchboard"),
    ],
)
def test_an_optional_value_that_cannot_be_read_is_kept_as_text(
    tmp_path: Path, field: str, value: Any, kept: str
) -> None:
    contact = kiosk(tmp_path, **{field: value})
    assert getattr(contact.customer, kept) in {None, False}
    assert contact.details[f"{kept}_as_written"] == str(value)
    assert "value_unread" in contact.flags


@pytest.mark.parametrize("used", ["nan", "inf", "x"])
def test_a_time_used_that_is_no_number_is_an_error(tmp_path: Path, used: str) -> None:
    assert reasons(lambda: kiosk(tmp_path, used=used))["used"] == "bad_schema"


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("first", ["同来电", "138****0805", "", None, "anonymous", 7])
def test_the_next_source_is_read_when_the_first_cannot_be(first: Any) -> None:
    form = {
        "form_no": "F1",
        "created_at": "2026-03-12T09:00:00+08:00",
        "content": "慢",
        "customer": {"contact_phone": first, "ani": "13900000001"},
    }
    contact = parse_contact("hotline", form)
    assert contact.customer.phone == "+8613900000001"
    assert not {"phone_invalid", "phone_masked", "no_phone"} & set(contact.flags)


@pytest.mark.requirement("R2.5")
def test_a_contact_that_cannot_be_reached_says_that_its_phone_number_cannot_be_read() -> None:
    letter = {"doc_no": "L1", "received_at": "2026-03-12T09:00:00+08:00", "keyed_text": "慢", "sender": {"phone": "7"}}
    (error,) = messages(lambda: parse_contact("letter_fax", letter)).items()
    assert error[0] == "sender"
    assert error[1].startswith("the phone number given cannot be read")


@pytest.mark.requirement("R2.2", "R2.5")
def test_properties_of_evidence_are_read_as_systems_write_them() -> None:
    form = {
        "submission_id": "S1",
        "submitted_at": "2026-03-12T09:00:00+08:00",
        "content": "慢",
        "phone": "13900000001",
        "attachments": [
            {"name": "a.png", "url": "https://files.example/1", "size": "1024", "sha256": "AB" * 32, "mime": ""},
            {"name": "b.png", "url": "https://files.example/2", "size": "big", "sha256": "short"},
        ],
    }
    contact = parse_contact("web_form", form)
    first, second = contact.evidence
    assert (first.size, first.sha256, first.media_type) == (1024, "ab" * 32, None)
    assert (second.size, second.sha256) == (None, None)
    assert "evidence_property_unread" in contact.flags


TRANSFERS = "申诉编号,申诉人,联系电话,申诉时间,办理时限,申诉内容"


def transferred(limit: str) -> Contact:
    row = f"SS202612010001,张三,13900000001,2026-12-01 09:00,{limit},申诉人反映宽带断网"
    (only,) = parse("regulator", f"{TRANSFERS}\n{row}\n".encode(), "text/csv")
    assert isinstance(only.content, Contact)
    return only.content


@pytest.mark.requirement("R3.8", "R4.1")
@pytest.mark.parametrize(
    ("limit", "due"),
    [
        ("2026-12-10", "2026-12-10T15:59:59"),
        ("2026-12-10前", "2026-12-10T15:59:59"),
        ("2026年12月10日之前", "2026-12-10T15:59:59"),
        ("2026年12月10日17时前", "2026-12-10T09:00:00"),
        ("2026年12月10日 17:30 前", "2026-12-10T09:30:00"),
    ],
)
def test_a_date_is_a_limit_however_it_is_written(limit: str, due: str) -> None:
    wanted: Any = transferred(limit).wanted_by
    assert wanted is not None
    assert wanted.astimezone(UTC).isoformat()[:19] == due


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("limit", ["10个工作日", "15"])
def test_a_count_of_days_stays_text(limit: str) -> None:
    contact = transferred(limit)
    assert (contact.wanted_by, contact.details["due_text"]) == (None, limit)
