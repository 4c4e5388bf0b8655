"""The receiver of webhooks believes what is signed by who knows the secret, and nothing else."""

from datetime import UTC, datetime, timedelta

from deploy.receivers.webhook import TOLERANCE, genuine
from services.notifier.domain import webhook

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
BODY = b'{"type": "duban.ticket.accepted"}'


def test_what_is_signed_is_believed_by_either_secret_while_one_changes() -> None:
    old, new = webhook.new_secret(), webhook.new_secret()
    headers = webhook.signed("id-1", NOW, BODY, (new, old))
    assert genuine(headers, BODY, webhook.key(old), NOW.timestamp())
    assert genuine(headers, BODY, webhook.key(new), NOW.timestamp())


def test_what_was_changed_or_is_old_or_signed_by_another_is_not() -> None:
    secret = webhook.new_secret()
    headers, key, now = webhook.signed("id-1", NOW, BODY, (secret,)), webhook.key(secret), NOW.timestamp()
    late = (NOW + timedelta(seconds=TOLERANCE + 1)).timestamp()
    assert genuine(headers, BODY, key, now)
    assert not genuine(headers, BODY + b" ", key, now)
    assert not genuine(headers, BODY, key, late)
    assert not genuine(headers, BODY, webhook.key(webhook.new_secret()), now)
    assert not genuine(headers | {"webhook-id": "id-2"}, BODY, key, now)
    for missing in headers:
        if missing.startswith("webhook-"):
            assert not genuine({name: value for name, value in headers.items() if name != missing}, BODY, key, now)
    assert not genuine(headers | {"webhook-timestamp": "²"}, BODY, key, now)
