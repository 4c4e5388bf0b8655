"""The SMTP door: a mail is acknowledged when the broker has its contact, and its attachments are stored (R2.1)."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.intake.domain.envelope import ParsedItem, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.splitter import MAIL
from services.intake.http_context import HttpContext
from services.intake.senders import Sender
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import ConfigurationError, Problem, Retryable

CHANNEL = "email"
MAX_MAIL_BYTES = 25 * 1024 * 1024
"""Bytes of a mail, attachments and all."""
MAX_CONNECTIONS_PER_PEER = 20
"""Connections of one peer at a time, as many as a mail system opens to one place if it is not told otherwise."""
MAX_CONNECTIONS = 50
"""Connections in all: each may hold a mail in memory."""
IDENT = "Duban"
TRY_AGAIN = "451 4.3.0 Try again later: nothing was accepted"
TOO_MANY = "421 4.7.0 Too many connections: end some, or try again later"
TOO_LARGE = f"552 5.3.4 A mail is at most {MAX_MAIL_BYTES} bytes here: send large files another way and name them"

log = logs.get(__name__)


class SmtpServer:
    """Takes mail in, one at a time for each connection."""

    def __init__(self, door: HttpContext) -> None:
        self._door = door
        settings = door.settings
        self._controller = _Controller(
            _Handler(door),
            refused=lambda reason: door.metrics.unusable.labels(CHANNEL, reason).inc(),
            hostname=settings.mail_host,
            port=settings.mail_port,
            data_size_limit=MAX_MAIL_BYTES,
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


def _tls(door: HttpContext) -> ssl.SSLContext | None:
    certificate, key = door.settings.mail_certificate, door.settings.mail_key
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"DUBAN_MAIL_CERTIFICATE: {certificate} cannot be used ({error})") from error
    return context


class ConnectionLimiter:
    """The connections that are open, by peer."""

    def __init__(self, most_of_a_peer: int = MAX_CONNECTIONS_PER_PEER, most: int = MAX_CONNECTIONS) -> None:
        self._most_of_a_peer = most_of_a_peer
        self._most = most
        self._open: Counter[str] = Counter()

    def acquire(self, peer: str) -> bool:
        """Whether a connection may be opened; it counts then until it leaves."""
        if self._open[peer] >= self._most_of_a_peer or self._open.total() >= self._most:
            return False
        self._open[peer] += 1
        return True

    def release(self, peer: str) -> None:
        """Forget a connection."""
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]


class _Controller(Controller):  # type: ignore[misc]
    """Makes the protocol of each connection."""

    def __init__(self, handler: "_Handler", *, refused: Callable[[str], None], **options: Any) -> None:
        self._connections = ConnectionLimiter()
        self._refused = refused
        super().__init__(handler, **options)

    def factory(self) -> SMTP:
        return _Protocol(self.handler, self._connections, self._refused, **self.SMTP_kwargs)


class _Protocol(SMTP):  # type: ignore[misc]
    """One connection: turned away when there are too many; refusals that are aiosmtpd's own are counted too."""

    def __init__(
        self, handler: Any, connections: ConnectionLimiter, refused: Callable[[str], None], **options: Any
    ) -> None:
        super().__init__(handler, **options)
        self._connections = connections
        self._refused = refused
        self._peer: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # STARTTLS makes the same connection once more.
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


class _Handler:
    """What aiosmtpd asks of us; its method names are the protocol's commands."""

    def __init__(self, door: HttpContext) -> None:
        self._door = door
        told = door.ingestor.settings_for(CHANNEL)
        name, policy = told.sender or CHANNEL, told.policy or door.ingestor.policy
        self._who = Sender(name, policy, (CHANNEL,), ("contacts",), told.per_minute)
        self._ours = {each.lower() for each in door.settings.mail_recipients}

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        try:
            self._door.check_rate(self._who, 0)
        except Problem as error:
            return self._later(error)
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
        if self._ours and address.lower() not in self._ours:
            self._door.metrics.unusable.labels(CHANNEL, "unknown_recipient").inc()
            return "550 5.1.1 No such address here: check it"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        if not envelope.mail_from:
            # An empty return path marks a report of a mail system; the header is where the channel looks for it.
            content = b"Return-Path: <>\r\n" + content
        try:
            self._door.check_rate(self._who)
            heard = await self._take(content)
        except InvalidPayload as error:
            first = error.errors[0]
            self._door.metrics.unusable.labels(CHANNEL, first.reason).inc()
            return f"554 5.6.0 {first.field}: {first.message}"
        except (Retryable, Problem) as error:
            return self._later(error)
        return f"250 2.0.0 Accepted as {heard}"

    def _later(self, error: Retryable | Problem) -> str:
        log.warning("mail_waits", reason=str(error))
        if isinstance(error, Problem) and error.reason:
            self._door.metrics.unusable.labels(CHANNEL, error.reason).inc()
        return TRY_AGAIN

    async def _take(self, content: bytes) -> str:
        ingestor = self._door.ingestor
        envelope = ingestor.envelope(CHANNEL, content, media_type=MAIL, received_at=self._door.require_clock().now())
        heard: list[ParsedItem] = await asyncio.to_thread(ingestor.parse, envelope)
        whats = [each.content for each in heard if not isinstance(each.content, RejectedItem)]
        await self._door.publisher.publish(ingestor.records(whats, tracing.accepted(None)))
        for each in whats:
            self._door.metrics.accepted.labels(CHANNEL, "smtp").inc()
            log.info("accepted", contact=str(each.id), channel=CHANNEL)
        return str(whats[0].id)
