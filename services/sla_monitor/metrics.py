"""What the monitor counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


class MonitorMetrics:
    """Tickets watched, ticks sent and how late, jumps of the clock."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.watched = Gauge("duban_monitor_tickets", "Tickets that the monitor knows", registry=registry)
        self.heap = Gauge("duban_monitor_heap_entries", "Entries of the heap, stale ones too", registry=registry)
        self.stale = Gauge(
            "duban_monitor_heap_stale_ratio", "Share of the heap that a newer version has replaced", registry=registry
        )
        self.lag = Gauge("duban_monitor_lag_records", "Events on the topic that are not taken in", registry=registry)
        self.clock_error = Gauge(
            "duban_monitor_clock_error_seconds",
            "By how much the wall clock is ahead of the database's",
            registry=registry,
        )
        self.next_due = Gauge(
            "duban_monitor_next_due_timestamp_seconds", "Business time of the nearest deadline", registry=registry
        )
        self.reload_seconds = Gauge("duban_monitor_reload_seconds", "Of the last load", registry=registry)
        self.reload_rows = Gauge("duban_monitor_reload_rows", "Deadlines of the last load", registry=registry)
        self.events = Counter("duban_monitor_events_total", "Ticket events taken in", registry=registry)
        self.ticks = Counter("duban_monitor_ticks_total", "Ticks that the broker has acknowledged", registry=registry)
        self.jumps = Counter(
            "duban_monitor_clock_jumps_total", "Jumps of the wall clock", ["direction"], registry=registry
        )
        self.lateness = Histogram(
            "duban_monitor_tick_lateness_seconds",
            "Real time from a deadline to the acknowledged tick",
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120),
            registry=registry,
        )
