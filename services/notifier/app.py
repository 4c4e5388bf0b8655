"""The wiring of the notifier: events in the main thread, a desk for each means in a thread of its own."""

from services.notifier.delivery_worker import DeliveryWorker
from services.notifier.domain.leased_notice import NAME
from services.notifier.domain.letters import TemplateLibrary
from services.notifier.domain.notices import SurveyPage
from services.notifier.handlers import TOPICS, Heard, NotificationPlanner
from services.notifier.metrics import NotifierMetrics
from services.notifier.providers import Provider, SmsProvider, SmtpProvider
from services.notifier.settings import NotifierSettings
from services.notifier.webhook_dispatcher import WebhookDispatcher
from services.policies.versions import PolicyRegistry
from services.shared.postgres.database import Database
from services.shared.runtime import service_runner
from services.shared.runtime.clock import Clock
from services.shared.runtime.service_runner import ServiceSpec


def main() -> None:
    """Run the notifier until it is told to stop."""
    settings = NotifierSettings()

    def build(database: Database, clock: Clock) -> ServiceSpec[Heard]:
        metrics = NotifierMetrics()
        secret = settings.contact_key_secret.get_secret_value()
        page = SurveyPage(settings.public_url, secret) if settings.public_url else None
        letters = TemplateLibrary(settings.policies / "letters")
        means: tuple[Provider, ...] = (SmsProvider(settings), SmtpProvider(settings))
        return ServiceSpec(
            NotificationPlanner(PolicyRegistry(database, clock), clock, metrics, page),
            beside=[
                *(DeliveryWorker(each, settings, database, letters, clock, metrics) for each in means),
                WebhookDispatcher(settings, database, metrics),
            ],
        )

    service_runner.run(NAME, settings, TOPICS, build)
