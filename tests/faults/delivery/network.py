"""Faults of the network between processes and the stores: cut, silent, half-open, slow."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.proxy import Trouble
from tests.faults.delivery.rig import DeliveryRig

TITLES = {"kafka": "broker", "postgres": "database"}
BOTH = ("kafka", "postgres")
DEGRADED = 0.5
"""Seconds by which a slow link delays everything, in each direction."""


@contextmanager
def _troubled(rig: DeliveryRig, kind: Trouble, stores: tuple[str, ...], *names: str) -> Iterator[None]:
    """Trouble the connections of processes; without names, of all.

    Raises:
        AssertionError: there was no connection to trouble.

    """
    proxies = {"kafka": rig.kafka_proxy, "postgres": rig.postgres_proxy}
    concerned = names or tuple(rig.stack.state.operations)
    with ExitStack() as troubles:
        counts = [troubles.enter_context(proxies[store].trouble(kind, concerned)) for store in stores]
        # Connections that are reset at once come again, and those to a silent store stay.
        rig.wait_until(
            lambda: kind is Trouble.RESET or sum(count() for count in counts), 20, "no connection is concerned"
        )
        yield


def _fault(
    name: str,
    injected: str,
    seconds: float,
    kind: Trouble,
    stores: tuple[str, ...],
    *names: str,
    expect: Expectation,
    short: bool = False,
) -> Fault:
    return Fault(name, injected, seconds, lambda rig: _troubled(rig, kind, stores, *names), expect, short)


FAULTS = (
    _fault(
        "cut-ledger-broker",
        "the connections of one ledger to the broker are reset and refused",
        15,
        Trouble.RESET,
        ("kafka",),
        "ledger",
        expect=Expectation(),
        short=True,
    ),
    _fault(
        "cut-ledger-database",
        "the connections of one ledger to the database are reset and refused",
        15,
        Trouble.RESET,
        ("postgres",),
        "ledger",
        expect=Expectation(not_ready=("ledger",)),
        short=True,
    ),
    _fault(
        "silent-ledger-broker",
        "nothing passes between one ledger and the broker, connections stand; then all of it arrives",
        25,
        Trouble.SILENT,
        ("kafka",),
        "ledger-2",
        expect=Expectation(),
    ),
    _fault(
        "silent-ledger-database",
        "nothing passes between one ledger and the database, connections stand; then all of it arrives",
        25,
        Trouble.SILENT,
        ("postgres",),
        "ledger-2",
        expect=Expectation(not_ready=("ledger",), recovered_within=60),
    ),
    _fault(
        "silent-intake-broker",
        "nothing passes between one door and the broker",
        20,
        Trouble.SILENT,
        ("kafka",),
        "intake-2",
        expect=Expectation(refused=True, not_ready=("intake",)),
    ),
    _fault(
        "cut-intake-database",
        "the connections of both doors to the database are reset and refused",
        15,
        Trouble.RESET,
        ("postgres",),
        "intake",
        "intake-2",
        expect=Expectation(refused=True),
        short=True,
    ),
    _fault(
        "cut-monitor",
        "the connections of one monitor to broker and database are reset and refused",
        15,
        Trouble.RESET,
        BOTH,
        "sla_monitor",
        expect=Expectation(),
    ),
    _fault(
        "cut-everybody",
        "all connections of all services to broker and database are reset and refused",
        12,
        Trouble.RESET,
        BOTH,
        expect=Expectation(refused=True, recovered_within=60),
    ),
    _fault(
        "half-open-database",
        "the database forgets every connection, and no service is told",
        15,
        Trouble.HALF_OPEN,
        ("postgres",),
        expect=Expectation(refused=True, recovered_within=60),
    ),
    _fault(
        "half-open-broker",
        "the broker forgets every connection, and no service is told",
        15,
        Trouble.HALF_OPEN,
        ("kafka",),
        expect=Expectation(refused=True, recovered_within=60),
    ),
    _fault(
        "slow-links",
        "everything between the services and both stores takes half a second longer, in each direction",
        20,
        Trouble.SLOW,
        BOTH,
        expect=Expectation(refused=True, answered_within=10, recovered_within=60),
    ),
)
