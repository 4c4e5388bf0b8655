"""Prometheus metrics of the callback service."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class CallbackMetrics:
    """Callback attempts and survey results."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.asked = Counter(
            "duban_callbacks_total",
            "Attempts to ask a customer, made or requested from a caller",
            ["means"],
            registry=registry,
        )
        self.surveys = Counter("duban_surveys_total", "Surveys answered, by verdict", ["verdict"], registry=registry)
