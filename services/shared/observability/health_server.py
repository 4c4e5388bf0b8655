"""Health and metrics over HTTP: /livez, /readyz and /metrics on a port of their own."""

import threading
import time
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from services.shared.observability import logs
from services.shared.observability.metrics import health_metrics

T = TypeVar("T")

STALLED_AFTER = 40.0
"""Seconds without a heartbeat of a loop after which the process should be restarted.

Whoever asks /livez every few seconds and stops a process with a grace period ends it within a minute. No loop waits as
long for anything: a transaction has half of it (`database.TRANSACTION_WITHIN`).
"""

log = logs.get(__name__)


class Health:
    """A service's liveness and readiness; written by its loops, read by the health server.

    Args:
        monotonic: returns monotonic time, in seconds.
        essential: components without which the service is of no use to its callers; None: all. What else is not ready
            is named on /readyz, but changes its status not.

    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, essential: Collection[str] | None = None
    ) -> None:
        self._monotonic = monotonic
        self._essential = essential
        self._heartbeats = {"start": monotonic()}
        self._not_ready: dict[str, str] = {"start": "the service is starting"}
        self._notes: dict[str, str] = {}
        self._lock = threading.Lock()

    def heartbeat(self, loop: str = "main", *, beside: bool = False) -> None:
        """Report that a loop is running; it has to do so again within `STALLED_AFTER`.

        Only `start`, the startup itself, may fall silent: it ends with the first heartbeat of one of the service's own
        loops.

        Args:
            loop: its name.
            beside: whether it runs beside the service's own loops, so that it says nothing about the startup.

        """
        with self._lock:
            # A new dict, because the health server reads them in another thread.
            kept = self._heartbeats if beside or loop == "start" else _without(self._heartbeats, "start")
            self._heartbeats = {**kept, loop: self._monotonic()}

    def mark_not_ready(self, component: str, reason: str) -> None:
        """Report that a component is not ready, and why."""
        with self._lock:
            is_new = component not in self._not_ready
            self._not_ready = {**self._not_ready, component: reason}
        if is_new:
            log.warning("not_ready", component=component, reason=reason)
        health_metrics().not_ready.labels(component).set(1)

    def mark_ready(self, component: str) -> None:
        """Report that a component is ready."""
        with self._lock:
            was_not = component in self._not_ready
            self._not_ready = _without(self._not_ready, component)
        if was_not:
            log.info("ready", component=component)
        health_metrics().not_ready.labels(component).set(0)

    def report_assignment(self, partitions: Collection[object]) -> None:
        """Report that the service has joined its consumer group; a member without partitions is a ready spare."""
        self.mark_ready("start")
        self.mark_ready("membership")
        self.note("membership", None if partitions else "no partitions: a spare, in the group for when another leaves")

    def note(self, component: str, text: str | None) -> None:
        """Say something about a component that is ready; None: there is nothing to say any more."""
        with self._lock:
            others = _without(self._notes, component)
            self._notes = others if text is None else {**others, component: text}

    @property
    def live(self) -> bool:
        """Whether every loop has sent a heartbeat in time."""
        return not self.stalled

    @property
    def stalled(self) -> list[str]:
        """The loops that have sent no heartbeat in time."""
        now = self._monotonic()
        return sorted(loop for loop, at in self._heartbeats.items() if now - at >= STALLED_AFTER)

    @property
    def not_ready(self) -> dict[str, str]:
        """Components that are not ready, each with the reason; empty when everything is."""
        return dict(self._not_ready)

    @property
    def ready(self) -> bool:
        """Whether the service is of use to its callers."""
        return not any(self._essential is None or each in self._essential for each in self._not_ready)

    def report(self) -> str:
        """Return what /readyz says: a line for each component that there is something to say about."""
        lines = [f"{name}: {text}" for name, text in sorted({**self._notes, **self._not_ready}.items())]
        return "".join(f"{line}\n" for line in (["ready", *lines] if self.ready else lines))


def _without(values: dict[str, T], name: str) -> dict[str, T]:
    return {each: value for each, value in values.items() if each != name}


class HealthServer:
    """Serves the three pages from a thread; use it as a context manager. Port 0 takes any free one (see `port`)."""

    def __init__(self, health: Health, host: str, port: int, registry: CollectorRegistry = REGISTRY) -> None:
        class _HealthPages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._send(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                elif self.path == "/livez":
                    stalled = health.stalled
                    text = f"stalled: {', '.join(stalled)}\n" if stalled else "live\n"
                    self._send(503 if stalled else 200, text.encode())
                elif self.path == "/readyz":
                    self._send(200 if health.ready else 503, health.report().encode())
                else:
                    self._send(404, b"try /livez, /readyz or /metrics\n")

            def _send(self, status: int, body: bytes, media_type: str = "text/plain; charset=utf-8") -> None:
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Log nothing: probes come every few seconds."""

        self._server = ThreadingHTTPServer((host, port), _HealthPages)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="operations", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
