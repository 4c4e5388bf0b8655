"""Quiet hours: those of all packs, or a pack's own."""

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from schemas.action import ReplyProgress
from services.domain.policy.notices import PackNoticePolicy
from services.notifier.domain.notices import plan_notices
from services.notifier.domain.quiet_hours import QuietHours
from tests.builders import CENTRE, HOUR, MORNING, PACK, TicketScenario


@pytest.mark.requirement("R5.7")
def test_a_pack_may_have_quiet_hours_and_a_digest_size_of_its_own() -> None:
    own = PackNoticePolicy.model_validate({"quiet_from": "12:30:00", "quiet_until": "14:00:00", "digest_over": 3})
    pack = replace(PACK, notices=PACK.notices.overridden_by(own))
    scenario = TicketScenario.dispatched().do(ReplyProgress(text="还需要一些时间"), unit=CENTRE)
    (progress,) = plan_notices(scenario.events[-1], pack)
    assert progress.quiet_hours == QuietHours(time(12, 30), time(14), "Asia/Shanghai")
    assert pack.notices.digest_over == 3
    assert pack.notices.notices == PACK.notices.notices
    assert PACK.notices.overridden_by(PackNoticePolicy()) == PACK.notices


def test_quiet_hours_within_a_day_end_on_that_day() -> None:
    noon = QuietHours(time(12, 30), time(14), "Asia/Shanghai")
    assert noon.ends_at(MORNING) is None
    assert noon.ends_at(MORNING + 4 * HOUR) == MORNING + 5 * HOUR


@pytest.mark.parametrize(
    ("local", "until"),
    [
        ("20:59", None),
        ("21:00", "2026-03-13T08:00"),
        ("23:30", "2026-03-13T08:00"),
        ("07:59", "2026-03-12T08:00"),
        ("08:00", None),
    ],
)
def test_quiet_hours_over_midnight_end_in_the_morning(local: str, until: str | None) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    at = datetime.fromisoformat(f"2026-03-12T{local}").replace(tzinfo=zone)
    quiet = QuietHours(PACK.notices.quiet_from, PACK.notices.quiet_until, "Asia/Shanghai")
    end = quiet.ends_at(at.astimezone(UTC))
    expected = datetime.fromisoformat(until).replace(tzinfo=zone).astimezone(UTC) if until else None
    assert end == expected
