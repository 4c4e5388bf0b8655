"""Faults of the consumer groups: members that come, go, freeze, or have each other's name."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from uuid import uuid4

from deploy.local.probes import is_ready
from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.rig import DeliveryRig

PARTITIONS = 12
PAIRS = 30
STORM_SECONDS = 25.0

_numbers = count(1)


@contextmanager
def _duplicate_name(rig: DeliveryRig) -> Iterator[None]:
    with rig.extra_process("ledger", "ledger"):
        yield


@contextmanager
def _more_members_than_partitions(rig: DeliveryRig) -> Iterator[None]:
    """Let routers join until there is one more than there are partitions.

    Raises:
        AssertionError: one of them never gets ready.

    """
    present = len(rig.stack.replicas("router"))
    with ExitStack() as members:
        ports = [
            members.enter_context(rig.extra_process("router", f"router-extra-{number}"))
            for number in range(PARTITIONS + 1 - present)
        ]
        rig.wait_until(
            lambda: all(is_ready(f"http://127.0.0.1:{port}/readyz") for port in ports),
            within=90,
            why="a member without partitions does not get ready",
        )
        yield


@contextmanager
def _rebalance_storm(rig: DeliveryRig) -> Iterator[None]:
    until = time.monotonic() + STORM_SECONDS
    while time.monotonic() < until:
        with rig.extra_process("ledger", f"ledger-storm-{next(_numbers)}"):
            time.sleep(4)
    yield


@contextmanager
def _zombie(rig: DeliveryRig) -> Iterator[None]:
    """Freeze a ledger between its commit and its publication."""
    with rig.frozen_at("ledger", "after_save"):
        yield


@contextmanager
def _one_persons_two_messages(rig: DeliveryRig) -> Iterator[None]:
    """Submit pairs of messages of one person under different keys at once, through both doors.

    Raises:
        AssertionError: the two messages of a person opened two tickets.

    """
    pairs: list[tuple[str, str]] = []
    for _ in range(PAIRS):
        name = uuid4().hex
        customer = {"phone": f"158{int(name[:7], 16) % 10**8:08d}", "name": "王先生"}
        pairs.append((f"{name}-1", f"{name}-2"))
        rig.load.submit(
            rig.contact_body(f"{name}-1", customer | {"number": f"C{name}"}), rig.contact_body(f"{name}-2", customer)
        )
    yield
    with rig.database() as connection:
        for pair in pairs:
            rig.wait_until(lambda pair=pair: len(_tickets(connection, pair)) == 2, 60, f"{pair} was not routed")  # type: ignore[misc]
        doubled = [pair for pair in pairs if len(set(_tickets(connection, pair))) != 1]
    assert not doubled, f"{len(doubled)} of {PAIRS} persons have two tickets"


def _tickets(connection: object, pair: tuple[str, str]) -> list[str]:
    """Return the tickets that the two messages went to."""
    rows = connection.execute(  # type: ignore[attr-defined]
        "select ticket_id::text from router.contact where message_id = any(%s)", (list(pair),)
    )
    return [id_ for (id_,) in rows]


FAULTS = (
    Fault(
        "duplicate-name",
        "a fourth ledger runs under the name of the first",
        15,
        _duplicate_name,
        Expectation(recovered_within=60),
    ),
    Fault(
        "thirteenth-member",
        f"routers join until there are {PARTITIONS + 1} for {PARTITIONS} partitions",
        5,
        _more_members_than_partitions,
        Expectation(answered_within=10),
    ),
    Fault(
        "rebalance-storm",
        f"a fourth ledger joins and leaves every few seconds, for {STORM_SECONDS:.0f} s",
        0,
        _rebalance_storm,
    ),
    Fault(
        "zombie-30",
        "a ledger freezes between saving and publishing, and goes on after 30 s",
        30,
        _zombie,
        Expectation(recovered_within=60),
    ),
    Fault(
        "zombie-100",
        "a ledger freezes between saving and publishing, and goes on after 100 s",
        100,
        _zombie,
        Expectation(recovered_within=60),
    ),
    Fault(
        "one-person-two-routers",
        f"{PAIRS} persons write twice at once, by customer number and by phone, through two doors",
        3,
        _one_persons_two_messages,
        short=True,
    ),
)
