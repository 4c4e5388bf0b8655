"""Providers report most messages, and bounces name the mail that they are about."""

from collections import Counter
from random import Random

from demo import gateway
from services.intake.domain.channels.mail_message import ParsedMail
from tests.builders import MORNING


def test_the_gateway_reports_most_messages_and_every_failure() -> None:
    rng = Random(1)
    states = Counter(gateway.reported_state("+8613800000001", rng) for _ in range(1000))
    assert states["delivered"] > 800
    assert states[None] > 0
    assert {gateway.reported_state("+8613800000007", rng) for _ in range(9)} == {"failed"}


def test_a_bounce_is_parsed_and_names_the_original_mail() -> None:
    message_id = "<notice.TS20260312000001.0d1f6f2c-6d2f-5c5e-9f43-6a2f0c6b7d11@carrier.example>"
    mail = ParsedMail(gateway.delivery_report("gone0031@mail.example", message_id, MORNING).as_bytes())
    assert mail.is_bounce
    assert mail.bounce_report() == {
        "original_message_id": message_id,
        "failed_recipient": "gone0031@mail.example",
        "status": "5.1.1",
    }
