"""Questions a supervisor asks of what it runs."""

import signal

import httpx
import psycopg

from services.shared.kafka import topics
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings


def how(code: int) -> str:
    """Return how a process ended, for people."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def answers(url: str) -> bool:
    """Whether a database server lets its superuser in."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def topics_exist(settings: KafkaSettings) -> bool:
    """Whether the broker has every topic; makes those that are missing."""
    try:
        topics.create(settings, topics.load())
    except Retryable:
        return False
    return True


def is_ready(page: str) -> bool:
    """Whether a service says that it is ready."""
    try:
        return httpx.get(page, timeout=1).is_success
    except httpx.HTTPError:
        return False
