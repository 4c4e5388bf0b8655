"""Ways to reach somebody: SMS by an HTTP gateway, mail by SMTP. The same attempt always carries the same id."""

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr, parsedate_to_datetime
from typing import Any, Protocol
from uuid import UUID

import httpx

from services.domain import mail_address, sms_segments
from services.notifier import rendering
from services.notifier.domain.letters import Letter
from services.notifier.settings import NotifierSettings
from services.shared.runtime.errors import ConfigurationError

SMS_AWAY = frozenset({401, 402, 403, 404, 405, 407, 408, 425, 429})
"""Answers of a gateway that speak of our account or of the gateway, not of the message; so do those from 500."""
SMTP_AWAY = frozenset({421, 530, 535, 538})
"""Answers of a mail server that speak of the connection or of our account."""
OK, REDIRECTED, REFUSED, BROKEN = 200, 300, 400, 500
LONGEST_ASKED = 300.0
"""Real seconds for which a provider's Retry-After is honoured, at the most."""
LONGEST_ID = 200


class ProviderError(Exception):
    """The notice was not taken.

    Attributes:
        reason: without address and text.
        final: another attempt would end the same way.
        away: it says nothing about the notice: the provider cannot be reached, or serves nobody now.
        wait: real seconds for which the provider wants to be left alone.

    """

    def __init__(self, reason: str, *, final: bool = False, away: bool = False, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.away = away
        self.wait = wait


@dataclass(frozen=True, slots=True)
class ProviderReceipt:
    """What a provider took: under which id of its own, and how many messages an SMS was."""

    provider_id: str
    parts: int | None = None


class Provider(Protocol):
    """A way to reach somebody.

    Attributes:
        name: as in a notice.

    """

    name: str

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:
        """Hand a letter over.

        Raises:
            NotSent: it was not taken.

        """
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class SmsProvider:
    """SMS by an HTTP gateway."""

    name = "sms"

    def __init__(self, settings: NotifierSettings, transport: httpx.BaseTransport | None = None) -> None:
        """Make it, not connected yet.

        Raises:
            ConfigurationError: the gateway's address is none.

        """
        self._settings = settings
        try:
            url = httpx.URL(settings.sms_url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"DUBAN_SMS_URL is no address: {error}") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise ConfigurationError("DUBAN_SMS_URL is no http or https address")
        token = settings.sms_token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(timeout=settings.provider_timeout, headers=headers, transport=transport)

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:
        """Post the text; the gateway knows the id when it comes again."""
        text = sms_segments.truncate(letter.body, self._settings.sms_parts, letter.number)
        try:
            answer = self._http.post(self._settings.sms_url, json=self._message(address, text, id_))
        except httpx.HTTPError as error:
            raise ProviderError(f"the SMS gateway is away ({type(error).__name__})", away=True) from error
        told = _object(answer)
        self._judge(answer, told)
        own = _printable(told.get(self._settings.sms_provider_id))
        return ProviderReceipt(own or str(id_), sms_segments.count_segments(text))

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def _message(self, address: str, text: str, id_: UUID) -> dict[str, str]:
        """Return the message in the gateway's own words."""
        told = {"id": str(id_), "to": address, "text": text}
        return {theirs: told[ours] for ours, theirs in self._settings.sms_fields.items()} | self._settings.sms_also

    def _judge(self, answer: httpx.Response, told: Mapping[str, Any]) -> None:
        status = answer.status_code
        if OK <= status < REDIRECTED:
            success = self._settings.sms_success
            if all(_plain(told.get(name)) in values for name, values in success.items()):
                return
            said = ", ".join(f"{name} {_printable(told.get(name))[:40]}" for name in success)
            reason, away = f"the SMS gateway did not take it: {said}", True
        else:
            reason = f"the SMS gateway answered {status}"
            away = status < REFUSED or status >= BROKEN or status in SMS_AWAY
        own = any(_plain(told.get(name)) in values for name, values in self._settings.sms_refused.items())
        if own or not away:
            raise ProviderError(reason, final=True)
        raise ProviderError(reason, away=True, wait=_asked(answer.headers.get("retry-after")))


class SmtpProvider:
    """Mail by SMTP."""

    name = "mail"

    def __init__(self, settings: NotifierSettings) -> None:
        """Make it, not connected yet.

        Raises:
            ConfigurationError: the sender is no mail address, a password would go over the wire in the open, or the
                certificates cannot be read.

        """
        self._settings = settings
        self._smtp: smtplib.SMTP | None = None
        if not mail_address.is_valid(parseaddr(settings.mail_from)[1]):
            raise ConfigurationError("DUBAN_MAIL_FROM is no mail address")
        if settings.environment == "production" and settings.smtp_user and settings.smtp_tls == "none":
            raise ConfigurationError("DUBAN_SMTP_USER needs DUBAN_SMTP_TLS=starttls or implicit in production")
        try:
            self._tls = ssl.create_default_context(cafile=settings.smtp_ca)
        except OSError as error:
            raise ConfigurationError(f"DUBAN_SMTP_CA cannot be read ({type(error).__name__})") from error

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:
        """Hand a message to the server; its Message-ID is made of the ticket's number and the attempt's id."""
        to = mail_address.ascii_domain(address)
        if to is None:
            raise ProviderError("the address is no mail address", final=True)
        message = self._message(to, letter, id_)
        smtp = self._connected()
        try:
            smtp.send_message(message, self._settings.mail_from, [to])
        except smtplib.SMTPNotSupportedError as error:
            self._drop()
            raise ProviderError("the mail server does not take such an address (no SMTPUTF8)", final=True) from error
        except smtplib.SMTPRecipientsRefused as error:
            self._drop()
            code = min((code for code, _ in error.recipients.values()), default=BROKEN)
            raise _answered("refused the recipient", code) from error
        except smtplib.SMTPSenderRefused as error:
            self._drop()
            raise ProviderError(f"the mail server refused us as the sender: {error.smtp_code}", away=True) from error
        except smtplib.SMTPResponseException as error:
            self._drop()
            raise _answered("answered", error.smtp_code) from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise ProviderError(f"the mail server is away ({type(error).__name__})", away=True) from error
        return ProviderReceipt(str(message["Message-ID"]))

    def _message(self, to: str, letter: Letter, id_: UUID) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = to
        # A header is one line, whatever a template or a customer wrote.
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(datetime.now(UTC))
        # A reply names it, and a bounce brings it back: the ticket is known by the number in it.
        domain = self._settings.mail_from.rpartition("@")[2].rstrip(">")
        message["Message-ID"] = f"<notice.{letter.number}.{id_}@{domain}>"
        # Machines that answer by themselves leave such mail alone (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body + "\n")
        message.add_alternative(rendering.html(letter), subtype="html")
        if letter.paper:
            name = f"{letter.number}.pdf"
            message.add_attachment(rendering.pdf(letter), maintype="application", subtype="pdf", filename=name)
        return message

    def _connected(self) -> smtplib.SMTP:
        """Return the connection; whatever is wrong with a new one says nothing about the notice."""
        if self._smtp is not None:
            return self._smtp
        told = self._settings
        try:
            if told.smtp_tls == "implicit":
                self._smtp = smtplib.SMTP_SSL(
                    told.smtp_host, told.smtp_port, timeout=told.provider_timeout, context=self._tls
                )
            else:
                self._smtp = smtplib.SMTP(told.smtp_host, told.smtp_port, timeout=told.provider_timeout)
            if told.smtp_tls == "starttls":
                self._smtp.starttls(context=self._tls)
            if told.smtp_user:
                self._smtp.login(told.smtp_user, told.smtp_password.get_secret_value())
        except smtplib.SMTPResponseException as error:
            self._drop()
            raise ProviderError(f"the mail server does not let us in: {error.smtp_code}", away=True) from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise ProviderError(f"the mail server is away ({type(error).__name__})", away=True) from error
        return self._smtp

    def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def close(self) -> None:
        """Disconnect."""
        self._drop()


def _answered(what: str, code: int) -> ProviderError:
    """Return what an answer of a mail server to one message means: 4xx is greylisting and the like, 5xx is final."""
    away = code in SMTP_AWAY
    return ProviderError(f"the mail server {what}: {code}", final=code >= BROKEN and not away, away=away)


def _object(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, Mapping) else {}


def _plain(value: Any) -> str:
    """Return a value of an answer as settings write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _printable(value: Any) -> str:
    """Return a provider's word without what PostgreSQL or a log could not hold."""
    return "".join(each for each in str(value) if each.isprintable())[:LONGEST_ID] if value is not None else ""


def _asked(header: str | None) -> float:
    """Return the seconds of a Retry-After, in either of its forms, bounded; 0.0 when it makes no sense."""
    if not header:
        return 0.0
    if header.strip().isdecimal():
        asked = float(header)
    else:
        try:
            moment = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return 0.0
        asked = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(max(asked, 0.0), LONGEST_ASKED)
