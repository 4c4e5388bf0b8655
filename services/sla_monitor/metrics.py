"""Prometheus metrics of the SLA monitor."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


class MonitorMetrics:
    """Tickets in the schedule, ticks and their lateness, and reloads."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.watched = Gauge("duban_monitor_tickets", "Tickets with a deadline in the schedule", registry=registry)
        self.heap = Gauge(
            "duban_monitor_heap_entries", "Entries of the deadline heap, stale ones included", registry=registry
        )
        self.stale = Gauge(
            "duban_monitor_heap_stale_ratio",
            "Share of the heap's entries that a newer version of the ticket has replaced",
            registry=registry,
        )
        self.lag = Gauge("duban_monitor_lag_records", "Ticket events that are not consumed yet", registry=registry)
        self.next_due = Gauge(
            "duban_monitor_next_due_timestamp_seconds", "Business time of the nearest deadline", registry=registry
        )
        self.reload_seconds = Gauge(
            "duban_monitor_reload_seconds", "Real seconds that the last load of a snapshot took", registry=registry
        )
        self.reload_rows = Gauge(
            "duban_monitor_reload_rows", "Deadlines that the last load of a snapshot added", registry=registry
        )
        self.events = Counter("duban_monitor_events_total", "Ticket events consumed", registry=registry)
        self.ticks = Counter("duban_monitor_ticks_total", "Ticks that the broker has acknowledged", registry=registry)
        self.lateness = Histogram(
            "duban_monitor_tick_lateness_seconds",
            "Real seconds from a deadline to its acknowledged tick",
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120),
            registry=registry,
        )
