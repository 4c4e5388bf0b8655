"""The wiring of the monitor: a Faust app with one service."""

import asyncio

from aiokafka.errors import KafkaError

from services.shared import logs, service
from services.shared.clock import Clock
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.service import Running
from services.sla_monitor.connection import application
from services.sla_monitor.handlers import NAME, Monitor
from services.sla_monitor.metrics import MonitorMetrics
from services.sla_monitor.settings import MonitorSettings

RETRY = 0.5
"""Seconds between two attempts to reach the broker at the start."""

log = logs.get(__name__)


def main() -> None:
    """Run the monitor until it is told to stop."""
    settings = MonitorSettings()

    def body(running: Running, health: Health) -> None:
        database = Database(settings.database_url, name=NAME)
        clock = service.wait_for_clock(database, settings, running, health)
        if clock is not None:
            asyncio.run(_watch(settings, database, clock, running, health))
        database.close()

    service.run(NAME, settings, body)


async def _watch(settings: MonitorSettings, database: Database, clock: Clock, running: Running, health: Health) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_soon_threadsafe(stopped.set)

    running.on_stop(stop)
    metrics = MonitorMetrics()
    while not running.stopping:
        app = application(settings.kafka, f"duban-{NAME}")
        monitor = Monitor(settings, database, clock, health, metrics)
        try:
            await app.start()
            monitor.sends_with(app.producer)
            await app.add_runtime_dependency(monitor)
        except KafkaError as error:
            health.beat()
            health.lack("kafka", f"the broker is away ({type(error).__name__})")
            log.warning("broker_away", error=type(error).__name__)
            await app.stop()
            await asyncio.sleep(RETRY)
            continue
        crashed = asyncio.create_task(monitor.wait_until_stopped())
        await asyncio.wait({crashed, asyncio.create_task(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED)
        await app.stop()
        if monitor.crash_reason is not None:
            raise monitor.crash_reason
        return
