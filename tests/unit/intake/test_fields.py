"""Single values that strangers wrote."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.fields import InputErrors, PhoneNumber, clean, parse_amount, parse_phone
from services.intake.domain.times import parse_epoch, parse_instant, parse_instant_or_day


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize(
    ("written", "number", "extension"),
    [
        ("13800000101", "+8613800000101", None),
        ("+86 138-0000-0101", "+8613800000101", None),
        ("8613800000101", "+8613800000101", None),
        ("013800000101", "+8613800000101", None),
        ("１３８０００００１０１", "+8613800000101", None),
        ("\t13800000101", "+8613800000101", None),
        ("0571-55500603", "+8657155500603", None),
        ("(0571) 5550 0603", "+8657155500603", None),
        ("0571-55500603转802", "+8657155500603", "802"),
        ("0571-55500603-23", "+8657155500603", "23"),
        ("+1 202 555 0143", "+12025550143", None),
    ],
)
def test_phones_as_people_write_them(written: str, number: str, extension: str | None) -> None:
    assert parse_phone(written) == PhoneNumber(number, extension)


@pytest.mark.parametrize("written", ["", None, "138****0805", "1.38E+10", "未留", "12", "110110199003071234"])
def test_what_is_no_phone(written: str | None) -> None:
    assert parse_phone(written) is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_phone_in_e164_or_none(text: str) -> None:
    found = parse_phone(text)
    assert found is None or (found.number.startswith("+") and found.number[1:].isdigit())


@pytest.mark.requirement("R2.3", "R2.5")
@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2026-03-12T09:13:42+08:00", datetime(2026, 3, 12, 1, 13, 42, tzinfo=UTC)),
        ("2026-03-12 09:13", datetime(2026, 3, 12, 1, 13, tzinfo=UTC)),
        ("2026/3/12 9:05:30", datetime(2026, 3, 12, 1, 5, 30, tzinfo=UTC)),
        ("2026-03-12", date(2026, 3, 12)),
        ("", None),
        (None, None),
    ],
)
def test_times_as_people_write_them(written: str | None, told: object) -> None:
    errors = InputErrors()
    assert parse_instant_or_day(written, "at", errors) == told
    assert errors.found == []


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("written", ["2026-02-30", "2026-13-01 10:00", "2026-03-12 25:00", "12.3.", "1970-01-01", 5])
def test_impossible_times_are_named(written: object) -> None:
    errors = InputErrors()
    assert parse_instant(written, "occurred_at", errors) is None
    assert [(each.field, each.reason) for each in errors.found] == [("occurred_at", "bad_date")]


@pytest.mark.parametrize(
    ("millis", "good"), [(1773282060000, True), (1773282060, False), (None, False), (10**18, False), (True, False)]
)
def test_milliseconds_are_not_seconds(millis: object, good: bool) -> None:  # noqa: FBT001
    errors = InputErrors()
    assert (parse_epoch(millis, "accepted_at", errors) is not None) is good
    assert bool(errors.found) is not good


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_is_cleaned_can_be_stored(value: object) -> None:
    text = repr(clean(value))
    assert "\\x00" not in text
    assert "\\ud8" not in text


@pytest.mark.parametrize(
    ("told", "amount"), [("120.5", "120.50"), (30, "30.00"), (0.1, "0.10"), ("", None), (None, None), (" 7 ", "7.00")]
)
def test_an_amount_is_kept_to_the_cent(told: object, amount: str | None) -> None:
    errors = InputErrors()
    assert (parse_amount(told, "amount", errors), errors.found) == (amount, [])


@pytest.mark.parametrize("told", ["much", "NaN", "1e40", True, [], "Infinity"])
def test_what_is_no_amount_is_a_fault(told: object) -> None:
    errors = InputErrors()
    assert parse_amount(told, "amount", errors) is None
    assert [each.field for each in errors.found] == ["amount"]
