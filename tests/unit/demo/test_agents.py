"""Results of calls are commands of the contract."""

import msgspec

from demo.agents import CALL_RESULTS, record_callback_action
from schemas.customer_actions import RecordCallback


def test_every_call_result_is_a_valid_command() -> None:
    call = {"ticket_id": "t", "number": "TS1", "attempts": 0, "version": 7}
    for result in CALL_RESULTS:
        action = msgspec.convert(record_callback_action(result, "bad", call, 1), RecordCallback)
        assert (action.result, action.survey is not None) == (result, result == "answered")
