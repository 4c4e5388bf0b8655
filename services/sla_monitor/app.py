"""Entry point of the SLA monitor: a Faust app with one service and no agents (DESIGN 4)."""

import faust

from services.shared.kafka import faust_service
from services.shared.kafka.async_publisher import AsyncPublisher
from services.shared.observability.health_server import Health
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.sla_monitor.domain.partition_tracker import NAME
from services.sla_monitor.handlers import Monitor
from services.sla_monitor.metrics import MonitorMetrics
from services.sla_monitor.settings import MonitorSettings


def main() -> None:
    """Run the SLA monitor until it is stopped by a signal."""
    settings, metrics = MonitorSettings(), MonitorMetrics()

    def build(_: faust.App, database: Database, clock: Clock, health: Health) -> faust.Service:
        return Monitor(settings, database, clock, health, metrics, AsyncPublisher(settings.kafka, NAME))

    # A Faust agent reads record by record; the monitor's own consumer takes thousands at once.
    faust_service.run(NAME, settings, build)
