"""Prometheus metrics of the notifier."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class NotifierMetrics:
    """Counts notices, deliveries, SMS parts and webhooks."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.notices = Counter("duban_notices_total", "Notices queued", ["template", "means"], registry=registry)
        self.deliveries = Counter(
            "duban_deliveries_total",
            "Notices settled: sent, failed or obsolete",
            ["template", "means", "state"],
            registry=registry,
        )
        self.parts = Counter(
            "duban_sms_parts_total", "SMS messages that letters were split into", ["template"], registry=registry
        )
        self.webhooks = Counter(
            "duban_webhooks_total",
            "Webhook attempts by verdict: delivered, again or gone",
            ["verdict"],
            registry=registry,
        )
        self.webhook_faults = Counter(
            "duban_webhook_faults_total", "Internal errors while sending webhooks", registry=registry
        )
