"""The SMTP door: acknowledges a mail once its attachments are stored and the broker has its contact (R2.1)."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.intake.domain.envelope import ParsedItem, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.message_parts import MAIL
from services.intake.http_context import HttpContext
from services.intake.senders import Sender
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import ConfigurationError, Problem, Retryable

CHANNEL = "email"
MAX_MAIL_BYTES = 25 * 1024 * 1024
"""Bytes of a mail with its attachments."""
MAX_CONNECTIONS_PER_PEER = 20
"""Connections of one peer at a time: as many as a mail server opens to one destination by default."""
MAX_CONNECTIONS = 50
"""Connections in total; each may hold a mail in memory."""
IDENT = "Duban"
"""Name in the SMTP greeting."""
TRY_AGAIN = "451 4.3.0 Try again later: nothing was accepted"
TOO_MANY = "421 4.7.0 Too many connections: close some, or try again later"
TOO_LARGE = f"552 5.3.4 A mail is at most {MAX_MAIL_BYTES} bytes here: send large files another way and refer to them"

log = logs.get(__name__)


class SmtpServer:
    """The SMTP server of the channel email."""

    def __init__(self, context: HttpContext) -> None:
        self._context = context
        settings = context.settings
        self._controller = _Controller(
            MailHandler(context),
            refused=lambda reason: context.metrics.unusable.labels(CHANNEL, reason).inc(),
            hostname=settings.mail_host,
            port=settings.mail_port,
            data_size_limit=MAX_MAIL_BYTES,
            enable_SMTPUTF8=True,
            ident=IDENT,
            tls_context=_tls(context),
        )

    def start(self) -> None:
        """Start listening, in a thread of its own.

        Raises:
            ConfigurationError: the port cannot be used.

        """
        try:
            self._controller.start()
        except OSError as error:
            settings = self._context.settings
            raise ConfigurationError(
                f"the SMTP door cannot listen on {settings.mail_host}:{settings.mail_port} ({error.strerror}): "
                "set DUBAN_MAIL_PORT to a free port"
            ) from error

    def stop(self) -> None:
        """Stop the server; senders retry mails that were not acknowledged."""
        self._controller.stop()


def _tls(context: HttpContext) -> ssl.SSLContext | None:
    certificate, key = context.settings.mail_certificate, context.settings.mail_key
    if certificate is None:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        tls.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"DUBAN_MAIL_CERTIFICATE: {certificate} cannot be used ({error})") from error
    return tls


class ConnectionLimiter:
    """Limits the open connections, per peer and in total."""

    def __init__(self, per_peer: int = MAX_CONNECTIONS_PER_PEER, total: int = MAX_CONNECTIONS) -> None:
        self._per_peer = per_peer
        self._total = total
        self._open: Counter[str] = Counter()

    def acquire(self, peer: str) -> bool:
        """Count a new connection; False when the limit is reached."""
        if self._open[peer] >= self._per_peer or self._open.total() >= self._total:
            return False
        self._open[peer] += 1
        return True

    def release(self, peer: str) -> None:
        """Stop counting a closed connection."""
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]


class _Controller(Controller):  # type: ignore[misc]
    """Creates the protocol object of each connection."""

    def __init__(self, handler: "MailHandler", *, refused: Callable[[str], None], **options: Any) -> None:
        self._connections = ConnectionLimiter()
        self._refused = refused
        super().__init__(handler, **options)

    def factory(self) -> SMTP:
        return _Protocol(self.handler, self._connections, self._refused, **self.SMTP_kwargs)


class _Protocol(SMTP):  # type: ignore[misc]
    """One connection; refused when there are too many. Counts the refusals of aiosmtpd, too."""

    def __init__(
        self, handler: Any, connections: ConnectionLimiter, refused: Callable[[str], None], **options: Any
    ) -> None:
        super().__init__(handler, **options)
        self._connections = connections
        self._refused = refused
        self._peer: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # After STARTTLS aiosmtpd calls this again for the same connection.
        if self._peer is None:
            peer = str((transport.get_extra_info("peername") or ("",))[0])
            if not self._connections.acquire(peer):
                self._refused("too_many")
                assert isinstance(transport, asyncio.Transport)
                transport.write(TOO_MANY.encode() + b"\r\n")
                transport.close()
                return
            self._peer = peer
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._peer is not None:
            self._connections.release(self._peer)
            self._peer = None
            super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        if isinstance(status, str) and status.startswith("552"):
            self._refused("too_large")
            status = TOO_LARGE
        await super().push(status)


class MailHandler:
    """Handles the SMTP commands; aiosmtpd finds the methods by the commands' names."""

    def __init__(self, context: HttpContext) -> None:
        self._context = context
        settings = context.ingestor.settings_for(CHANNEL)
        name, policy = settings.sender or CHANNEL, settings.policy or context.ingestor.policy
        self._sender = Sender(name, (policy,), (CHANNEL,), ("contacts",), per_minute=settings.per_minute)
        self._recipients = {address.lower() for address in context.settings.mail_recipients}

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Reply to the return path; a sender over its rate limit is deferred."""
        try:
            self._context.check_rate(self._sender, 0)
        except Problem as error:
            return self._defer(error)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Reply to a recipient; an address that accepts no complaints is refused."""
        if self._recipients and address.lower() not in self._recipients:
            self._context.metrics.unusable.labels(CHANNEL, "unknown_recipient").inc()
            return "550 5.1.1 Unknown address: check it"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept a mail, defer it for what passes, or refuse it for what its sender has to change."""
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        if not envelope.mail_from:
            # An empty return path marks a bounce; the channel finds it in this header.
            content = b"Return-Path: <>\r\n" + content
        try:
            self._context.check_rate(self._sender)
            reference = await self._ingest(content)
        except InvalidPayload as error:
            first = error.errors[0]
            self._context.metrics.unusable.labels(CHANNEL, first.reason).inc()
            return f"554 5.6.0 {first.field}: {first.message}"
        except Problem as error:
            return self._refuse(error) if error.status < HTTPStatus.TOO_MANY_REQUESTS else self._defer(error)
        except Retryable as error:
            return self._defer(error)
        return f"250 2.0.0 Accepted as {reference}"

    def _refuse(self, problem: Problem) -> str:
        """Return the reply to a mail that can never be stored, so that its server does not send it again."""
        self._context.metrics.unusable.labels(CHANNEL, problem.reason).inc()
        code = "552 5.3.4" if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "554 5.6.0"
        return f"{code} {problem.detail}"

    def _defer(self, error: Retryable | Problem) -> str:
        log.warning("mail_waits", reason=str(error))
        if isinstance(error, Problem) and error.reason:
            self._context.metrics.unusable.labels(CHANNEL, error.reason).inc()
        return TRY_AGAIN

    async def _ingest(self, mail: bytes) -> str:
        """Parse and publish a mail; returns the id of its record."""
        ingestor = self._context.ingestor
        envelope = ingestor.envelope(CHANNEL, mail, media_type=MAIL, received_at=self._context.require_clock().now())
        items: list[ParsedItem] = await asyncio.to_thread(ingestor.parse, envelope)
        contents = [item.content for item in items if not isinstance(item.content, RejectedItem)]
        await self._context.publish(ingestor.records(contents, tracing.accept_or_start(None)))
        for content in contents:
            self._context.metrics.accepted.labels(CHANNEL, "smtp").inc()
            log.info("accepted", contact=str(content.id), channel=CHANNEL)
        return str(contents[0].id)
