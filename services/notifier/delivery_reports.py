"""What providers say afterwards about what they took: each word names one attempt, and never speaks of another."""

from datetime import datetime

import psycopg

from services.notifier import store
from services.notifier.store import AttemptRecord

KEPT_DAYS = 7
"""Real days for which a report waits for the attempt that it names."""


def keep(connection: psycopg.Connection, named: str, state: str, reason: str | None) -> None:
    """Keep a report until the attempt that it names is saved, which may be a moment later.

    Args:
        connection: in a transaction.
        named: the id under which the notice was handed over, or the provider's own id.
        state: delivered or failed.
        reason: why it failed.

    """
    connection.execute(store.queries["report"], {"named": named, "state": state, "reason": reason})


def apply(connection: psycopg.Connection, now: datetime) -> None:
    """Let reports decide what they speak of; what nobody waits for is forgotten after a week.

    A report about an attempt that another has followed is put on its record and changes nothing: neither a repeated
    failure nor a late delivery of an SMS speaks of the mail that was sent instead.
    """
    rows = connection.execute(store.queries["reports"]).fetchall()
    for _, state, reason, handed, notice, turn, means in rows:
        outcome, error = (
            ("delivered", None) if state == "delivered" else ("returned", reason or "the provider gave it up")
        )
        store.attempted(connection, [AttemptRecord(notice, turn, means, outcome, handed=handed, error=error)])
        told = {"id": notice, "turn": turn, "now": now, "error": error}
        if state == "delivered":
            connection.execute(store.queries["received"], told)
        elif not store.fall_back(connection, notice, turn, error or ""):
            connection.execute(store.queries["give_up"], told)
    connection.execute(store.queries["reported"], {"ids": list({id_ for id_, *_ in rows})})
    connection.execute(store.queries["forget_reports"], {"days": KEPT_DAYS})
