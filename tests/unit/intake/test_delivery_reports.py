"""Tests of delivery reports in a gateway's own format."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from services.intake import delivery_reports
from services.intake.settings import IntakeSettings
from services.shared.runtime.clock import SystemClock
from services.shared.runtime.errors import Problem

ID = "0d1f6f2c-6d2f-5c5e-9f43-6a2f0c6b7d11"
GATEWAY = {
    "receipt_fields": {"provider_id": "msgid", "state": "stat", "reason": "err"},
    "receipt_words": {"DELIVRD": "delivered", "UNDELIV": "failed", "true": "delivered", "ACCEPTD": "ignored"},
}
"""Settings for a gateway that uses its own field names and words."""


def parse(report: dict[str, Any], **settings: Any) -> Any:
    context: Any = SimpleNamespace(settings=IntakeSettings(**settings), require_clock=SystemClock)
    return delivery_reports._parse_report(report, "gateway", context)


@pytest.mark.requirement("R5.7")
def test_a_gateway_may_use_its_own_field_names_words_and_ids() -> None:
    receipt = parse({"msgid": 8812, "stat": "UNDELIV", "err": "007", "mobile": "13800000101"}, **GATEWAY)
    assert (receipt.notice, receipt.provider_id, receipt.state, receipt.reason) == (None, "8812", "failed", "007")
    assert receipt.cloud_event.id != parse({"msgid": 8813, "stat": "UNDELIV"}, **GATEWAY).cloud_event.id
    assert parse({"msgid": "8812", "stat": True}, **GATEWAY).state == "delivered"
    assert parse({"msgid": "8812", "stat": "ACCEPTD"}, **GATEWAY) is None
    with pytest.raises(Problem) as caught:
        parse({"msgid": "8812", "stat": "LOST"}, **GATEWAY)
    (error,) = caught.value.errors
    assert (error["field"], error["detail"]) == ("stat", "choose one of DELIVRD, UNDELIV, true, ACCEPTD")


def test_our_own_format_needs_no_settings() -> None:
    receipt = parse({"id": ID, "state": "failed", "reason": "x" * 300})
    assert (receipt.notice, receipt.state, len(receipt.reason)) == (UUID(ID), "failed", 200)
    with pytest.raises(Problem):
        parse({"state": "failed"})
