"""Whether a provider's response is about the letter or about the provider."""

import json
import smtplib
import ssl
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.domain import mail_address, sms_segments
from services.notifier.domain.letters import Letter
from services.notifier.providers import LONGEST_RETRY_AFTER, ProviderError, SmsProvider, SmtpProvider
from services.notifier.settings import NotifierSettings
from services.shared.runtime.errors import ConfigurationError

ID = UUID(int=7)
LETTER = Letter("受理", "您的投诉已受理", "TS20260312000001")


def send_sms(status: int, body: object = None, headers: dict[str, str] | None = None, **settings: Any) -> str:
    """Return the outcome of an SMS: sent with an id, final, again, or unavailable with the seconds of Retry-After."""
    gateway = httpx.MockTransport(lambda _: httpx.Response(status, content=json.dumps(body), headers=headers))
    return _outcome(SmsProvider(NotifierSettings(**settings), gateway), "+8613800000101")


def _outcome(provider: SmsProvider | SmtpProvider, address: str) -> str:
    try:
        return f"sent {provider.send(address, LETTER, ID).provider_id}"
    except ProviderError as error:
        if error.unavailable:
            return f"unavailable {error.retry_after:.0f}"
        return "final" if error.final else "again"
    finally:
        provider.close()


@pytest.mark.parametrize("status", [302, 401, 402, 403, 404, 408, 429, 500, 503])
def test_a_status_about_the_gateway_is_an_outage(status: int) -> None:
    assert send_sms(status) == "unavailable 0"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_status_about_the_message_is_final(status: int) -> None:
    assert send_sms(status) == "final"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("86400", LONGEST_RETRY_AFTER), ("9" * 400, LONGEST_RETRY_AFTER), ("soon", 0), ("²", 0)],
)
def test_retry_after_of_a_gateway_is_honoured_within_bounds(header: str, seconds: float) -> None:
    headers = [(b"retry-after", header.encode())]
    gateway = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers))
    assert _outcome(SmsProvider(NotifierSettings(), gateway), "x") == f"unavailable {seconds:.0f}"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"code": 0, "provider_id": "p1"}, "sent p1"),
        ({"code": 0}, f"sent {ID}"),
        ({"code": 0, "provider_id": ""}, f"sent {ID}"),
        ({"code": 0, "provider_id": "a\u0000\ud800b"}, "sent ab"),
        ({"code": 1, "msg": "balance insufficient"}, "unavailable 0"),
        ({"code": 33, "msg": "no such number"}, "final"),
        ([], "unavailable 0"),
    ],
)
def test_an_sms_counts_as_sent_only_if_the_gateway_s_response_says_so(body: object, outcome: str) -> None:
    assert send_sms(200, body, sms_success={"code": ["0"]}, sms_refused={"code": ["33"]}) == outcome


class FakeSmtp:
    """Stands for smtplib.SMTP; raises the error that a test gives for a step."""

    def __init__(self, errors: dict[str, Exception]) -> None:
        self.errors = errors
        self.sent: list[tuple[Any, str, list[str]]] = []
        self.tls: ssl.SSLContext | None = None

    def __call__(self, *_: object, **more: Any) -> "FakeSmtp":
        self.tls = more.get("context")
        self._reach("greeting")
        return self

    def _reach(self, step: str) -> None:
        if step in self.errors:
            raise self.errors[step]

    def starttls(self, *, context: ssl.SSLContext) -> None:
        self.tls = context

    def login(self, *_: object) -> None:
        self._reach("login")

    def send_message(self, message: Any, sender: str, to: list[str]) -> None:
        self._reach("message")
        self.sent.append((message, sender, to))

    def close(self) -> None:
        """Nothing is open."""


def send_mail(monkeypatch: pytest.MonkeyPatch, step: str, error: Exception | None, address: str = "a@x.example") -> str:
    monkeypatch.setattr(smtplib, "SMTP", FakeSmtp({step: error} if error is not None else {}))
    return _outcome(SmtpProvider(NotifierSettings(smtp_user="u")), address)


