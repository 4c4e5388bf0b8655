"""Drains a system: waits until nothing is in flight and stops every service, so that results can be counted."""

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
"""Topics that each service reads."""
TIME_DRIVEN = ("sla_monitor", "hot_issues", "callback")
"""Services that start new work by time; so does the ledger's sweeper, half a minute later."""
DECIDING = ("intake", "router", "ledger")
NOTIFYING = ("notifier",)
"""Stopped last, because decisions lead to notices."""
PIPELINE = (*DECIDING, *NOTIFYING)
"""Services that finish work in flight."""
PENDING_QUERIES = {
    "letters": "select count(*) from notifier.notice where not published",
    "reports": """
        select count(*) from notifier.report r
        join notifier.attempt a on a.outcome = 'sent' and r.named in (a.handed, a.provider_id)
    """,
    "webhooks": "select count(*) from notifier.hook where state = 'queued'",
}
"""Count the notifier's pending work; a delivery report for an unknown attempt stays pending for ever and is ignored."""
DRAINED_WITHIN = 120.0
"""Real seconds until draining is given up."""


def consumer_lag(stack: Stack) -> ConsumerLag:
    """Return the lag of a system's services behind their topics."""
    return ConsumerLag(KafkaSettings(bootstrap_servers=stack.bootstrap_servers), INPUTS)


def drain(stack: Stack) -> None:
    """Wait until everything in flight has been processed, then hold every service.

    Raises:
        LocalError: work is still pending after DRAINED_WITHIN.

    """
    stack.hold(*stack.replicas(*TIME_DRIVEN))
    lag = consumer_lag(stack)
    until = time.monotonic() + DRAINED_WITHIN
    try:
        with psycopg.connect(stack.database_url(), autocommit=True) as connection:
            while True:
                _wait_until_idle(lambda: _pending(lag, connection, PIPELINE), until)
                # The ledger's sweeper may start new work while it runs, so it stops before the notifier.
                stack.hold(*stack.replicas(*DECIDING))
                _wait_until_idle(lambda: _pending(lag, connection, NOTIFYING), until)
                stack.hold(*stack.replicas(*NOTIFYING))
                if not _pending(lag, connection, PIPELINE):
                    return
                # The last notices led to commands.
                for name in stack.replicas(*PIPELINE):
                    stack.release(name)
    finally:
        lag.close()


def _wait_until_idle(pending: Callable[[], object], until: float) -> None:
    """Wait until nothing has been pending for about a second.

    Raises:
        LocalError: work is still pending at the monotonic time `until`.

    """
    idle_checks = 0
    while idle_checks < 3:
        left = pending()
        if time.monotonic() > until:
            raise LocalError(f"records are still in flight after {DRAINED_WITHIN:.0f} s: {left}")
        idle_checks = 0 if left else idle_checks + 1
        time.sleep(0.3)


def _pending(lag: ConsumerLag, connection: psycopg.Connection, names: tuple[str, ...]) -> dict[str, int]:
    """Return the pending work of some services, by service or by kind."""
    try:
        pending = {name: count for name, count in lag.measure().items() if count and name in names}
    except Retryable:
        return {"broker": 1}
    for kind, query in PENDING_QUERIES.items():
        row = connection.execute(query).fetchone()
        if row is not None and row[0]:
            pending[kind] = row[0]
    return pending


def resume(stack: Stack) -> None:
    """Start every service again."""
    for name in stack.replicas(*PIPELINE, *TIME_DRIVEN):
        stack.release(name)
