"""Delivery reports of providers: each names one attempt and changes a notice only while that attempt is its latest."""

from datetime import datetime

import psycopg

from services.notifier import store
from services.notifier.store import AttemptRecord

RETENTION_DAYS = 7
"""Real days for which a report waits for the attempt that it names."""


def save(connection: psycopg.Connection, reference: str, state: str, reason: str | None) -> None:
    """Save a report until the attempt that it names is recorded, which may happen a moment later.

    Args:
        connection: in a transaction.
        reference: our send id of the attempt, or the id that the provider gave it.
        state: delivered or failed.
        reason: why it failed.

    """
    connection.execute(store.queries["save_report"], {"reference": reference, "state": state, "reason": reason})


def apply(connection: psycopg.Connection, now: datetime) -> None:
    """Apply the saved reports to their notices and delete those that have matched no attempt for a week.

    A report about an attempt that a later one has followed is recorded and changes nothing: neither a repeated failure
    nor a late delivery of an SMS says anything about the mail that was sent instead.
    """
    rows = connection.execute(store.queries["matched_reports"]).fetchall()
    for _, state, reason, send_id, notice_id, generation, means in rows:
        outcome, error = (
            ("delivered", None) if state == "delivered" else ("returned", reason or "the provider gave no reason")
        )
        attempt = AttemptRecord(notice_id, generation, means, outcome, send_id=send_id, error=error)
        store.record_attempts(connection, [attempt])
        parameters = {"id": notice_id, "generation": generation, "now": now, "error": error}
        if state == "delivered":
            connection.execute(store.queries["mark_delivered"], parameters)
        elif not store.fall_back(connection, notice_id, generation, error or ""):
            connection.execute(store.queries["mark_failed"], parameters)
    connection.execute(store.queries["delete_reports"], {"ids": list({row[0] for row in rows})})
    connection.execute(store.queries["delete_expired_reports"], {"days": RETENTION_DAYS})