@pytest.mark.parametrize(
    ("step", "error", "outcome"),
    [
        ("greeting", smtplib.SMTPConnectError(554, b"no service"), "unavailable 0"),
        ("greeting", TimeoutError(), "unavailable 0"),
        ("login", smtplib.SMTPAuthenticationError(535, b"bad"), "unavailable 0"),
        ("login", smtplib.SMTPNotSupportedError("no AUTH"), "unavailable 0"),
        ("message", smtplib.SMTPSenderRefused(550, b"not you", "x"), "unavailable 0"),
        ("message", smtplib.SMTPServerDisconnected("gone"), "unavailable 0"),
        ("message", smtplib.SMTPDataError(421, b"busy"), "unavailable 0"),
        ("message", smtplib.SMTPDataError(554, b"spam"), "final"),
        ("message", smtplib.SMTPDataError(451, b"later"), "again"),
        ("message", smtplib.SMTPRecipientsRefused({"a": (550, b"no such")}), "final"),
        ("message", smtplib.SMTPRecipientsRefused({"a": (450, b"greylisted")}), "again"),
        ("message", smtplib.SMTPRecipientsRefused({"a": (421, b"busy")}), "unavailable 0"),
        ("message", smtplib.SMTPRecipientsRefused({}), "final"),
        ("message", smtplib.SMTPNotSupportedError("no SMTPUTF8"), "final"),
    ],
)
def test_a_mail_server_s_reply_is_about_the_server_or_the_letter(
    monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, outcome: str
) -> None:
    assert send_mail(monkeypatch, step, error) == outcome


BAD = [
    "a@[",
    "li@[mail.example",
    "(a@x.com",
    "=?utf-8?q?=0a?=@x.com",
    "a,b@x.com",
    "a<b@x.com",
    '"@x.com',
    "abc.@x.com",
]
BAD += ["a..b@x.com", "a@x..com", "a@-x.com", "a@", "@x.com", "a", "a@x,b@y.com", "a@" + "x" * 64 + ".com", "a b@x.com"]
GOOD = ["a@x.com", "li.wei+1@mail.example", "张三@x.com", "o'neil@x.co", "a_b@sub.x.com", "a@x", "a@例子.cn"]


@pytest.mark.parametrize("address", BAD)
def test_an_invalid_mail_address_is_final(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert not mail_address.is_valid(address)
    assert send_mail(monkeypatch, "", None, address) == "final"


@pytest.mark.parametrize("address", GOOD)
def test_a_valid_mail_address_is_one_recipient(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    server = FakeSmtp({})
    monkeypatch.setattr(smtplib, "SMTP", server)
    SmtpProvider(NotifierSettings()).send(address, LETTER, ID)
    ((message, _, to),) = server.sent
    assert to == [mail_address.ascii_domain(address)]
    assert message["Message-ID"] == f"<notice.{LETTER.number}.{ID}@carrier.example>"


def test_a_subject_is_one_line_whatever_it_contains() -> None:
    message = SmtpProvider(NotifierSettings())._message(
        "a@x.com", Letter("热点 长沙\r市\nBcc: x@y.example", "x", "TS1"), ID
    )
    assert message["Subject"] == "热点 长沙 市 Bcc: x@y.example"
    assert message["Bcc"] is None


@pytest.mark.parametrize(("tls", "replaced"), [("starttls", "SMTP"), ("implicit", "SMTP_SSL")])
def test_the_mail_server_s_certificate_is_checked(monkeypatch: pytest.MonkeyPatch, tls: str, replaced: str) -> None:
    server = FakeSmtp({})
    monkeypatch.setattr(smtplib, replaced, server)
    SmtpProvider(NotifierSettings(smtp_tls=tls)).send("a@x.com", LETTER, ID)  # type: ignore[arg-type]
    assert server.tls is not None
    assert (server.tls.verify_mode, server.tls.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_password_without_tls_is_refused_in_production() -> None:
    with pytest.raises(ConfigurationError, match="DUBAN_SMTP_TLS"):
        SmtpProvider(NotifierSettings(environment="production", smtp_user="u"))
    SmtpProvider(NotifierSettings(environment="production", smtp_user="u", smtp_tls="starttls"))


@pytest.mark.parametrize("url", ["", "gateway/messages", "ftp://gateway/", "http://", "http://[::1"])
def test_settings_with_which_nothing_can_be_sent_stop_the_service(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DUBAN_SMS_URL"):
        SmsProvider(NotifierSettings(sms_url=url))
    with pytest.raises(ConfigurationError, match="DUBAN_MAIL_FROM"):
        SmtpProvider(NotifierSettings(mail_from="complaints"))
    SmtpProvider(NotifierSettings(mail_from="客服 <a@carrier.example>")).close()


@pytest.mark.requirement("R5.7")
@pytest.mark.parametrize("text", ["答复内容" * 800, "word " * 800, "😀" * 500])
def test_a_long_sms_is_cut_and_ends_with_the_ticket_number(text: str) -> None:
    cut = sms_segments.truncate(text, 10, "TS20260312000001")
    assert sms_segments.count_segments(cut) == 10
    assert "TS20260312000001" in cut[-60:]
    assert sms_segments.truncate("短", 1, "TS1") == "短"
