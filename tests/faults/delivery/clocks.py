"""Faults of a host's clock: a ledger whose wall clock is some seconds slow or fast."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.rig import DeliveryRig

WRONG_BY = 6
"""Seconds by which the clock is wrong: more than the difference that the ledger takes for a mere delay."""
DECIDED_WITHIN = 15.0
"""Real seconds within which a due deadline is decided all the same."""


@contextmanager
def _only_ledger_with_clock(rig: DeliveryRig, seconds: int) -> Iterator[None]:
    """Run a ledger with a wrong clock in the place of all others.

    Raises:
        AssertionError: deadlines stand still meanwhile.

    """
    ledgers = rig.stack.replicas("ledger")
    file = rig.stack.folder.root / "clock"
    file.write_text(str(seconds), encoding="ascii")
    rig.stack.hold(*ledgers)
    try:
        with rig.extra_process("ledger", f"ledger-clock-{seconds}", clock_file=file):
            yield
            before = rig.clock.now() - rig.clock.business_span(DECIDED_WITHIN)
            with rig.database() as connection:
                row = connection.execute("select count(*) from ledger.clock where next_at < %s", (before,)).fetchone()
            assert row == (0,), f"{row} deadlines stood still for {DECIDED_WITHIN:.0f} s and more"
    finally:
        for name in ledgers:
            rig.stack.release(name)


def _fault(name: str, injected: str, seconds: int) -> Fault:
    return Fault(
        name,
        injected,
        30,
        lambda rig: _only_ledger_with_clock(rig, seconds),
        Expectation(recovered_within=60),
    )


FAULTS = (
    _fault("slow-clock", f"the only ledger's clock is {WRONG_BY} s slow", -WRONG_BY),
    _fault("fast-clock", f"the only ledger's clock is {WRONG_BY} s fast", WRONG_BY),
)
