"""What a fault is: how it is injected, for how long, and what has to hold meanwhile and afterwards."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.delivery.rig import DeliveryRig

READINESS_SECONDS = 5.0
"""Real seconds within which a readiness page shows a fault, and its end."""


class CannotInject(Exception):
    """The machine does not let the rig inject the fault; the message says why."""


@dataclass(frozen=True)
class Expectation:
    """What has to hold while a fault lasts and after its end; durations in real seconds.

    Attributes:
        refused: whether callers may be refused with 503 meanwhile.
        unreachable: whether callers may find a door closed meanwhile, as when intake itself is killed.
        answered_within: the longest that a request may take.
        not_ready: services of which a process has to say that it is not ready, and of what kind.
        stays_ready: services of which every process has to stay ready.
        restarts: processes that have to be started again by the supervisor.
        recovered_within: from the end of the fault until all are ready and what was written before is processed.

    """

    refused: bool = False
    unreachable: bool = False
    answered_within: float = 6.0
    not_ready: tuple[str, ...] = ()
    stays_ready: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    recovered_within: float = 45.0


@dataclass(frozen=True)
class Fault:
    """A fault of the registry.

    Attributes:
        name: by which it is chosen.
        injected: what is done, for the report.
        seconds: how long it lasts; 0: only for a moment.
        inject: makes the fault last as long as the block runs. It raises AssertionError if the fault did not occur,
            and CannotInject if it cannot occur on this machine.
        expect: what has to hold.
        short: whether it is one of those that run before every landing.

    """

    name: str
    injected: str
    seconds: float
    inject: "Callable[[DeliveryRig], AbstractContextManager[object]]"
    expect: Expectation = field(default_factory=Expectation)
    short: bool = False
