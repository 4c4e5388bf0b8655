"""The wiring of the ledger."""

from services.domain import packs
from services.ledger.handlers import COMMANDS, Chores, Decider
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.shared import service
from services.shared.consumer import Loop
from services.shared.metrics import LoopMetrics
from services.shared.operations import Health
from services.shared.postgres import Database
from services.shared.service import Running

NAME = "ledger"


def main() -> None:
    """Run the ledger until it is told to stop."""
    settings = LedgerSettings()

    def body(running: Running, health: Health) -> None:
        policies = packs.load(settings.policies)
        database = Database(settings.database_url, name=NAME)
        clock = service.wait_for_clock(database, settings, running, health)
        if clock is None:
            return
        metrics = LedgerMetrics()
        chores = Chores(database, clock, settings, metrics)
        loop = Loop(
            Decider(policies, clock, metrics),
            service=NAME,
            topics=[COMMANDS],
            settings=settings,
            database=database,
            health=health,
            metrics=LoopMetrics(NAME),
            between=chores,
        )
        loop.assignments.gained = chores.gained
        loop.assignments.lost = chores.lost
        running.on_stop(loop.stop)
        loop.run()
        database.close()

    service.run(NAME, settings, body)
