"""Prometheus metrics that every service exports; a service adds its own in its `metrics.py`."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


class ConsumerMetrics:
    """Metrics of a batch consumer."""

    def __init__(self, service: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._service = service
        self.records = Counter(
            "duban_records_total",
            "Records processed and committed, dead letters included",
            ["service", "topic"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "duban_dead_letters_total",
            "Records that could not be used and became dead letters",
            ["service", "topic", "reason"],
            registry=registry,
        )
        self.races = Counter(
            "duban_races_total",
            "Batches handled again because another owner changed the same rows first",
            registry=registry,
        )
        self.lag = Gauge(
            "duban_consumer_lag_records",
            "Records of this member's partitions that it has not read yet",
            ["service", "topic"],
            registry=registry,
        )
        self.bars = Counter(
            "duban_senders_barred_total",
            "Senders barred because too many of their records became dead letters; each is an alert",
            ["service"],
            registry=registry,
        )
        self.doubts = Counter(
            "duban_ownership_doubts_total",
            "Batches that may have been published after another member had taken over their partitions",
            ["service"],
            registry=registry,
        )
        self.seconds = Histogram(
            "duban_batch_seconds",
            "Real seconds from the poll of a batch to its commit",
            ["service"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
            registry=registry,
        )

    def record_batch(self, counts: Mapping[str, int], seconds: float) -> None:
        """Record a processed batch: its records by topic, and the real seconds it took."""
        for topic, count in counts.items():
            self.records.labels(self._service, topic).inc(count)
        self.seconds.labels(self._service).observe(seconds)


class PublisherMetrics:
    """Metrics of everything in a service that publishes through a `Publisher`."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.unpublishable = Counter(
            "duban_unpublishable_total",
            "Records of our own that the broker refused for good and that became dead letters",
            ["service", "topic", "reason"],
            registry=registry,
        )


@cache
def publisher_metrics() -> PublisherMetrics:
    """Return those of this process, which all of its publishers share."""
    return PublisherMetrics()


class ClockMetrics:
    """Metrics of this host's clock against the database's."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.error = Gauge(
            "duban_clock_error_seconds",
            "Seconds by which the wall clock is ahead of the database's, and is corrected; 0 within the tolerance",
            registry=registry,
        )
        self.jumps = Counter("duban_clock_jumps_total", "Jumps of the wall clock", ["direction"], registry=registry)


@cache
def clock_metrics() -> ClockMetrics:
    """Return those of this process."""
    return ClockMetrics()


class HealthMetrics:
    """Metrics of what /readyz says."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.not_ready = Gauge(
            "duban_not_ready",
            "1 for each component that /readyz names as not ready, 0 when it is ready again",
            ["component"],
            registry=registry,
        )


@cache
def health_metrics() -> HealthMetrics:
    """Return those of this process."""
    return HealthMetrics()
