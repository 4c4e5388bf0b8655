"""The wiring of the notifier: events in the main thread, sending in a thread of its own."""

import threading

from services.domain import packs
from services.notifier.domain.letters import Letters
from services.notifier.handlers import EVENTS, Teller, Worker
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.shared import service
from services.shared.consumer import Loop
from services.shared.metrics import LoopMetrics
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.service import Running

NAME = "notifier"


def main() -> None:
    """Run the notifier until it is told to stop."""
    settings = NotifierSettings()

    def body(running: Running, health: Health) -> None:
        policies = packs.load(settings.policies)
        database = Database(settings.database_url, name=NAME)
        clock = service.wait_for_clock(database, settings, running, health)
        if clock is None:
            return
        metrics = NotifierMetrics()
        loop = Loop(
            Teller(policies, clock, metrics),
            service=NAME,
            topics=[EVENTS],
            settings=settings,
            database=database,
            health=health,
            metrics=LoopMetrics(NAME),
        )
        worker = Worker(settings, database, Letters(settings.policies / "letters"), clock, metrics)
        running.on_stop(loop.stop)
        running.on_stop(worker.stop)
        thread = threading.Thread(target=worker.run, name="worker", daemon=True)
        thread.start()
        try:
            loop.run()
        finally:
            worker.stop()
            thread.join(timeout=8)
            database.close()

    service.run(NAME, settings, body)
