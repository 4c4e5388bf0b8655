"""The wiring of callback."""

from schemas.event import TicketEvent
from services.callback.handlers import NAME, Asker, Planner
from services.callback.metrics import CallbackMetrics
from services.policies.versions import Policies
from services.shared import worker
from services.shared.clock import Clock
from services.shared.faults import Faults
from services.shared.postgres import Database
from services.shared.settings import Settings
from services.shared.worker import Work


def main() -> None:
    """Run callback until it is told to stop."""
    settings = Settings()

    def build(database: Database, clock: Clock) -> Work[TicketEvent]:
        policies, metrics = Policies(database, clock), CallbackMetrics()
        asker = Asker(policies, database, clock, metrics, Faults(settings.faults, NAME))
        return Work(Planner(policies, clock, metrics), between=asker)

    worker.run(NAME, settings, [TicketEvent.TOPIC], build)
