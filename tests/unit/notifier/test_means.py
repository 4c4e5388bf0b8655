"""Whose trouble an answer of a provider is: the notice's, or the provider's."""

import json
import smtplib
import ssl
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.domain import mail_address, sms_segments
from services.notifier.domain.letters import Letter
from services.notifier.providers import LONGEST_ASKED, ProviderError, SmsProvider, SmtpProvider
from services.notifier.settings import NotifierSettings
from services.shared.runtime.errors import ConfigurationError

ID = UUID(int=7)
LETTER = Letter("受理", "您的投诉已受理", "TS20260312000001")


def handed_to_gateway(status: int, body: object = None, headers: dict[str, str] | None = None, **settings: Any) -> str:
    """Return what came of an SMS: sent under an id, final, again or away with its wait."""
    gateway = httpx.MockTransport(lambda _: httpx.Response(status, content=json.dumps(body), headers=headers))
    return _came_of(SmsProvider(NotifierSettings(**settings), gateway), "+8613800000101")


def _came_of(means: SmsProvider | SmtpProvider, address: str) -> str:
    try:
        return f"sent {means.send(address, LETTER, ID).provider_id}"
    except ProviderError as error:
        return f"away {error.wait:.0f}" if error.away else "final" if error.final else "again"
    finally:
        means.close()


@pytest.mark.parametrize("status", [302, 401, 402, 403, 404, 408, 429, 500, 503])
def test_what_speaks_of_the_gateway_is_not_the_notice_s_fault(status: int) -> None:
    assert handed_to_gateway(status) == "away 0"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_speaks_of_the_message_is_final(status: int) -> None:
    assert handed_to_gateway(status) == "final"


@pytest.mark.parametrize(
    ("told", "wait"), [("7", 7), ("86400", LONGEST_ASKED), ("9" * 400, LONGEST_ASKED), ("soon", 0), ("²", 0)]
)
def test_a_gateway_that_wants_to_be_left_alone_is_for_a_while(told: str, wait: float) -> None:
    headers = [(b"retry-after", told.encode())]
    gateway = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers))
    assert _came_of(SmsProvider(NotifierSettings(), gateway), "x") == f"away {wait:.0f}"


@pytest.mark.parametrize(
    ("body", "came"),
    [
        ({"code": 0, "provider_id": "p1"}, "sent p1"),
        ({"code": 0}, f"sent {ID}"),
        ({"code": 0, "provider_id": ""}, f"sent {ID}"),
        ({"code": 0, "provider_id": "a\u0000\ud800b"}, "sent ab"),
        ({"code": 1, "msg": "balance insufficient"}, "away 0"),
        ({"code": 33, "msg": "no such number"}, "final"),
        ([], "away 0"),
    ],
)
def test_sent_is_only_what_the_gateway_s_answer_says_is_sent(body: object, came: str) -> None:
    assert handed_to_gateway(200, body, sms_success={"code": ["0"]}, sms_refused={"code": ["33"]}) == came


class Server:
    """A mail server that answers as told; stands for smtplib.SMTP."""

    def __init__(self, told: dict[str, Exception]) -> None:
        self.told = told
        self.sent: list[tuple[Any, str, list[str]]] = []
        self.tls: ssl.SSLContext | None = None

    def __call__(self, *_: object, **more: Any) -> "Server":
        self.tls = more.get("context")
        self._answer("greeting")
        return self

    def _answer(self, step: str) -> None:
        if step in self.told:
            raise self.told[step]

    def starttls(self, *, context: ssl.SSLContext) -> None:
        self.tls = context

    def login(self, *_: object) -> None:
        self._answer("login")

    def send_message(self, message: Any, sender: str, to: list[str]) -> None:
        self._answer("message")
        self.sent.append((message, sender, to))

    def close(self) -> None:
        """Nothing is open."""


def handed_to_server(
    monkeypatch: pytest.MonkeyPatch, step: str, error: Exception | None, address: str = "a@x.example"
) -> str:
    monkeypatch.setattr(smtplib, "SMTP", Server({step: error} if error is not None else {}))
    return _came_of(SmtpProvider(NotifierSettings(smtp_user="u")), address)


