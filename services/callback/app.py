"""The wiring of callback."""

from services.callback.handlers import EVENTS, Asker, Planner
from services.callback.metrics import CallbackMetrics
from services.domain import packs
from services.shared import service
from services.shared.consumer import Loop
from services.shared.metrics import LoopMetrics
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.service import Running
from services.shared.settings import Settings

NAME = "callback"


def main() -> None:
    """Run callback until it is told to stop."""
    settings = Settings()

    def body(running: Running, health: Health) -> None:
        policies = packs.load(settings.policies)
        database = Database(settings.database_url, name=NAME)
        clock = service.wait_for_clock(database, settings, running, health)
        if clock is None:
            return
        metrics = CallbackMetrics()
        loop = Loop(
            Planner(policies, clock, metrics),
            service=NAME,
            topics=[EVENTS],
            settings=settings,
            database=database,
            health=health,
            metrics=LoopMetrics(NAME),
            between=Asker(policies, database, clock, metrics),
        )
        running.on_stop(loop.stop)
        loop.run()
        database.close()

    service.run(NAME, settings, body)
