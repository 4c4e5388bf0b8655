"""Tests of reading values by a mapping."""

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from schemas.contact import Contact
from services.intake.channel_registry import channels
from tests.unit.intake.parsing import envelope, parse, reasons, to_json

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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("months", "²"),
        ("months", "-1"),
        ("months", "1.5"),
        ("months", True),
        ("shared", "perhaps"),
        ("shared", []),
        ("used", "nan"),
        ("used", "inf"),
        ("used", "x"),
    ],
)
def test_a_value_that_is_no_number_or_boolean_is_an_error(tmp_path: Path, field: str, value: Any) -> None:
    assert reasons(lambda: kiosk(tmp_path, **{field: value}))[field] == "bad_schema"


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
