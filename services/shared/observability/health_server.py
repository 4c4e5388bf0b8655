"""Health and metrics over HTTP: /livez, /readyz and /metrics on a port of their own."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

STALLED_AFTER = 60.0
"""Seconds without a heartbeat of a loop after which the process should be restarted."""


class Health:
    """A service's liveness and readiness; written by its loops, read by the health server."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._heartbeats = {"start": monotonic()}
        self._not_ready: dict[str, str] = {"start": "the service is starting"}

    def heartbeat(self, loop: str = "main") -> None:
        """Report that a loop is running; it has to do so again within a minute.

        Only `start`, the startup itself, may fall silent: it ends with the first heartbeat of another loop.
        """
        self._heartbeats[loop] = self._monotonic()
        if loop != "start":
            self._heartbeats.pop("start", None)

    def mark_not_ready(self, component: str, reason: str) -> None:
        """Report that a component is not ready, and why."""
        self._not_ready[component] = reason

    def mark_ready(self, component: str) -> None:
        """Report that a component is ready."""
        self._not_ready.pop(component, None)

    @property
    def live(self) -> bool:
        """Whether every loop has sent a heartbeat within the last minute."""
        return self._monotonic() - min(self._heartbeats.values()) < STALLED_AFTER

    @property
    def not_ready(self) -> dict[str, str]:
        """Components that are not ready, each with the reason; empty when the service is ready."""
        return dict(self._not_ready)


class HealthServer:
    """Serves the three pages from a thread; use it as a context manager. Port 0 takes any free one (see `port`)."""

    def __init__(self, health: Health, host: str, port: int, registry: CollectorRegistry = REGISTRY) -> None:
        class _HealthPages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._send(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                elif self.path == "/livez":
                    self._send(200 if health.live else 503, b"live\n" if health.live else b"stalled\n")
                elif self.path == "/readyz":
                    reasons = health.not_ready
                    text = "".join(f"{name}: {reason}\n" for name, reason in sorted(reasons.items())) or "ready\n"
                    self._send(503 if reasons else 200, text.encode())
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
