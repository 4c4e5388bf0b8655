"""Wires the router: its consumer, database, policies and background work."""

from services.policies.versions import PolicyRegistry
from services.router.correlation import Body
from services.router.handlers import MODELS, NAME, ContactHandler, UnmatchedCallSweeper
from services.router.metrics import RouterMetrics
from services.shared.postgres.database import Database
from services.shared.runtime import service_runner
from services.shared.runtime.clock import Clock
from services.shared.runtime.service_runner import ServiceSpec
from services.shared.runtime.settings import KeyedSettings


def main() -> None:
    """Run the router until it receives a signal to stop."""
    settings = KeyedSettings()

    def build(database: Database, clock: Clock) -> ServiceSpec[Body]:
        sweeper = UnmatchedCallSweeper(database, clock, settings.contact_key_secret.get_secret_value())
        return ServiceSpec(ContactHandler(PolicyRegistry(database, clock), clock, RouterMetrics()), after_batch=sweeper)

    service_runner.run(NAME, settings, list(MODELS), build)
