"""An SMS gateway for demos and tests that records what it receives: `python -m deploy.receivers.sms PORT FILE`.

POST /messages with {"id", "to", "text"} gets 201 with the gateway's own id. A repeated id is the same message, which
the customer gets once; `<file>-repeats` records that it came again.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def server(port: int, file: Path) -> ThreadingHTTPServer:
    """Return a server that appends every message to a file as a JSON object a line."""
    lock = threading.Lock()
    repeats = file.with_stem(f"{file.stem}-repeats")
    known = (
        {json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines()} if file.exists() else set()
    )

    class SmsGatewayHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes: without this the second waits for the acknowledgement of the first.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            try:
                message = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                id_, to, text = message["id"], message["to"], message["text"]
            except (ValueError, KeyError, TypeError):
                self._respond(400, {"error": "send a JSON object with id, to and text"})
                return
            with lock:
                target = repeats if id_ in known else file
                known.add(id_)
                with target.open("a", encoding="utf-8") as opened:
                    opened.write(json.dumps({"id": id_, "to": to, "text": text}, ensure_ascii=False) + "\n")
            self._respond(201, {"provider_id": f"sms-{id_}"})

        def _respond(self, status: int, body: dict[str, str]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Do not log requests: they contain phone numbers."""

    return ThreadingHTTPServer(("127.0.0.1", port), SmsGatewayHandler)


if __name__ == "__main__":
    server(int(sys.argv[1]), Path(sys.argv[2])).serve_forever()
