"""Tests of reading values by a mapping."""

from pathlib import Path
from typing import Any

import pytest

from schemas.contact import Contact
from services.intake.channel_registry import channels
from tests.unit.intake.parsing import envelope, reasons, to_json

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
