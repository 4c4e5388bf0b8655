"""The SMTP door: a mail is acknowledged when the broker has its contact, and its attachments are stored (R2.1)."""

import asyncio
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.intake.domain.envelope import Heard, Refusal
from services.intake.domain.fields import Unusable
from services.intake.domain.pieces import MAIL
from services.intake.door import Doorway
from services.shared import logs, tracing
from services.shared.errors import ConfigurationError, Problem, Retryable

CHANNEL = "email"
LARGEST = 25 * 1024 * 1024
"""Bytes of a mail, attachments and all."""
IDENT = "Duban"
TRY_AGAIN = "451 4.3.0 Try again later: nothing was accepted"

log = logs.get(__name__)


class MailDoor:
    """Takes mail in, one at a time for each connection."""

    def __init__(self, door: Doorway) -> None:
        self._door = door
        settings = door.settings
        self._controller = Controller(
            _Handler(door),
            hostname=settings.mail_host,
            port=settings.mail_port,
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            ident=IDENT,
            tls_context=_tls(door),
        )

    def start(self) -> None:
        """Listen, in a thread of its own.

        Raises:
            ConfigurationError: the port is taken.

        """
        try:
            self._controller.start()
        except OSError as error:
            settings = self._door.settings
            raise ConfigurationError(
                f"the SMTP door cannot listen on {settings.mail_host}:{settings.mail_port} ({error.strerror}): "
                "set DUBAN_MAIL_PORT to a free port"
            ) from error

    def stop(self) -> None:
        """Take no more mail; what is being sent is left to the sender's next try."""
        self._controller.stop()


def _tls(door: Doorway) -> ssl.SSLContext | None:
    certificate, key = door.settings.mail_certificate, door.settings.mail_key
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"DUBAN_MAIL_CERTIFICATE: {certificate} cannot be used ({error})") from error
    return context


class _Handler:
    """What aiosmtpd asks of us; its method names are the protocol's commands."""

    def __init__(self, door: Doorway) -> None:
        self._door = door
        self._ours = {each.lower() for each in door.settings.mail_recipients}

    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if self._ours and address.lower() not in self._ours:
            return "550 5.1.1 No such address here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        if not envelope.mail_from:
            # An empty return path marks a report of a mail system; the header is where the channel looks for it.
            content = b"Return-Path: <>\r\n" + content
        try:
            heard = await self._take(content)
        except Unusable as error:
            first = error.faults[0]
            self._door.metrics.unusable.labels(CHANNEL, first.reason).inc()
            return f"554 5.6.0 {first.field}: {first.message}"
        except (Retryable, Problem) as error:
            log.warning("mail_waits", reason=str(error))
            return TRY_AGAIN
        return f"250 2.0.0 Accepted as {heard}"

    async def _take(self, content: bytes) -> str:
        reception = self._door.reception
        envelope = reception.envelope(CHANNEL, content, media_type=MAIL, received_at=self._door.now_clock().now())
        heard: list[Heard] = await asyncio.to_thread(reception.listen, envelope)
        whats = [each.what for each in heard if not isinstance(each.what, Refusal)]
        await self._door.publisher.publish(reception.records(whats, tracing.accepted(None)))
        for each in whats:
            self._door.metrics.accepted.labels(CHANNEL, "smtp").inc()
            log.info("accepted", contact=str(each.id), channel=CHANNEL)
        return str(whats[0].id)
