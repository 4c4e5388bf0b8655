"""A real receiver of webhooks that checks who signed them and keeps what it gets, for demos and tests.

`WEBHOOK_SECRET=whsec_... python -m deploy.receivers.webhook PORT FILE`. It knows Standard Webhooks alone, and shares no
code with who sends: a signed message is answered 204, another one 401; the same id again is not kept twice.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLERANCE = 300.0
"""Seconds by which a message may be old, or ahead of us; an older one could be a replay."""


def server(port: int, file: Path, secret: str) -> ThreadingHTTPServer:
    """Return a server that appends every message to a file, one JSON object a line, with whether its signature is good.

    Args:
        port: to listen on; 0: any free one.
        file: for what it gets.
        secret: whsec_ and base64.

    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    lock = threading.Lock()
    known: set[str] = set()

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            good, id_ = genuine(headers, body, key, time.time()), headers.get("webhook-id", "")
            with lock:
                if id_ not in known or not good:
                    kept = {"id": id_, "good": good, "type": json.loads(body)["type"] if good else None}
                    with file.open("a", encoding="utf-8") as opened:
                        opened.write(json.dumps(kept) + "\n")
                known.update({id_} if good else ())
            self.send_response(204 if good else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """What customers complain of does not belong into a log."""

    return ThreadingHTTPServer(("127.0.0.1", port), Receiver)


def genuine(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> bool:
    """Return whether a message is signed with the key, and not too old.

    Args:
        headers: by their names in small letters, with `webhook-id`, `webhook-timestamp` and `webhook-signature`.
        body: as it came.
        key: that both sides know.
        now: seconds since 1970.

    """
    id_, at = headers.get("webhook-id"), headers.get("webhook-timestamp", "")
    if not id_ or not at.isdecimal() or abs(now - int(at)) > TOLERANCE:
        return False
    signature = base64.b64encode(hmac.digest(key, f"{id_}.{at}.".encode() + body, hashlib.sha256)).decode()
    # While a secret changes there are two signatures.
    signed = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(each.encode(), f"v1,{signature}".encode()) for each in signed)


if __name__ == "__main__":
    server(int(sys.argv[1]), Path(sys.argv[2]), os.environ["WEBHOOK_SECRET"]).serve_forever()
