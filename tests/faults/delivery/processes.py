"""Faults of the services' own processes: killed, frozen, restarted one after the other."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.plan import SERVICES
from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.rig import DeliveryRig

STOPPED_WITHIN = 10.0
"""Real seconds that a service has to end after SIGTERM."""


@contextmanager
def _killed(rig: DeliveryRig, service: str) -> Iterator[None]:
    """Kill all processes of a service at once; the block begins when they run again."""
    names = rig.stack.replicas(service)
    before = rig.pids()
    rig.kill(*names)
    rig.wait_until(
        lambda: all(rig.pids().get(name, before[name]) != before[name] for name in names),
        within=30,
        why=f"{service} was not started again",
    )
    yield


@contextmanager
def _frozen(rig: DeliveryRig, service: str) -> Iterator[None]:
    """Freeze one process of a service for longer than its session."""
    with rig.frozen(rig.stack.replicas(service)[-1]):
        yield


@contextmanager
def _rolling_restart(rig: DeliveryRig) -> Iterator[None]:
    """Ask every process to end, one after the other, each when the one before is ready again.

    Raises:
        AssertionError: a process does not end in ten seconds.

    """
    for name in rig.stack.state.operations:
        process = rig.stack.state.processes[name]
        asked = time.monotonic()
        process.signal(signal.SIGTERM)
        rig.wait_until(lambda process=process: not process.alive, 30, f"{name} does not end")  # type: ignore[misc]
        took = time.monotonic() - asked
        assert took <= STOPPED_WITHIN, f"{name} ended {took:.1f} s after SIGTERM"
        rig.wait_until(
            lambda: rig.all_alive() and not rig.readiness.not_ready(), 40, f"{name} is not ready after its restart"
        )
    yield


def _kill(service: str) -> Fault:
    return Fault(
        f"kill-{service}",
        f"SIGKILL to all processes of {service} at once",
        0,
        lambda rig: _killed(rig, service),
        Expectation(unreachable=service == "intake", restarts=(service, f"{service}-2"), recovered_within=40),
        short=service in {"intake", "ledger"},
    )


def _freeze(service: str) -> Fault:
    return Fault(
        f"freeze-{service}",
        f"SIGSTOP of one process of {service}, longer than its session",
        10,
        lambda rig: _frozen(rig, service),
        # Whoever is connected to a frozen door waits for it to go on.
        Expectation(unreachable=service == "intake", answered_within=12 if service == "intake" else 6),
        short=service == "router",
    )


FAULTS = (
    *map(_kill, SERVICES),
    *map(_freeze, SERVICES),
    Fault(
        "rolling-restart",
        "SIGTERM of every process, one after the other",
        0,
        _rolling_restart,
        Expectation(unreachable=True, refused=True),
    ),
)
