"""A web server on loopback that answers as a test defines."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

StubResponse = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


class _StubHttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connection errors: some tests kill the client during a request."""


@contextmanager
def stub_server(respond: Callable[[dict[str, str], bytes], StubResponse]) -> Iterator[int]:
    """Serve POST requests, each in a thread of its own, while the block runs; yields the port.

    Args:
        respond: gets the headers by lower-case name and the body, and returns the response.

    """

    class StubHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes: without this the second waits for the acknowledgement of the first.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers, content = respond({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = _StubHttpServer(("127.0.0.1", 0), StubHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
