"""Faults of the broker and the database themselves: killed, away, hanging, and connections that the server ends."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx

from deploy.local.ports import is_listening
from deploy.local.postgres import SUPERUSER
from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.processes import STOPPED_WITHIN
from tests.faults.delivery.rig import STORES, DeliveryRig

TITLES = {"kafka": "the broker", "postgres": "PostgreSQL"}
NOTICED_BY = {
    # Every service reads or writes the broker, and the door cannot take contacts without it.
    "kafka": ("intake", "router", "ledger", "callback", "notifier"),
    "postgres": ("router", "ledger", "callback", "notifier"),
}

REFUSALS = 3
REFUSED_WITHIN = 5.0
"""Real seconds within which a request that needs a store that hangs is answered with 503."""
HANGS_FOR = 10.0
"""Real seconds for which a store has been hanging when the services are stopped: their waits have begun."""


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
    """Let a store hang.

    Raises:
        AssertionError: a request that needs it is not refused in time.

    """
    with rig.frozen(store):
        for _ in range(REFUSALS):
            asked = time.monotonic()
            response = _request_that_needs(rig, store)
            took = time.monotonic() - asked
            assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, f"a caller got {response.status_code}"
            assert took <= REFUSED_WITHIN, f"a request was refused only after {took:.1f} s"
        yield


def _request_that_needs(rig: DeliveryRig, store: str) -> httpx.Response:
    if store == "postgres":
        return rig.http.get("/v1/tickets", params={"number": "TS20260312000001"})
    name = uuid4().hex
    customer = {"phone": f"157{int(name[:7], 16) % 10**8:08d}"}
    return rig.http.post("/v1/contacts", json=rig.contact_body(name, customer))


@contextmanager
def _hanging_while_all_stop(rig: DeliveryRig, store: str) -> Iterator[None]:
    """Ask every service to end while a store hangs; the supervisor starts them again.

    Raises:
        AssertionError: a service does not end in ten seconds.

    """
    with rig.frozen(store):
        time.sleep(HANGS_FOR)
        asked = time.monotonic()
        running = {name: rig.stack.state.processes[name] for name in rig.stack.state.operations}
        for process in running.values():
            process.signal(signal.SIGTERM)
        rig.wait_until(
            lambda: not any(process.alive for process in running.values()) or time.monotonic() - asked > STOPPED_WITHIN,
            within=30,
            why="services do not end",
        )
        slow = [name for name, process in running.items() if process.alive]
        assert not slow, f"{', '.join(slow)} run still {STOPPED_WITHIN:g} s after SIGTERM"
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


def _stop_fault(store: str) -> Fault:
    return Fault(
        f"stop-while-{store}-hangs",
        f"SIGSTOP of {TITLES[store]} and, {HANGS_FOR:.0f} s later, SIGTERM of every service",
        0,
        lambda rig: _hanging_while_all_stop(rig, store),
        Expectation(refused=True, unreachable=True, recovered_within=60),
    )


FAULTS = (
    *map(_killed_fault, STORES),
    *map(_away_fault, STORES),
    *map(_hanging_fault, STORES),
    *map(_stop_fault, STORES),
    Fault(
        "connections-ended",
        "PostgreSQL ends every connection of every service, five times in five seconds",
        0,
        _connections_ended,
        Expectation(refused=True),
        short=True,
    ),
)
