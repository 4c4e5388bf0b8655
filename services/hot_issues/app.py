"""The wiring of hot issues: a Faust app with one agent on the events of tickets."""

from typing import Any

import faust

from schemas.event import TicketEvent
from services.hot_issues.handlers import NAME, Watch
from services.hot_issues.metrics import HotIssueMetrics
from services.hot_issues.settings import HotIssueSettings
from services.shared import streaming
from services.shared.clock import Clock
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.producer import Producer


def main() -> None:
    """Run the service until it is told to stop."""
    settings, metrics = HotIssueSettings(), HotIssueMetrics()

    def build(app: faust.App, database: Database, clock: Clock, health: Health) -> faust.Service:
        watch = Watch(settings, database, clock, health, metrics, Producer(settings.kafka, NAME, idempotent=False))
        topic = app.topic(TicketEvent.TOPIC, key_serializer="raw", value_serializer="raw")

        @app.agent(topic)  # type: ignore[untyped-decorator]  # the library has no types
        async def kinds(stream: Any) -> None:
            # `take` acknowledges what it gave whatever became of it, so the watch does that when its work is done.
            async for event in stream.noack().events():
                await watch.hand_in(event)

        return watch

    streaming.run(NAME, settings, build, agents=True)
