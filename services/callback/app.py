"""Entry point of the callback service."""

from schemas.event import TicketEvent
from services.callback.handlers import NAME, CallbackDispatcher, CallbackPlanner
from services.callback.metrics import CallbackMetrics
from services.policies.versions import PolicyRegistry
from services.shared.postgres.database import Database
from services.shared.runtime import service_runner
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.service_runner import ServiceSpec
from services.shared.runtime.settings import Settings


def main() -> None:
    """Run the callback service until it is stopped by a signal."""
    settings = Settings()

    def build(database: Database, clock: Clock) -> ServiceSpec[TicketEvent]:
        policies, metrics = PolicyRegistry(database, clock), CallbackMetrics()
        dispatcher = CallbackDispatcher(policies, database, clock, metrics, CrashPoints(settings.faults, NAME))
        return ServiceSpec(CallbackPlanner(policies, clock, metrics), after_batch=dispatcher)

    service_runner.run(NAME, settings, [TicketEvent.TOPIC], build)
