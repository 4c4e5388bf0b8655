"""What the router counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class RouterMetrics:
    """Contacts by channel, by what became of them, and by tier."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.routed = Counter(
            "duban_contacts_routed_total", "Contacts routed", ["channel", "disposition", "tier"], registry=registry
        )
