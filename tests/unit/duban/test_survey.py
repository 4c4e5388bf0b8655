"""The CSV file of a survey sample, and when two samples are the same."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from duban.commands.survey import COLUMNS, to_csv
from schemas.action import Answer
from schemas.customer_actions import AnswerSurvey
from schemas.ticket import Survey
from services.callback.survey_samples import SurveySample
from tests.builders import CENTRE, TicketScenario

FORMULA = "=HYPERLINK(1)"


@pytest.mark.requirement("R5.4")
def test_no_cell_of_a_sample_is_a_formula() -> None:
    scenario = TicketScenario.dispatched().do(
        Answer(explanation="e", result="+1", cause="c", agreement="agreed"), unit=CENTRE
    )
    scenario.do(AnswerSurvey(survey=Survey(process=1, result=2, staff=3, comment="@SUM(A1)")))
    ticket = replace(scenario.current, customer=scenario.current.customer.replace(city=FORMULA, name="-1", level="\tx"))
    content = to_csv([ticket], ["region", "level"], "Asia/Shanghai", contacts=True)
    head, row = csv.reader(io.StringIO(content))
    assert head == ["region", "level", *COLUMNS, "name", "phone"]
    assert dict(zip(head, row, strict=True)) == {
        "region": f"'{FORMULA}",
        "level": "'\tx",
        "number": ticket.number,
        "accepted": "2026-03-12",
        "answered_with": "'+1",
        "process": "1",
        "result": "2",
        "staff": "3",
        "comment": "'@SUM(A1)",
        "attitude_at_answer": "agreed",
        "name": "'-1",
        "phone": "'+8613800000101",
    }


def test_samples_are_the_same_by_their_options_not_by_later_answers() -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    first = SurveySample("a", "carrier", begin, begin + timedelta(days=31), 4, ["region"], "1", 10, [], begin)
    later = SurveySample(
        "a", "carrier", begin, begin + timedelta(days=31), 4, ["region"], "1", 99, [TicketScenario().id], begin
    )
    assert first.same_plan_as(later)
    assert not first.same_plan_as(SurveySample("a", "carrier", begin, begin, 4, ["region"], "2", 10, [], begin))
