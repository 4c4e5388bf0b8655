"""The wiring of the ledger."""

from schemas.command import Command
from services.ledger.handlers import NAME, CommandHandler, LedgerMaintenance
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.policies.versions import PolicyRegistry
from services.shared.postgres.database import Database
from services.shared.runtime import service_runner
from services.shared.runtime.clock import Clock
from services.shared.runtime.service_runner import ServiceSpec


def main() -> None:
    """Run the ledger until it is told to stop."""
    settings = LedgerSettings()

    def build(database: Database, clock: Clock) -> ServiceSpec[Command]:
        metrics = LedgerMetrics()
        chores = LedgerMaintenance(database, clock, settings, metrics)
        decider = CommandHandler(PolicyRegistry(database, clock), clock, metrics)
        return ServiceSpec(decider, after_batch=chores, on_assigned=chores.gained, on_revoked=chores.lost)

    service_runner.run(NAME, settings, [Command.TOPIC], build)
