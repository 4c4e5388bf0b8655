"""The limit that a regulator's transfer names becomes a time, so that it is a clock of the appeal (DECISIONS 37)."""

from datetime import UTC
from typing import Any

import pytest

from schemas.contact import Contact
from tests.unit.intake.parsing import parse

HEADER = "申诉编号,申诉人,联系电话,申诉时间,办理时限,申诉内容"


def transferred(limit: str) -> Contact:
    row = f"SS202612010001,张三,13900000001,2026-12-01 09:00,{limit},申诉人反映宽带断网"
    (only,) = parse("regulator", f"{HEADER}\n{row}\n".encode(), "text/csv")
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
