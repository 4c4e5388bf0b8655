"""Entry point of the ledger."""

from schemas.command import Command
from services.ledger.batch import NAME
from services.ledger.handlers import CommandHandler
from services.ledger.metrics import LedgerMetrics
from services.ledger.settings import LedgerSettings
from services.ledger.state_republisher import StateRepublisher
from services.ledger.sweeper import Sweeper
from services.policies.versions import PolicyRegistry
from services.shared.kafka.batch_consumer import Publish
from services.shared.postgres.database import Database
from services.shared.runtime import service_runner
from services.shared.runtime.clock import Clock
from services.shared.runtime.service_runner import ServiceSpec


def main() -> None:
    """Run the ledger until it is stopped by a signal."""
    settings = LedgerSettings()

    def build(database: Database, clock: Clock) -> ServiceSpec[Command]:
        metrics = LedgerMetrics()
        sweeper = Sweeper(database, clock, settings, metrics)
        republisher = StateRepublisher(database, settings)

        def after_batch(publish: Publish) -> None:
            sweeper.send_ticks(publish)
            republisher.publish_states(publish)

        return ServiceSpec(
            CommandHandler(PolicyRegistry(database, clock), clock, metrics),
            after_batch=after_batch,
            on_doubt=republisher.on_doubt,
            on_assigned=republisher.on_assigned,
            on_revoked=republisher.on_revoked,
        )

    service_runner.run(NAME, settings, [Command.TOPIC], build)
