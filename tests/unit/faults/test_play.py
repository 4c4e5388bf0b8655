"""The rig judges what callers and readiness pages said in a fault."""

from contextlib import nullcontext

from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.load import UNREACHABLE, ObservedAnswer
from tests.faults.delivery.play import Played, _judge_answers, _judge_readiness
from tests.faults.delivery.readiness import ReadinessChange


def played(expect: Expectation, *answers: ObservedAnswer, changes: tuple[ReadinessChange, ...] = ()) -> Played:
    fault = Fault("a-fault", "something is done", 10, lambda _: nullcontext(), expect)
    return Played(fault, lasted=10.0, answers=list(answers), changes=list(changes))


def answer(status: int, seconds: float = 0.1) -> ObservedAnswer:
    return ObservedAnswer(0.0, status, seconds, "" if status else "ConnectError")


def test_an_answer_that_the_fault_does_not_explain_is_wrong() -> None:
    assert list(_judge_answers(played(Expectation(), answer(202), answer(409)))) == []
    assert list(_judge_answers(played(Expectation(), answer(503)))) == ["callers saw 503 1 times"]
    assert list(_judge_answers(played(Expectation(refused=True), answer(503)))) == []
    (found,) = _judge_answers(played(Expectation(refused=True), answer(UNREACHABLE)))
    assert found == "callers saw no answer 1 times {'ConnectError': 1}"
    assert list(_judge_answers(played(Expectation(refused=True), answer(500)))) == ["callers saw 500 1 times"]
    assert list(_judge_answers(played(Expectation(), answer(202, 9.0)))) == ["1 requests took up to 9.0 s, not 6 s"]


def test_a_page_that_says_ready_for_too_long_is_wrong() -> None:
    expect = Expectation(not_ready=("ledger",), stays_ready=("intake",))

    def problems(*during: ReadinessChange) -> list[str]:
        return list(_judge_readiness(played(expect, changes=during), list(during), began=0.0, ended=10.0))

    assert problems(ReadinessChange(2.0, "ledger-2", "database: unavailable")) == []
    assert problems() == ["no ledger ever said that it is not ready"]
    assert problems(ReadinessChange(8.0, "ledger", "")) == ["ledger said only after 8.0 s that it is not ready"]
    late = ReadinessChange(2.0, "ledger", "database: unavailable"), ReadinessChange(17.0, "ledger", "ready")
    assert problems(*late) == ["ledger was ready again only 7.0 s after the end"]
    closed = ReadinessChange(2.0, "ledger", "x"), ReadinessChange(3.0, "intake-2", "door: closed")
    assert problems(*closed) == ["intake-2 was not ready after 3.0 s: door: closed"]
