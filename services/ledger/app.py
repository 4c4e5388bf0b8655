"""The wiring of the ledger."""

from schemas.command import Command
from services.ledger.handlers import NAME, Chores, Decider
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.policies.versions import Policies
from services.shared import worker
from services.shared.clock import Clock
from services.shared.postgres import Database
from services.shared.worker import Work


def main() -> None:
    """Run the ledger until it is told to stop."""
    settings = LedgerSettings()

    def build(database: Database, clock: Clock) -> Work[Command]:
        metrics = LedgerMetrics()
        chores = Chores(database, clock, settings, metrics)
        decider = Decider(Policies(database, clock), clock, metrics)
        return Work(decider, between=chores, gained=chores.gained, lost=chores.lost)

    worker.run(NAME, settings, [Command.TOPIC], build)
