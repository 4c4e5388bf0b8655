"""Prometheus metrics of the ledger."""

from datetime import datetime
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from schemas.event import TicketEvent


class LedgerMetrics:
    """Events, refusals, sweeps, and how late thresholds were decided."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.events = Counter("duban_ticket_events_total", "Ticket events by type", ["type", "tier"], registry=registry)
        self.refusals = Counter(
            "duban_command_refusals_total", "Commands that were refused", ["action", "code"], registry=registry
        )
        self.swept = Counter("duban_swept_total", "Ticks that the sweeper sent for overdue tickets", registry=registry)
        self.archive_ticks = Counter(
            "duban_archive_ticks_total",
            "Ticks that the sweeper sent for tickets due for the archive",
            registry=registry,
        )
        self.late = Counter(
            "duban_thresholds_late_total",
            "Thresholds decided more than five seconds late, by outcome: fired or settled",
            ["outcome"],
            registry=registry,
        )
        self.lateness = Histogram(
            "duban_threshold_lateness_seconds",
            "Business seconds from a threshold to its decision",
            ["clock", "threshold"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
            registry=registry,
        )
        # Looking up a metric by its labels costs more than counting; there are few label values, set by policies.
        self._events = cache(self.events.labels)
        self._lateness = cache(self.lateness.labels)

    def record_event(self, event: TicketEvent, now: datetime) -> None:
        """Count an event, and observe the lateness of the threshold that it decides."""
        self._events(event.type, event.ticket.classification.tier).inc()
        # Nobody waits for the instant of archiving: it is done day by day.
        if event.threshold is not None and event.type != "archived":
            lateness = (now - event.threshold.due_at).total_seconds()
            self._lateness(event.threshold.clock, event.threshold.threshold).observe(max(lateness, 0.0))
            if event.threshold.late:
                self.late.labels(event.threshold.outcome).inc()
