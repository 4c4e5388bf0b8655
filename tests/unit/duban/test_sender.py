"""How long a key is valid, as people write it."""

from datetime import UTC, datetime, timedelta

import pytest

from duban.commands.sender import check_rights, parse_expiry, parse_span
from services.intake.senders import Sender
from services.shared.runtime.errors import DubanError
from tests.builders import PACKS

NOW = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"), [("90m", timedelta(minutes=90)), ("24h", timedelta(days=1)), ("0d", timedelta())]
)
def test_a_length_of_time_is_parsed(text: str, length: timedelta) -> None:
    assert parse_span(text) == length


@pytest.mark.parametrize("text", ["", "24", "1w", "-1h", "24 hours"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(DubanError, match="write 90m, 24h or 7d"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("never", None),
        ("2026-03-31", datetime(2026, 3, 31, 16, tzinfo=UTC)),
        ("2026-03-31T18:00:00+08:00", datetime(2026, 3, 31, 10, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_a_length_a_day_to_its_end_or_an_instant(text: str, at: datetime | None) -> None:
    assert parse_expiry(text, NOW) == at


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "2026-03-31T18:00:00"])
def test_an_expiry_that_says_no_instant_is_refused(text: str) -> None:
    with pytest.raises(DubanError):
        parse_expiry(text, NOW)


def test_everything_that_is_wrong_with_a_sender_is_listed() -> None:
    with pytest.raises(DubanError) as raised:
        check_rights(Sender("crm", ("carier",), ("stor",), ("commands",)), PACKS)
    assert str(raised.value).count("\n") == 2
