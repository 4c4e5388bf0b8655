"""Prometheus metrics of intake."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class IntakeMetrics:
    """Counters of accepted and rejected messages and requests."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.accepted = Counter(
            "duban_contacts_accepted_total",
            "Messages accepted and acknowledged",
            ["channel", "door"],
            registry=registry,
        )
        self.refused = Counter(
            "duban_requests_refused_total",
            "HTTP requests answered with an error",
            ["status", "reason"],
            registry=registry,
        )
        self.unusable = Counter(
            "duban_messages_unusable_total", "Messages rejected", ["channel", "reason"], registry=registry
        )
        self.channels_stopped = Gauge(
            "duban_channel_topics_stopped",
            "1 while no channel topic is read, because our own code failed on too many of their records: an alert",
            registry=registry,
        )
        self.reads = Counter(
            "duban_reads_total",
            "Readings of tickets and of due calls, each of them recorded",
            ["route", "scope"],
            registry=registry,
        )
