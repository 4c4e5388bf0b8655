"""A CRM that receives ticket events as signed webhooks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from deploy.local import Stack
from deploy.receivers import webhook as receiver
from services.notifier import subscribers
from services.notifier.domain import webhook

NAME = "crm"
EVENTS = ("accepted", "answered", "breached", "survey_answered", "closed")


@contextmanager
def subscribed_crm(stack: Stack) -> Iterator[Path]:
    """Run a subscribed CRM while the block runs; yields the file of messages that it received."""
    file, secret = stack.folder.received / "crm.jsonl", webhook.new_secret()
    server = receiver.server(0, file, secret)
    thread = threading.Thread(target=server.serve_forever, name=NAME, daemon=True)
    thread.start()
    try:
        with psycopg.connect(stack.database_url()) as connection:
            url = f"http://127.0.0.1:{server.server_port}/tickets"
            subscribers.add(connection, NAME, url, EVENTS, secret, private=True)
        yield file
        with psycopg.connect(stack.database_url()) as connection:
            subscribers.disable(connection, NAME, "the day is over")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
