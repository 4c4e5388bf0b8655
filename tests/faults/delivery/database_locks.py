"""Faults of transactions: locks that somebody else holds, and a process that vanishes in the middle of one."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.delivery.fault import Expectation, Fault
from tests.faults.delivery.rig import DeliveryRig


@contextmanager
def _locked(rig: DeliveryRig, *statements: str) -> Iterator[None]:
    """Hold locks in a transaction that does nothing more.

    Raises:
        AssertionError: nobody waits for the locks.

    """
    with rig.database() as connection, rig.database() as observer, connection.transaction():
        for statement in statements:
            connection.execute(statement)
        rig.wait_until(
            lambda: observer.execute("select 1 from pg_stat_activity where wait_event_type = 'Lock'").fetchone(),
            within=10,
            why="nobody waits for the locks",
        )
        yield


@contextmanager
def _frozen_in_transaction(rig: DeliveryRig) -> Iterator[None]:
    with rig.frozen_at("ledger", "before_save"):
        yield


FAULTS = (
    Fault(
        "tickets-locked",
        "another connection has locked every open ticket's row and does nothing more",
        12,
        lambda rig: _locked(rig, "select from ledger.ticket where status <> 'archived' for update"),
        Expectation(recovered_within=60),
    ),
    Fault(
        "router-table-locked",
        "another connection has locked the router's table of contacts and does nothing more",
        12,
        lambda rig: _locked(rig, "lock table router.contact in access exclusive mode"),
        # A caller that asks what became of its contact reads this table too.
        Expectation(refused=True, recovered_within=60),
    ),
    Fault(
        "vanished-in-transaction",
        "a ledger freezes in the middle of its transaction, with its locks",
        30,
        _frozen_in_transaction,
        Expectation(recovered_within=60),
    ),
)
