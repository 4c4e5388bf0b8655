"""A real HTTP gateway for SMS that keeps what it gets, for demos and tests: `python -m deploy.receivers.sms PORT FILE`.

POST /messages with {"id", "to", "text"} answers 201 with the gateway's own id; the same id again is not kept twice.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def server(port: int, file: Path) -> ThreadingHTTPServer:
    """Return a server that appends every message to a file, one JSON object a line."""
    lock = threading.Lock()
    known = (
        {json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines()} if file.exists() else set()
    )

    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes; the second must not wait until the first is acknowledged.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            try:
                message = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                id_, to, text = message["id"], message["to"], message["text"]
            except (ValueError, KeyError, TypeError):
                self._answer(400, {"error": "send a JSON object with id, to and text"})
                return
            with lock:
                if id_ not in known:
                    known.add(id_)
                    with file.open("a", encoding="utf-8") as kept:
                        kept.write(json.dumps({"id": id_, "to": to, "text": text}, ensure_ascii=False) + "\n")
            self._answer(201, {"provider_id": f"sms-{id_}"})

        def _answer(self, status: int, body: dict[str, str]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Numbers of customers do not belong into a log."""

    return ThreadingHTTPServer(("127.0.0.1", port), Gateway)


if __name__ == "__main__":
    server(int(sys.argv[1]), Path(sys.argv[2])).serve_forever()
