"""Readiness probes of the supervisor."""

import signal

import httpx
import psycopg

from services.shared.kafka import topics
from services.shared.runtime.errors import Retryable
from services.shared.runtime.settings import KafkaSettings


def describe_exit(code: int) -> str:
    """Return a readable description of a process's exit code."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def database_accepts_connections(url: str) -> bool:
    """Return whether a database accepts connections at a URL."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def topics_exist(settings: KafkaSettings) -> bool:
    """Create missing topics; returns whether the broker could be reached."""
    try:
        topics.create(settings, topics.load())
    except Retryable:
        return False
    return True


def is_ready(url: str) -> bool:
    """Return whether a readiness page answers with success."""
    try:
        return httpx.get(url, timeout=1).is_success
    except httpx.HTTPError:
        return False
