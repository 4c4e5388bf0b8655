"""The webhook test receiver accepts only messages signed recently with its secret."""

from datetime import UTC, datetime, timedelta

from deploy.receivers.webhook import TOLERANCE, has_valid_signature
from services.notifier.domain import webhook

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
BODY = b'{"type": "duban.ticket.accepted"}'


def test_during_a_rotation_a_signature_by_either_secret_is_accepted() -> None:
    old, new = webhook.new_secret(), webhook.new_secret()
    headers = webhook.signed_headers("id-1", NOW, BODY, (new, old))
    assert has_valid_signature(headers, BODY, webhook.decode_secret(old), NOW.timestamp())
    assert has_valid_signature(headers, BODY, webhook.decode_secret(new), NOW.timestamp())


def test_a_changed_old_or_differently_signed_message_is_rejected() -> None:
    secret = webhook.new_secret()
    headers, key, now = (
        webhook.signed_headers("id-1", NOW, BODY, (secret,)),
        webhook.decode_secret(secret),
        NOW.timestamp(),
    )
    late = (NOW + timedelta(seconds=TOLERANCE + 1)).timestamp()
    assert has_valid_signature(headers, BODY, key, now)
    assert not has_valid_signature(headers, BODY + b" ", key, now)
    assert not has_valid_signature(headers, BODY, key, late)
    assert not has_valid_signature(headers, BODY, webhook.decode_secret(webhook.new_secret()), now)
    assert not has_valid_signature(headers | {"webhook-id": "id-2"}, BODY, key, now)
    for missing in headers:
        if missing.startswith("webhook-"):
            assert not has_valid_signature(
                {name: value for name, value in headers.items() if name != missing}, BODY, key, now
            )
    assert not has_valid_signature(headers | {"webhook-timestamp": "²"}, BODY, key, now)
