"""Faults of the broker and the database themselves: killed, away, hanging, and connections that the server ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.ports import is_listening
from deploy.local.postgres import SUPERUSER
from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.rig import STORES, DeliveryRig

TITLES = {"kafka": "the broker", "postgres": "PostgreSQL"}
NOTICED_BY = {
    # Every service reads or writes the broker, and the door cannot take contacts without it.
    "kafka": ("intake", "router", "ledger", "callback", "notifier"),
    "postgres": ("router", "ledger", "callback", "notifier"),
}


@contextmanager
def _killed(rig: DeliveryRig, store: str) -> Iterator[None]:
    """Kill a store; the block begins when it listens again."""
    before = rig.pids()[store]
    rig.kill(store)
    rig.wait_until(
        lambda: rig.pids().get(store, before) != before and is_listening(rig.stack.state.ports[store]),
        120,
        f"{store} was not started again",
    )
    yield


@contextmanager
def _away(rig: DeliveryRig, store: str) -> Iterator[None]:
    rig.stack.hold(store)
    try:
        yield
    finally:
        rig.stack.release(store)


@contextmanager
def _hanging(rig: DeliveryRig, store: str) -> Iterator[None]:
    with rig.frozen(store):
        yield


@contextmanager
def _connections_ended(rig: DeliveryRig) -> Iterator[None]:
    """End every connection to the database, again and again."""
    with rig.database(SUPERUSER) as connection:
        ended = 0
        for _ in range(5):
            row = connection.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where application_name like 'duban-%' and pid <> pg_backend_pid()"
            ).fetchone()
            ended += row[0] if row is not None else 0
            connection.execute("select pg_sleep(1)")
    assert ended, "there was no connection to end"
    yield


def _killed_fault(store: str) -> Fault:
    return Fault(
        f"kill-{store}",
        f"SIGKILL to {TITLES[store]}",
        0,
        lambda rig: _killed(rig, store),
        Expectation(refused=True, restarts=(store,), recovered_within=60),
        short=True,
    )


def _away_fault(store: str) -> Fault:
    return Fault(
        f"away-{store}",
        f"{TITLES[store]} is stopped",
        20,
        lambda rig: _away(rig, store),
        Expectation(refused=True, not_ready=NOTICED_BY[store], recovered_within=60),
    )


def _hanging_fault(store: str) -> Fault:
    return Fault(
        f"hang-{store}",
        f"SIGSTOP of {TITLES[store]}: connections stand and nobody answers",
        20,
        lambda rig: _hanging(rig, store),
        Expectation(refused=True, not_ready=NOTICED_BY[store], recovered_within=60),
    )


FAULTS = (
    *map(_killed_fault, STORES),
    *map(_away_fault, STORES),
    *map(_hanging_fault, STORES),
    Fault(
        "connections-ended",
        "PostgreSQL ends every connection of every service, five times in five seconds",
        0,
        _connections_ended,
        Expectation(refused=True),
        short=True,
    ),
)
