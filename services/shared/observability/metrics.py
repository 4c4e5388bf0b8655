"""Figures that every service gives of its own work; a service adds its own in its `metrics.py`."""

from collections.abc import Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram


class ConsumerMetrics:
    """What the delivery loop counts."""

    def __init__(self, service: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._service = service
        self.records = Counter(
            "duban_records_total",
            "Records consumed to the end, dead letters included",
            ["service", "topic"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "duban_dead_letters_total",
            "Records that could not be used",
            ["service", "topic", "reason"],
            registry=registry,
        )
        self.races = Counter(
            "duban_races_total", "Batches decided again because somebody else was first", registry=registry
        )
        self.seconds = Histogram(
            "duban_batch_seconds",
            "Real time from poll to acknowledged publication of a batch",
            ["service"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
            registry=registry,
        )

    def done(self, counts: Mapping[str, int], seconds: float) -> None:
        """Count a finished batch."""
        for topic, number in counts.items():
            self.records.labels(self._service, topic).inc(number)
        self.seconds.labels(self._service).observe(seconds)
