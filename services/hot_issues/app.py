"""Entry point of the hot-issue service: a Faust app with one agent on ticket events."""

from typing import Any

import faust

from schemas.event import TicketEvent
from services.hot_issues.handlers import NAME, BurstDetector
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.shared.kafka import faust_service
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.kafka.topic_reader import ConsumerLag
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock


def main() -> None:
    """Run the service until it is stopped by a signal."""
    settings, metrics = HotIssueSettings(), HotIssueMetrics()

    def build(app: faust.App, database: Database, clock: Clock, health: Health) -> faust.Service:
        publisher = AsyncPublisher(settings.kafka, NAME)
        lag = ConsumerLag(settings.kafka, {NAME: [TicketEvent.TOPIC]})

        def measure_lag() -> int:
            return lag.measure_partitions(NAME, faust_service.assignment(app))

        detector = BurstDetector(settings, database, clock, health, metrics, publisher, measure_lag)
        topic = app.topic(TicketEvent.TOPIC, key_serializer="raw", value_serializer="raw")

        @app.agent(topic)  # type: ignore[untyped-decorator]  # the library has no types
        async def submit_events(stream: Any) -> None:
            # Faust's `take` acknowledges events even if handling them fails, so the detector acknowledges them itself.
            async for event in stream.noack().events():
                await detector.submit(event)

        return detector

    faust_service.run(NAME, settings, build, agents=True)
