"""The wiring of the router."""

from schemas.contact import Contact
from services.policies.versions import Policies
from services.router.handlers import NAME, Router
from services.router.metrics import RouterMetrics
from services.shared import worker
from services.shared.clock import Clock
from services.shared.postgres import Database
from services.shared.settings import Settings
from services.shared.worker import Work


def main() -> None:
    """Run the router until it is told to stop."""
    settings = Settings()

    def build(database: Database, clock: Clock) -> Work[Contact]:
        return Work(Router(Policies(database, clock), clock, RouterMetrics()))

    worker.run(NAME, settings, [Contact.TOPIC], build)
