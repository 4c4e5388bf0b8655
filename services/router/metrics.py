"""Prometheus metrics of the router."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class RouterMetrics:
    """Counts routed contacts by channel, disposition and tier."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.routed = Counter(
            "duban_contacts_routed_total", "Contacts routed", ["channel", "disposition", "tier"], registry=registry
        )
