"""Waiting until nothing is in flight, and stopping what would begin something by itself: only then can one count."""

import time
from collections.abc import Callable

import psycopg

from deploy.local import Stack
from deploy.local.errors import LocalError
from services.shared.kafka.topic_reader import ConsumerLag
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings

INPUTS = {
    "intake": ("channel.hotline", "channel.store"),
    "router": ("contacts", "contacts.kept", "calls"),
    "ledger": ("tickets.commands",),
    "sla_monitor": ("tickets.events",),
    "hot_issues": ("tickets.events",),
    "callback": ("tickets.events",),
    "notifier": ("tickets.events", "hot-issues", "receipts", "contacts.kept"),
}
"""What each service reads."""
STARTERS = ("sla_monitor", "hot_issues", "callback")
"""Services that begin something without being asked; the ledger's sweeper follows half a minute later."""
DECIDING = ("intake", "router", "ledger")
TELLERS = ("notifier",)
"""Who tells people of what was decided; stops last."""
PIPELINE = (*DECIDING, *TELLERS)
"""What finishes what is in flight."""
TELLING = {
    "letters": "select count(*) from notifier.notice where not published",
    "reports": """
        select count(*) from notifier.report r
        join notifier.attempt a on a.outcome = 'sent' and r.named in (a.handed, a.provider_id)
    """,
    "webhooks": "select count(*) from notifier.hook where state = 'queued'",
}
"""What the notifier still has to do; a report about nothing that was sent waits for ever."""
WITHIN = 120.0


def lag_of(stack: Stack) -> ConsumerLag:
    """Return what shows the lag of a system's services."""
    return ConsumerLag(KafkaSettings(bootstrap_servers=stack.bootstrap_servers), INPUTS)


def settle(stack: Stack) -> None:
    """Let everything in flight arrive, then hold every service.

    Raises:
        LocalError: something does not come to an end.

    """
    stack.hold(*STARTERS)
    lag = lag_of(stack)
    until = time.monotonic() + WITHIN
    try:
        with psycopg.connect(stack.database_url(), autocommit=True) as connection:
            while True:
                _calm(lambda: _open(lag, connection, PIPELINE), until)
                # While the ledger runs its sweeper may begin something, so it stops before the one who tells of it.
                stack.hold(*DECIDING)
                _calm(lambda: _open(lag, connection, TELLERS), until)
                stack.hold(*TELLERS)
                if not _open(lag, connection, PIPELINE):
                    return
                # The last letters led to a command.
                for name in PIPELINE:
                    stack.release(name)
    finally:
        lag.close()


def _calm(still_open: Callable[[], object], until: float) -> None:
    """Wait until nothing has been open for about a second."""
    calm = 0
    while calm < 3:
        left = still_open()
        if time.monotonic() > until:
            raise LocalError(f"records are still in flight after {WITHIN:.0f} s: {left}")
        calm = 0 if left else calm + 1
        time.sleep(0.3)


def _open(lag: ConsumerLag, connection: psycopg.Connection, names: tuple[str, ...]) -> dict[str, int]:
    """Return what some services have still to do, by service or by what it is."""
    try:
        behind = {name: count for name, count in lag.look().items() if count and name in names}
    except Retryable:
        return {"broker": 1}
    for name, query in TELLING.items():
        row = connection.execute(query).fetchone()
        if row is not None and row[0]:
            behind[name] = row[0]
    return behind


def release(stack: Stack) -> None:
    """Let every service run again."""
    for name in (*PIPELINE, *STARTERS):
        stack.release(name)
