"""The wiring of the notifier: events in the main thread, sending in a thread of its own."""

from schemas.event import TicketEvent
from services.domain import packs
from services.notifier.domain.letters import Letters
from services.notifier.handlers import NAME, Teller, Worker
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.shared import worker
from services.shared.clock import Clock
from services.shared.postgres import Database
from services.shared.worker import Work


def main() -> None:
    """Run the notifier until it is told to stop."""
    settings = NotifierSettings()

    def build(database: Database, clock: Clock) -> Work[TicketEvent]:
        metrics = NotifierMetrics()
        sending = Worker(settings, database, Letters(settings.policies / "letters"), clock, metrics)
        return Work(Teller(packs.load(settings.policies), clock, metrics), beside=sending)

    worker.run(NAME, settings, [TicketEvent.TOPIC], build)
