"""The wiring of the notifier: events in the main thread, a desk for each means in a thread of its own."""

from services.notifier.desk import Desk
from services.notifier.domain.letters import Letters
from services.notifier.domain.notices import Page
from services.notifier.domain.taken import NAME
from services.notifier.handlers import TOPICS, Heard, Teller
from services.notifier.hooks import Hooks
from services.notifier.means import Mail, Means, Sms
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.policies.versions import Policies
from services.shared import worker
from services.shared.clock import Clock
from services.shared.postgres import Database
from services.shared.worker import Work


def main() -> None:
    """Run the notifier until it is told to stop."""
    settings = NotifierSettings()

    def build(database: Database, clock: Clock) -> Work[Heard]:
        metrics = NotifierMetrics()
        secret = settings.contact_key_secret.get_secret_value()
        page = Page(settings.public_url, secret) if settings.public_url else None
        letters = Letters(settings.policies / "letters")
        means: tuple[Means, ...] = (Sms(settings), Mail(settings))
        return Work(
            Teller(Policies(database, clock), clock, metrics, page),
            beside=[
                *(Desk(each, settings, database, letters, clock, metrics) for each in means),
                Hooks(settings, database, metrics),
            ],
        )

    worker.run(NAME, settings, TOPICS, build)
