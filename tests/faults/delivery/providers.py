"""Faults of those to whom the notifier hands letters over."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.rig import DeliveryRig


@contextmanager
def _hanging(rig: DeliveryRig, *receivers: str) -> Iterator[None]:
    with rig.frozen(*receivers):
        yield


@contextmanager
def _away(rig: DeliveryRig, *receivers: str) -> Iterator[None]:
    rig.stack.hold(*receivers)
    try:
        yield
    finally:
        for name in receivers:
            rig.stack.release(name)


FAULTS = (
    Fault(
        "hanging-providers",
        "SIGSTOP of SMS gateway and mail server: they take connections and never answer",
        20,
        lambda rig: _hanging(rig, "sms", "smtp"),
        Expectation(stays_ready=("intake", "router", "ledger")),
    ),
    Fault(
        "providers-away",
        "SMS gateway and mail server are stopped",
        15,
        lambda rig: _away(rig, "sms", "smtp"),
        Expectation(stays_ready=("intake", "router", "ledger")),
    ),
)
