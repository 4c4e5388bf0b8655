"""Hours in which nobody is woken: those of all packs, or a pack's own."""

from dataclasses import replace
from datetime import time

import pytest

from schemas.action import ReplyProgress
from services.domain.policy.notices import PackNoticePolicy
from services.notifier.domain.notices import notices
from services.notifier.domain.quiet_hours import QuietHours
from tests.builders import CENTRE, HOUR, MORNING, PACK, TicketScenario


@pytest.mark.requirement("R5.7")
def test_a_pack_may_have_quiet_hours_and_a_share_of_its_own() -> None:
    own = PackNoticePolicy.model_validate({"quiet_from": "12:30:00", "quiet_until": "14:00:00", "digest_over": 3})
    pack = replace(PACK, notices=PACK.notices.with_own(own))
    scenario = TicketScenario.dispatched().do(ReplyProgress(text="还需要一些时间"), unit=CENTRE)
    (progress,) = notices(scenario.events[-1], pack)
    assert progress.quiet == QuietHours(time(12, 30), time(14), "Asia/Shanghai")
    assert pack.notices.digest_over == 3
    assert pack.notices.notices == PACK.notices.notices
    assert PACK.notices.with_own(PackNoticePolicy()) == PACK.notices


def test_quiet_hours_within_a_day_end_on_that_day() -> None:
    noon = QuietHours(time(12, 30), time(14), "Asia/Shanghai")
    assert noon.over_at(MORNING) is None
    assert noon.over_at(MORNING + 4 * HOUR) == MORNING + 5 * HOUR
