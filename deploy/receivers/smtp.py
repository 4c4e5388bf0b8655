"""An SMTP server for demos and tests that records what it receives: `python -m deploy.receivers.smtp PORT FILE`."""

import asyncio
import json
import sys
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class MailRecorder:
    """Appends every message to a file as a JSON object a line."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Record a message; called by aiosmtpd."""
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("plain",))
        entry = {
            "at": time.time(),
            "to": envelope.rcpt_tos,
            "subject": message["Subject"],
            "message_id": message["Message-ID"],
            "text": body.get_content() if body is not None else "",
            "parts": [part.get_content_type() for part in message.walk() if not part.is_multipart()],
        }
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        return "250 message recorded"


async def serve(port: int, file: Path) -> None:
    """Serve until cancelled, recording messages to a file."""
    recorder = MailRecorder(file)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(recorder, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
