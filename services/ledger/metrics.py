"""What the ledger counts."""

from datetime import datetime
from functools import cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from schemas.event import TicketEvent


class LedgerMetrics:
    """Events, refusals, and how late thresholds were decided."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.events = Counter("duban_ticket_events_total", "Ticket events by type", ["type", "tier"], registry=registry)
        self.refusals = Counter(
            "duban_command_refusals_total", "Commands that changed nothing", ["action", "code"], registry=registry
        )
        self.swept = Counter(
            "duban_swept_total", "Overdue thresholds that no monitor had sent a tick for", registry=registry
        )
        self.late = Counter(
            "duban_thresholds_late_total",
            "Thresholds decided more than five seconds late: fired or settled",
            ["outcome"],
            registry=registry,
        )
        self.lateness = Histogram(
            "duban_threshold_lateness_seconds",
            "Policy time from a threshold to its decision",
            ["clock", "threshold"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
            registry=registry,
        )
        # Looking a metric up by its labels costs more than counting; their values are few, as policies name them.
        self._events = cache(self.events.labels)
        self._lateness = cache(self.lateness.labels)

    def event(self, event: TicketEvent, now: datetime) -> None:
        """Count one event."""
        self._events(event.type, event.ticket.classification.tier).inc()
        if event.threshold is not None:
            late = (now - event.threshold.due_at).total_seconds()
            self._lateness(event.threshold.clock, event.threshold.threshold).observe(max(late, 0.0))
            if event.threshold.late:
                self.late.labels(event.threshold.outcome).inc()
