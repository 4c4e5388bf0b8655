"""A webhook receiver for demos and tests that verifies signatures and records what it receives.

Run `WEBHOOK_SECRET=whsec_... python -m deploy.receivers.webhook PORT FILE`. It implements Standard Webhooks and shares
no code with the sender. A message with a valid signature gets 204, any other 401; a repeated id is recorded once.
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
"""Seconds by which a timestamp may differ from now; an older message could be a replay."""


def server(port: int, file: Path, secret: str) -> ThreadingHTTPServer:
    """Return a server that records every message, and whether its signature is valid, as a JSON object a line.

    Args:
        port: port to listen on; 0: any free one.
        file: file to append to.
        secret: whsec_ followed by base64.

    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    lock = threading.Lock()
    known: set[str] = set()

    class WebhookHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            valid, id_ = has_valid_signature(headers, body, key, time.time()), headers.get("webhook-id", "")
            with lock:
                if id_ not in known or not valid:
                    entry = {"id": id_, "good": valid, "type": json.loads(body)["type"] if valid else None}
                    with file.open("a", encoding="utf-8") as opened:
                        opened.write(json.dumps(entry) + "\n")
                known.update({id_} if valid else ())
            self.send_response(204 if valid else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Do not log requests: they contain personal data."""

    return ThreadingHTTPServer(("127.0.0.1", port), WebhookHandler)


def has_valid_signature(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> bool:
    """Return whether a message is signed with a key and its timestamp is recent.

    Args:
        headers: by lower-case name, with `webhook-id`, `webhook-timestamp` and `webhook-signature`.
        body: the body as received.
        key: the shared secret, decoded.
        now: seconds since the epoch.

    """
    id_, at = headers.get("webhook-id"), headers.get("webhook-timestamp", "")
    if not id_ or not at.isdecimal() or abs(now - int(at)) > TOLERANCE:
        return False
    signature = base64.b64encode(hmac.digest(key, f"{id_}.{at}.".encode() + body, hashlib.sha256)).decode()
    # During a rotation a message carries a signature for each secret.
    signatures = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(candidate.encode(), f"v1,{signature}".encode()) for candidate in signatures)


if __name__ == "__main__":
    server(int(sys.argv[1]), Path(sys.argv[2]), os.environ["WEBHOOK_SECRET"]).serve_forever()
