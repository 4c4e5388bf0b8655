"""Prometheus metrics of the hot-issue service."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class HotIssueMetrics:
    """Hot issues and the tickets that are linked to them."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.changes = Counter(
            "duban_hot_issue_changes_total",
            "Changes of hot issues, by the status after it",
            ["status"],
            registry=registry,
        )
        self.linked = Counter("duban_hot_issue_tickets_total", "Tickets linked to a hot issue", registry=registry)
        self.lag = Gauge(
            "duban_hot_issues_lag_records",
            "Ticket events of this member's partitions not handled yet",
            registry=registry,
        )
        self.unclosed = Gauge("duban_hot_issues", "Hot issues that are not closed", registry=registry)
