"""Providers that send letters: SMS by an HTTP gateway, mail by SMTP. A repeated attempt carries the same send id."""

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr, parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import httpx

from services.domain import mail_address, sms_segments
from services.notifier import rendering
from services.notifier.domain.letters import Letter
from services.notifier.settings import NotifierSettings
from services.shared.runtime.errors import ConfigurationError

SMS_UNAVAILABLE = frozenset({401, 402, 403, 404, 405, 407, 408, 425, 429})
"""Status codes of a gateway that are about the gateway or our account, not the message; so are those from 500."""
SMTP_UNAVAILABLE = frozenset({421, 530, 535, 538})
"""Reply codes of a mail server that are about the connection or our account."""
OK, REDIRECT, CLIENT_ERROR, SERVER_ERROR = 200, 300, 400, 500
SMTP_PERMANENT = 500
"""SMTP reply codes from here on are final."""
LONGEST_RETRY_AFTER = 300.0
"""Real seconds for which a provider's Retry-After is honoured, at the most."""
LONGEST_ID = 200
"""Characters of a provider's id, or of another value of its response, that are kept."""


class ProviderError(Exception):
    """A letter was not accepted by its provider.

    Attributes:
        reason: without the address and the text of the letter.
        final: another attempt would end the same way.
        unavailable: the provider cannot be reached or serves nobody now, which says nothing about the letter.
        retry_after: real seconds that the provider asks us to wait.

    """

    def __init__(
        self, reason: str, *, final: bool = False, unavailable: bool = False, retry_after: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.unavailable = unavailable
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ProviderReceipt:
    """A provider's acceptance of a letter.

    Attributes:
        provider_id: its own id for the letter, or our send id when it gave none.
        parts: how many messages an SMS was split into.

    """

    provider_id: str
    parts: int | None = None


class Provider(Protocol):
    """Sends letters over one delivery channel.

    Attributes:
        name: of the channel, as in the field `means` of a notice.

    """

    name: str

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:
        """Hand a letter to the provider; `id_` is the send id, by which it may recognise a repeat.

        Raises:
            ProviderError: the provider did not accept it.

        """
        ...

    def close(self) -> None:
        """Close the connection to the provider."""
        ...


class SmsProvider:
    """Sends SMS by an HTTP gateway."""

    name = "sms"

    def __init__(self, settings: NotifierSettings, transport: httpx.BaseTransport | None = None) -> None:
        """Create a client, not connected yet.

        Raises:
            ConfigurationError: the gateway's address is not an HTTP URL.

        """
        self._settings = settings
        try:
            url = httpx.URL(settings.sms_url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"DUBAN_SMS_URL is not a URL ({error}): write it as https://host/path") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise ConfigurationError("DUBAN_SMS_URL is not an http or https URL: write it as https://host/path")
        token = settings.sms_token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(timeout=settings.provider_timeout, headers=headers, transport=transport)

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:
        """Post the text to the gateway, cut to the permitted number of messages.

        Raises:
            ProviderError: the gateway did not accept it, or cannot be reached.

        """
        text = sms_segments.truncate(letter.body, self._settings.sms_parts, letter.number)
        try:
            response = self._http.post(self._settings.sms_url, json=self._message(address, text, id_))
        except httpx.HTTPError as error:
            raise ProviderError(
                f"the SMS gateway cannot be reached ({type(error).__name__})", unavailable=True
            ) from error
        body = _json_object(response)
        self._raise_unless_accepted(response, body)
        provider_id = _printable(body.get(self._settings.sms_provider_id))
        return ProviderReceipt(provider_id or str(id_), sms_segments.count_segments(text))

    def close(self) -> None:
        """Close the connections to the gateway."""
        self._http.close()

    def _message(self, address: str, text: str, id_: UUID) -> dict[str, str]:
        """Return the request body with the gateway's own field names."""
        values = {"id": str(id_), "to": address, "text": text}
        return {theirs: values[ours] for ours, theirs in self._settings.sms_fields.items()} | self._settings.sms_also

    def _raise_unless_accepted(self, response: httpx.Response, body: Mapping[str, Any]) -> None:
        status = response.status_code
        if OK <= status < REDIRECT:
            success = self._settings.sms_success
            if all(_text(body.get(name)) in values for name, values in success.items()):
                return
            found = ", ".join(f"{name} {_printable(body.get(name))[:40]}" for name in success)
            reason, unavailable = f"the SMS gateway did not accept it: {found}", True
        else:
            reason = f"the SMS gateway answered {status}"
            unavailable = status < CLIENT_ERROR or status >= SERVER_ERROR or status in SMS_UNAVAILABLE
        about_letter = any(_text(body.get(name)) in values for name, values in self._settings.sms_refused.items())
        if about_letter or not unavailable:
            raise ProviderError(reason, final=True)
        retry_after = _retry_after_seconds(response.headers.get("retry-after"))
        raise ProviderError(reason, unavailable=True, retry_after=retry_after)


class SmtpProvider:
    """Sends mail by SMTP."""

    name = "mail"

    def __init__(self, settings: NotifierSettings) -> None:
        """Create a client, not connected yet.

        Raises:
            ConfigurationError: the sender is not a mail address, a password would be sent without TLS in production, or
                the certificates cannot be read.

        """
        self._settings = settings
        self._smtp: smtplib.SMTP | None = None
        if not mail_address.is_valid(parseaddr(settings.mail_from)[1]):
            raise ConfigurationError("DUBAN_MAIL_FROM is not a mail address: write it as name@host")
        if settings.environment == "production" and settings.smtp_user and settings.smtp_tls == "none":
            raise ConfigurationError("DUBAN_SMTP_USER needs DUBAN_SMTP_TLS=starttls or implicit in production")
        try:
            self._tls = _tls_context(settings.smtp_ca)
        except OSError as error:
            raise ConfigurationError(f"DUBAN_SMTP_CA cannot be read ({type(error).__name__})") from error

    def send(self, address: str, letter: Letter, id_: UUID) -> ProviderReceipt:
        """Hand a message to the mail server; its Message-ID is made of the ticket's number and the send id.

        Raises:
            ProviderError: the server did not accept it, or cannot be reached.

        """
        to = mail_address.ascii_domain(address)
        if to is None:
            raise ProviderError("the address is not a mail address", final=True)
        message = self._message(to, letter, id_)
        smtp = self._connect()
        try:
            smtp.send_message(message, self._settings.mail_from, [to])
        except smtplib.SMTPNotSupportedError as error:
            self._disconnect()
            raise ProviderError("the mail server does not support such an address (no SMTPUTF8)", final=True) from error
        except smtplib.SMTPRecipientsRefused as error:
            self._disconnect()
            code = min((code for code, _ in error.recipients.values()), default=SMTP_PERMANENT)
            raise _reply_error("refused the recipient", code) from error
        except smtplib.SMTPSenderRefused as error:
            self._disconnect()
            reason = f"the mail server refused us as the sender: {error.smtp_code}"
            raise ProviderError(reason, unavailable=True) from error
        except smtplib.SMTPResponseException as error:
            self._disconnect()
            raise _reply_error("answered", error.smtp_code) from error
        except (OSError, smtplib.SMTPException) as error:
            self._disconnect()
            reason = f"the mail server cannot be reached ({type(error).__name__})"
            raise ProviderError(reason, unavailable=True) from error
        return ProviderReceipt(str(message["Message-ID"]))

    def _message(self, to: str, letter: Letter, id_: UUID) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = to
        # Line breaks of a template or a customer must not end the header.
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(datetime.now(UTC))
        # Replies and bounces quote the Message-ID, so the ticket is found by the number in it.
        domain = self._settings.mail_from.rpartition("@")[2].rstrip(">")
        message["Message-ID"] = f"<notice.{letter.number}.{id_}@{domain}>"
        # Automatic responders do not answer such mail (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body + "\n")
        message.add_alternative(rendering.render_html(letter), subtype="html")
        if letter.attach_pdf:
            name = f"{letter.number}.pdf"
            message.add_attachment(rendering.render_pdf(letter), maintype="application", subtype="pdf", filename=name)
        return message

    def _connect(self) -> smtplib.SMTP:
        """Return the open connection or a new one; an error of a new one says nothing about the letter."""
        if self._smtp is not None:
            return self._smtp
        settings = self._settings
        try:
            if settings.smtp_tls == "implicit":
                self._smtp = smtplib.SMTP_SSL(
                    settings.smtp_host, settings.smtp_port, timeout=settings.provider_timeout, context=self._tls
                )
            else:
                self._smtp = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=settings.provider_timeout)
            if settings.smtp_tls == "starttls":
                self._smtp.starttls(context=self._tls)
            if settings.smtp_user:
                self._smtp.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        except smtplib.SMTPResponseException as error:
            self._disconnect()
            reason = f"the mail server refused the connection or the login: {error.smtp_code}"
            raise ProviderError(reason, unavailable=True) from error
        except (OSError, smtplib.SMTPException) as error:
            self._disconnect()
            reason = f"the mail server cannot be reached ({type(error).__name__})"
            raise ProviderError(reason, unavailable=True) from error
        return self._smtp

    def _disconnect(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def close(self) -> None:
        """Close the connection to the mail server."""
        self._disconnect()


def _reply_error(what: str, code: int) -> ProviderError:
    """Return the error for a reply of a mail server to one message; 4xx, such as greylisting, is temporary."""
    unavailable = code in SMTP_UNAVAILABLE
    final = code >= SMTP_PERMANENT and not unavailable
    return ProviderError(f"the mail server {what}: {code}", final=final, unavailable=unavailable)


@cache
def _tls_context(certificates: Path | None) -> ssl.SSLContext:
    """Return the context that trusts these certificates, or the system's; reading those takes some milliseconds."""
    return ssl.create_default_context(cafile=certificates)


def _json_object(response: httpx.Response) -> Mapping[str, Any]:
    """Return the JSON object of a response; empty when it holds none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _text(value: Any) -> str:
    """Return a value of a response as settings write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _printable(value: Any) -> str:
    """Return a value of a response without characters that PostgreSQL or a log cannot store."""
    return "".join(char for char in str(value) if char.isprintable())[:LONGEST_ID] if value is not None else ""


def _retry_after_seconds(header: str | None) -> float:
    """Return the seconds of a header Retry-After in either of its forms, bounded; 0.0 when it cannot be parsed."""
    if not header:
        return 0.0
    if header.strip().isdecimal():
        seconds = float(header)
    else:
        try:
            moment = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return 0.0
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
