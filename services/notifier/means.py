"""Ways to reach somebody: SMS by an HTTP gateway, mail by SMTP. The same notice always carries the same id."""

import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol
from uuid import UUID

import httpx

from services.notifier import paper
from services.notifier.domain.letters import Letter
from services.notifier.settings import NotifierSettings


class NotSent(Exception):
    """The notice was not taken.

    Attributes:
        reason: without address and text.
        final: another attempt would end the same way.
        away: it says nothing about the notice: the provider cannot be reached, or does not answer.

    """

    def __init__(self, reason: str, *, final: bool, away: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.away = away


class Means(Protocol):
    """A way to reach somebody.

    Attributes:
        name: as in a notice.

    """

    name: str

    def send(self, address: str, letter: Letter, id_: UUID) -> str:
        """Send a letter and return the provider's own id of it.

        Raises:
            NotSent: it was not taken.

        """
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class Sms:
    """SMS by an HTTP gateway."""

    name = "sms"

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings
        token = settings.sms_token.get_secret_value()
        self._http = httpx.Client(
            timeout=settings.provider_timeout, headers={"Authorization": f"Bearer {token}"} if token else {}
        )

    def send(self, address: str, letter: Letter, id_: UUID) -> str:
        """Post the text; the gateway knows the id when it comes again."""
        try:
            answer = self._http.post(self._settings.sms_url, json=self._message(address, letter, id_))
        except httpx.HTTPError as error:
            raise NotSent(f"the SMS gateway is away ({type(error).__name__})", final=False, away=True) from error
        if answer.status_code >= 400:  # noqa: PLR2004 - HTTP
            again = answer.status_code >= 500 or answer.status_code == 429  # noqa: PLR2004 - HTTP
            raise NotSent(f"the SMS gateway answered {answer.status_code}", final=not again)
        try:
            return str(answer.json()[self._settings.sms_provider_id])
        except (ValueError, KeyError, TypeError):
            return str(id_)

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def _message(self, address: str, letter: Letter, id_: UUID) -> dict[str, str]:
        """Return the message in the gateway's own words."""
        told = {"id": str(id_), "to": address, "text": letter.body}
        return {theirs: told[ours] for ours, theirs in self._settings.sms_fields.items()} | self._settings.sms_also


class Mail:
    """Mail by SMTP."""

    name = "mail"

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings
        self._smtp: smtplib.SMTP | None = None

    def send(self, address: str, letter: Letter, id_: UUID) -> str:
        """Hand a message to the server; its Message-ID is made of the ticket's number and the notice's id."""
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        message["To"] = address
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(datetime.now(UTC))
        # A reply names it, and a bounce brings it back: the ticket is known by the number in it.
        domain = self._settings.mail_from.rpartition("@")[2].rstrip(">")
        message["Message-ID"] = f"<notice.{letter.number}.{id_}@{domain}>"
        # Machines that answer by themselves leave such mail alone (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body + "\n")
        message.add_alternative(paper.html(letter), subtype="html")
        if letter.paper:
            name = f"{letter.number}.pdf"
            message.add_attachment(paper.pdf(letter), maintype="application", subtype="pdf", filename=name)
        try:
            self._connected().send_message(message)
        except smtplib.SMTPResponseException as error:
            self._drop()
            raise NotSent(f"the mail server answered {error.smtp_code}", final=error.smtp_code >= 500) from error  # noqa: PLR2004
        except smtplib.SMTPRecipientsRefused as error:
            self._drop()
            codes = {code for code, _ in error.recipients.values()}
            raise NotSent(f"the mail server refused the recipient {sorted(codes)}", final=min(codes) >= 500) from error  # noqa: PLR2004
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise NotSent(f"the mail server is away ({type(error).__name__})", final=False, away=True) from error
        return str(message["Message-ID"])

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            smtp = smtplib.SMTP(
                self._settings.smtp_host, self._settings.smtp_port, timeout=self._settings.provider_timeout
            )
            if self._settings.smtp_tls:
                smtp.starttls()
            if self._settings.smtp_user:
                smtp.login(self._settings.smtp_user, self._settings.smtp_password.get_secret_value())
            self._smtp = smtp
        return self._smtp

    def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def close(self) -> None:
        """Disconnect."""
        self._drop()
