"""What intake counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class IntakeMetrics:
    """Contacts accepted and refused, by channel."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.accepted = Counter(
            "duban_contacts_accepted_total", "Contacts acknowledged", ["channel", "door"], registry=registry
        )
        self.refused = Counter(
            "duban_requests_refused_total", "Requests answered with a problem", ["status", "reason"], registry=registry
        )
        self.unusable = Counter(
            "duban_messages_unusable_total", "Messages refused, by reason", ["channel", "reason"], registry=registry
        )
