"""Entry point of the notifier: a consumer in the main thread, a delivery worker per provider in a thread of its own."""

from services.notifier.delivery_worker import DeliveryWorker
from services.notifier.domain.leased_notice import NAME
from services.notifier.domain.letters import TemplateLibrary
from services.notifier.domain.notices import SurveyPage
from services.notifier.handlers import TOPICS, NotificationPlanner, NotifierMessage
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
    """Run the notifier until it receives a stop signal."""
    settings = NotifierSettings()

    def build(database: Database, clock: Clock) -> ServiceSpec[NotifierMessage]:
        metrics = NotifierMetrics()
        secret = settings.contact_key_secret.get_secret_value()
        page = SurveyPage(settings.public_url, secret) if settings.public_url else None
        templates = TemplateLibrary(settings.policies / "letters")
        providers: tuple[Provider, ...] = (SmsProvider(settings), SmtpProvider(settings))
        return ServiceSpec(
            NotificationPlanner(PolicyRegistry(database, clock), clock, metrics, page),
            background_tasks=[
                *(DeliveryWorker(provider, settings, database, templates, clock, metrics) for provider in providers),
                WebhookDispatcher(settings, database, metrics, clock),
            ],
        )

    service_runner.run(NAME, settings, TOPICS, build)
