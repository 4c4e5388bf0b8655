"""Webhooks as the standard asks for them."""

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


def test_the_example_of_the_standard() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = webhook.signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_two_valid_secrets_make_two_signatures() -> None:
    secrets = [webhook.new_secret(), webhook.new_secret()]
    headers = webhook.signed("m", NOW, b"{}", secrets)
    told = headers["webhook-signature"].split()
    content = f"m.{headers['webhook-timestamp']}.{{}}".encode()
    expected = [
        "v1," + base64.b64encode(hmac.digest(webhook.key(each), content, hashlib.sha256)).decode() for each in secrets
    ]
    assert told == expected


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!", "whsec_" + base64.b64encode(b"x" * 65).decode(), "abc"])
def test_a_secret_of_another_form_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret"):
        webhook.key(secret)


def test_the_body_names_type_and_time_and_holds_the_event() -> None:
    event = TicketScenario.opened().events[-1]
    told = json.loads(webhook.payload(event))
    assert told["type"] == f"duban.ticket.{event.type}"
    assert told["data"]["ticket"]["number"] == event.ticket.number


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
def test_what_an_answer_means(status: int, verdict: str) -> None:
    assert WebhookResponse(status).verdict == verdict


def test_ten_attempts_over_three_days() -> None:
    waits = [webhook.wait(each, WebhookResponse(500), 0.0, NOW) for each in range(1, 11)]
    assert waits[-1] is None
    assert None not in waits[:-1]
    days = sum(each for each in waits if each is not None) / 86_400
    assert 2.9 < days < 3.3


def test_retry_after_lengthens_a_wait_and_never_shortens_it() -> None:
    assert webhook.wait(1, WebhookResponse(503, "60"), 0.0, NOW) == 60.0
    assert webhook.wait(3, WebhookResponse(503, "60"), 0.0, NOW) == 1800.0
    assert webhook.wait(1, WebhookResponse(503, "Thu, 12 Mar 2026 01:10:00 GMT"), 0.0, NOW) == 600.0
    assert webhook.wait(1, WebhookResponse(503, "soon"), 0.0, NOW) == 5.0
    assert webhook.wait(1, WebhookResponse(503, "99999999999"), 0.0, NOW) == 86_400.0
    assert webhook.wait(1, WebhookResponse(503, "²"), 0.0, NOW) == 5.0
    assert webhook.wait(1, WebhookResponse(503, "٦٠"), 0.0, NOW) == 5.0


@given(
    st.text(max_size=40)
    | st.from_regex(r"\A(Thu, )?[0-9]{1,12} Mar [0-9]{1,12} [0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})? [+-]?[0-9A-Z]{1,20}\Z")
)
def test_no_retry_after_breaks_anything(header: str) -> None:
    waited = webhook.wait(1, WebhookResponse(503, header), 0.0, NOW)
    assert waited is not None
    assert 5.0 <= waited <= 86_400.0


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_only_lengthens(attempts: int, chance: float) -> None:
    planned = webhook.WAITS[attempts - 1]
    waited = webhook.wait(attempts, WebhookResponse(500), chance, NOW)
    assert waited is not None
    assert planned <= waited <= planned * 1.2


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
def test_which_addresses_are_public(address: str, public: bool) -> None:  # noqa: FBT001
    assert webhook.public(ip_address(address)) is public


def test_who_chose_nothing_gets_all() -> None:
    assert webhook.wanted("accepted", ())
    assert webhook.wanted("accepted", ("accepted", "closed"))
    assert not webhook.wanted("noted", ("accepted", "closed"))


KNOWN = {"accepted", "answered", "closed"}


def test_types_are_chosen_as_events_or_messages_have_them() -> None:
    assert webhook.chosen(["accepted", " duban.ticket.accepted", "duban.ticket.closed"], KNOWN) == [
        "accepted",
        "closed",
    ]
    told = json.loads(webhook.payload(TicketScenario.opened().events[0]))["type"]
    assert webhook.chosen([told], KNOWN) == ["accepted"]
    assert webhook.chosen([], KNOWN) == []


@pytest.mark.parametrize("wrong", ["acepted", "duban.accepted", "ticket.accepted", "*"])
def test_a_type_that_there_is_not_is_refused_with_those_that_there_are(wrong: str) -> None:
    with pytest.raises(ValueError, match="choose of accepted, answered, closed"):
        webhook.chosen(["accepted", wrong], KNOWN)
