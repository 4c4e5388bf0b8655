"""Which processes the supervisor ends, because a loop of theirs is stuck."""

from deploy.local.liveness import SILENT_AFTER, LivenessAnswer, LivenessWatch

LEDGER = (7, "http://127.0.0.1:1/livez")
INTAKE = (8, "http://127.0.0.1:2/livez")


class Services:
    """Two services whose answers a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.answers: dict[str, LivenessAnswer] = {LEDGER[1]: "live", INTAKE[1]: "live"}
        self.watch = LivenessWatch(self.answers.__getitem__, lambda: self.now)

    def ask(self) -> list[int]:
        self.watch.ask_all([LEDGER, INTAKE])
        return [pid for pid, _ in (LEDGER, INTAKE) if self.watch.is_stuck(pid)]


def test_a_service_with_a_stalled_loop_is_stuck_at_once() -> None:
    services = Services()
    assert services.ask() == []
    services.answers[LEDGER[1]] = "stalled"
    assert services.ask() == [LEDGER[0]]


def test_a_frozen_service_is_stuck_after_a_while() -> None:
    services = Services()
    services.answers[INTAKE[1]] = "silent"
    assert services.ask() == []
    services.now = SILENT_AFTER - 1
    assert services.ask() == []
    services.now = SILENT_AFTER
    assert services.ask() == [INTAKE[0]]


def test_one_answer_in_between_starts_the_wait_anew() -> None:
    services = Services()
    for answer in ("silent", "live", "silent"):
        services.answers[INTAKE[1]] = answer
        services.now += SILENT_AFTER - 1
        assert services.ask() == []


def test_a_new_process_on_the_same_port_is_not_blamed_for_the_one_before() -> None:
    services = Services()
    services.answers[LEDGER[1]] = "silent"
    services.ask()
    services.now = SILENT_AFTER
    services.watch.ask_all([(9, LEDGER[1]), INTAKE])
    assert not services.watch.is_stuck(9)
