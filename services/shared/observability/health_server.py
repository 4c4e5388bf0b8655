"""What operations look at in every service: /livez, /readyz and /metrics on a port of their own."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

STALLED_AFTER = 60.0
"""Seconds without a sign of life of a loop after which the process is better restarted."""


class Health:
    """What a service says of itself; set by its main loop, read by the operations server."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beats = {"start": monotonic()}
        self._missing: dict[str, str] = {"start": "the service is starting"}

    def beat(self, loop: str = "main") -> None:
        """Say that a loop goes round; it has to go on saying so, but for `start`, which ends with the first other."""
        self._beats[loop] = self._monotonic()
        if loop != "start":
            self._beats.pop("start", None)

    def lack(self, part: str, reason: str) -> None:
        """Say that a part is not ready, and why."""
        self._missing[part] = reason

    def have(self, part: str) -> None:
        """Say that a part is ready."""
        self._missing.pop(part, None)

    @property
    def live(self) -> bool:
        """Whether every loop still goes round."""
        return self._monotonic() - min(self._beats.values()) < STALLED_AFTER

    @property
    def missing(self) -> dict[str, str]:
        """Parts that are not ready, with the reason; empty when the service is."""
        return dict(self._missing)


class HealthServer:
    """Serves the three pages in a thread; port 0 takes a free one (see `port`)."""

    def __init__(self, health: Health, host: str, port: int, registry: CollectorRegistry = REGISTRY) -> None:
        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._send(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                elif self.path == "/livez":
                    self._send(200 if health.live else 503, b"live\n" if health.live else b"stalled\n")
                elif self.path == "/readyz":
                    missing = health.missing
                    text = "".join(f"{part}: {why}\n" for part, why in sorted(missing.items())) or "ready\n"
                    self._send(503 if missing else 200, text.encode())
                else:
                    self._send(404, b"try /livez, /readyz or /metrics\n")

            def _send(self, status: int, body: bytes, media_type: str = "text/plain; charset=utf-8") -> None:
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Probes are not worth a log line."""

        self._server = ThreadingHTTPServer((host, port), Pages)
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
