"""The wiring of the router."""

from services.policies.versions import Policies
from services.router.handlers import MODELS, NAME, Body, CallsWithoutForm, Router
from services.router.metrics import RouterMetrics
from services.shared import worker
from services.shared.clock import Clock
from services.shared.postgres import Database
from services.shared.settings import Settings
from services.shared.worker import Work


def main() -> None:
    """Run the router until it is told to stop."""
    settings = Settings()

    def build(database: Database, clock: Clock) -> Work[Body]:
        between = CallsWithoutForm(database, clock, settings.contact_key_secret.get_secret_value())
        return Work(Router(Policies(database, clock), clock, RouterMetrics()), between=between)

    worker.run(NAME, settings, list(MODELS), build)
