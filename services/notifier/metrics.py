"""What the notifier counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class NotifierMetrics:
    """Notices by template, means and what became of them."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.notices = Counter("duban_notices_total", "Notices queued", ["template", "means"], registry=registry)
        self.deliveries = Counter(
            "duban_deliveries_total", "Notices sent or given up", ["template", "means", "state"], registry=registry
        )
        self.parts = Counter("duban_sms_parts_total", "Messages that SMS letters were", ["template"], registry=registry)
        self.webhooks = Counter(
            "duban_webhooks_total", "Answers to webhooks: delivered, again or gone", ["verdict"], registry=registry
        )
        self.webhook_faults = Counter(
            "duban_webhook_faults_total", "Faults of our own while webhooks were sent", registry=registry
        )