@pytest.mark.parametrize(
    ("step", "error", "came"),
    [
        ("greeting", smtplib.SMTPConnectError(554, b"no service"), "away 0"),
        ("greeting", TimeoutError(), "away 0"),
        ("login", smtplib.SMTPAuthenticationError(535, b"bad"), "away 0"),
        ("login", smtplib.SMTPNotSupportedError("no AUTH"), "away 0"),
        ("message", smtplib.SMTPSenderRefused(550, b"not you", "x"), "away 0"),
        ("message", smtplib.SMTPServerDisconnected("gone"), "away 0"),
        ("message", smtplib.SMTPDataError(421, b"busy"), "away 0"),
        ("message", smtplib.SMTPDataError(554, b"spam"), "final"),
        ("message", smtplib.SMTPDataError(451, b"later"), "again"),
        ("message", smtplib.SMTPRecipientsRefused({"a": (550, b"no such")}), "final"),
        ("message", smtplib.SMTPRecipientsRefused({"a": (450, b"greylisted")}), "again"),
        ("message", smtplib.SMTPRecipientsRefused({"a": (421, b"busy")}), "away 0"),
        ("message", smtplib.SMTPRecipientsRefused({}), "final"),
        ("message", smtplib.SMTPNotSupportedError("no SMTPUTF8"), "final"),
    ],
)
def test_whose_trouble_a_mail_server_s_answer_is(
    monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, came: str
) -> None:
    assert handed_to_server(monkeypatch, step, error) == came


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
def test_what_only_looks_like_an_address_is_final_and_kills_nothing(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert not mail_address.is_valid(address)
    assert handed_to_server(monkeypatch, "", None, address) == "final"


@pytest.mark.parametrize("address", GOOD)
def test_real_addresses_are_handed_over_as_one_recipient(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    server = Server({})
    monkeypatch.setattr(smtplib, "SMTP", server)
    SmtpProvider(NotifierSettings()).send(address, LETTER, ID)
    ((message, _, to),) = server.sent
    assert to == [mail_address.ascii_domain(address)]
    assert message["Message-ID"] == f"<notice.{LETTER.number}.{ID}@carrier.example>"


def test_a_subject_is_one_line_whatever_was_written() -> None:
    message = SmtpProvider(NotifierSettings())._message(
        "a@x.com", Letter("热点 长沙\r市\nBcc: x@y.example", "x", "TS1"), ID
    )
    assert message["Subject"] == "热点 长沙 市 Bcc: x@y.example"
    assert message["Bcc"] is None


@pytest.mark.parametrize(("how", "stands_for"), [("starttls", "SMTP"), ("implicit", "SMTP_SSL")])
def test_the_mail_server_s_certificate_is_checked(monkeypatch: pytest.MonkeyPatch, how: str, stands_for: str) -> None:
    server = Server({})
    monkeypatch.setattr(smtplib, stands_for, server)
    SmtpProvider(NotifierSettings(smtp_tls=how)).send("a@x.com", LETTER, ID)  # type: ignore[arg-type]
    assert server.tls is not None
    assert (server.tls.verify_mode, server.tls.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_password_in_the_open_is_refused_in_production() -> None:
    with pytest.raises(ConfigurationError, match="DUBAN_SMTP_TLS"):
        SmtpProvider(NotifierSettings(environment="production", smtp_user="u"))
    SmtpProvider(NotifierSettings(environment="production", smtp_user="u", smtp_tls="starttls"))


@pytest.mark.parametrize("url", ["", "gateway/messages", "ftp://gateway/", "http://", "http://[::1"])
def test_settings_by_which_nothing_could_be_sent_stop_the_service_instead_of_failing_every_notice(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DUBAN_SMS_URL"):
        SmsProvider(NotifierSettings(sms_url=url))
    with pytest.raises(ConfigurationError, match="DUBAN_MAIL_FROM"):
        SmtpProvider(NotifierSettings(mail_from="complaints"))
    SmtpProvider(NotifierSettings(mail_from="客服 <a@carrier.example>")).close()


@pytest.mark.requirement("R5.7")
@pytest.mark.parametrize("text", ["答复内容" * 800, "word " * 800, "😀" * 500])
def test_a_long_sms_is_cut_and_says_by_which_number_to_ask_for_the_rest(text: str) -> None:
    cut = sms_segments.truncate(text, 10, "TS20260312000001")
    assert sms_segments.count_segments(cut) == 10
    assert "TS20260312000001" in cut[-60:]
    assert sms_segments.truncate("短", 1, "TS1") == "短"
