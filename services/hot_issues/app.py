"""The wiring of hot issues: a Faust app with one agent on the events of tickets."""

from typing import Any

import faust

from schemas.event import TicketEvent
from services.hot_issues.handlers import NAME, BurstDetector
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.shared.kafka import faust_service
from services.shared.kafka.producer import Producer
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock


def main() -> None:
    """Run the service until it is told to stop."""
    settings, metrics = HotIssueSettings(), HotIssueMetrics()

    def build(app: faust.App, database: Database, clock: Clock, health: Health) -> faust.Service:
        watch = BurstDetector(
            settings, database, clock, health, metrics, Producer(settings.kafka, NAME, idempotent=False)
        )
        topic = app.topic(TicketEvent.TOPIC, key_serializer="raw", value_serializer="raw")

        @app.agent(topic)  # type: ignore[untyped-decorator]  # the library has no types
        async def kinds(stream: Any) -> None:
            # `take` acknowledges what it gave whatever became of it, so the watch does that when its work is done.
            async for event in stream.noack().events():
                await watch.hand_in(event)

        return watch

    faust_service.run(NAME, settings, build, agents=True)
