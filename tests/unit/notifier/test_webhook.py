"""Webhooks follow the Standard Webhooks specification."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain import webhook
from services.notifier.domain.webhook import WebhookResponse
from tests.builders import TicketScenario

NOW = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)


def test_the_example_of_the_standard_has_its_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = webhook.signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_two_valid_secrets_make_two_signatures() -> None:
    secrets = [webhook.new_secret(), webhook.new_secret()]
    headers = webhook.signed_headers("m", NOW, b"{}", secrets)
    signatures = headers["webhook-signature"].split()
    content = f"m.{headers['webhook-timestamp']}.{{}}".encode()
    expected = [
        "v1," + base64.b64encode(hmac.digest(webhook.decode_secret(secret), content, hashlib.sha256)).decode()
        for secret in secrets
    ]
    assert signatures == expected


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!", "whsec_" + base64.b64encode(b"x" * 65).decode(), "abc"])
def test_a_secret_in_another_form_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret"):
        webhook.decode_secret(secret)


def test_the_body_names_type_and_time_and_holds_the_event() -> None:
    event = TicketScenario.opened().events[-1]
    message = json.loads(webhook.payload(event))
    assert message["type"] == f"duban.ticket.{event.type}"
    assert message["data"]["ticket"]["number"] == event.ticket.number


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "again"),
        (302, "again"),
        (400, "again"),
        (410, "gone"),
        (500, "again"),
    ],
)
def test_the_verdict_follows_from_the_status(status: int, verdict: str) -> None:
    assert WebhookResponse(status).verdict == verdict


def test_there_are_ten_attempts_within_three_days() -> None:
    delays = [webhook.retry_delay(attempts, WebhookResponse(500), 0.0, NOW) for attempts in range(1, 11)]
    assert delays[-1] is None
    assert None not in delays[:-1]
    days = sum(delay for delay in delays if delay is not None) / 86_400
    assert 2.9 < days < 3.3


def test_retry_after_lengthens_a_delay_and_never_shortens_it() -> None:
    assert webhook.retry_delay(1, WebhookResponse(503, "60"), 0.0, NOW) == 60.0
    assert webhook.retry_delay(3, WebhookResponse(503, "60"), 0.0, NOW) == 1800.0
    assert webhook.retry_delay(1, WebhookResponse(503, "Thu, 12 Mar 2026 01:10:00 GMT"), 0.0, NOW) == 600.0
    assert webhook.retry_delay(1, WebhookResponse(503, "soon"), 0.0, NOW) == 5.0
    assert webhook.retry_delay(1, WebhookResponse(503, "99999999999"), 0.0, NOW) == 86_400.0
    assert webhook.retry_delay(1, WebhookResponse(503, "²"), 0.0, NOW) == 5.0
    assert webhook.retry_delay(1, WebhookResponse(503, "٦٠"), 0.0, NOW) == 5.0


@given(
    st.text(max_size=40)
    | st.from_regex(r"\A(Thu, )?[0-9]{1,12} Mar [0-9]{1,12} [0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})? [+-]?[0-9A-Z]{1,20}\Z")
)
def test_any_retry_after_gives_a_delay_within_bounds(header: str) -> None:
    delay = webhook.retry_delay(1, WebhookResponse(503, header), 0.0, NOW)
    assert delay is not None
    assert 5.0 <= delay <= 86_400.0


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_only_lengthens(attempts: int, chance: float) -> None:
    planned = webhook.RETRY_DELAYS[attempts - 1]
    delay = webhook.retry_delay(attempts, WebhookResponse(500), chance, NOW)
    assert delay is not None
    assert planned <= delay <= planned * 1.2


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nobody listens here
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::1", False),
        ("2002:a00:1::1", False),
        ("2002:808:808::1", False),
        ("2001:0:a00:1::1", False),
        ("::10.0.0.1", False),
        ("::8.8.8.8", False),
        ("::ffff:8.8.8.8", True),
        ("::ffff:0:a00:1", False),
        ("fec0::1", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
    ],
)
def test_only_addresses_of_the_internet_are_public(address: str, public: bool) -> None:  # noqa: FBT001
    assert webhook.is_public(ip_address(address)) is public


def test_a_subscriber_without_types_gets_every_event() -> None:
    assert webhook.is_subscribed("accepted", ())
    assert webhook.is_subscribed("accepted", ("accepted", "closed"))
    assert not webhook.is_subscribed("noted", ("accepted", "closed"))


KNOWN = {"accepted", "answered", "closed"}


def test_event_types_are_accepted_with_or_without_their_prefix() -> None:
    assert webhook.parse_event_types(["accepted", " duban.ticket.accepted", "duban.ticket.closed"], KNOWN) == [
        "accepted",
        "closed",
    ]
    sent = json.loads(webhook.payload(TicketScenario.opened().events[0]))["type"]
    assert webhook.parse_event_types([sent], KNOWN) == ["accepted"]
    assert webhook.parse_event_types([], KNOWN) == []


@pytest.mark.parametrize("wrong", ["acepted", "duban.accepted", "ticket.accepted", "*"])
def test_an_unknown_event_type_is_refused_with_the_known_ones(wrong: str) -> None:
    with pytest.raises(ValueError, match="choose one of accepted, answered, closed"):
        webhook.parse_event_types(["accepted", wrong], KNOWN)
