"""The wiring of the router."""

from services.domain import packs
from services.router.handlers import CONTACTS, Router
from services.router.metrics import RouterMetrics
from services.shared import service
from services.shared.consumer import Loop
from services.shared.metrics import LoopMetrics
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.service import Running
from services.shared.settings import Settings

NAME = "router"


def main() -> None:
    """Run the router until it is told to stop."""
    settings = Settings()

    def body(running: Running, health: Health) -> None:
        policies = packs.load(settings.policies)
        database = Database(settings.database_url, name=NAME)
        clock = service.wait_for_clock(database, settings, running, health)
        if clock is None:
            return
        loop = Loop(
            Router(policies, clock, RouterMetrics()),
            service=NAME,
            topics=[CONTACTS],
            settings=settings,
            database=database,
            health=health,
            metrics=LoopMetrics(NAME),
        )
        running.on_stop(loop.stop)
        loop.run()
        database.close()

    service.run(NAME, settings, body)
