"""What callback counts."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class CallbackMetrics:
    """Customers asked, and how they judged."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.asked = Counter("duban_callbacks_total", "Attempts to ask a customer", ["means"], registry=registry)
        self.surveys = Counter("duban_surveys_total", "Surveys answered", ["verdict"], registry=registry)
