"""Sending: a desk for each means, in a thread of its own, so that a provider that is slow or away delays no other."""

import threading
from collections.abc import Sequence

from jinja2 import TemplateError

from schemas.delivery import Delivery
from services.notifier import store
from services.notifier.domain.letters import Letters
from services.notifier.means import Means, NotSent
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.notifier.store import Taken
from services.shared import logs
from services.shared.clock import Clock
from services.shared.errors import Retryable
from services.shared.faults import Faults
from services.shared.postgres import Database
from services.shared.publisher import Publisher
from services.shared.records import outgoing

NAME = "notifier"
MOST = 50
"""Notices that a desk takes at once."""
LOOK_EVERY = 0.2
"""Real seconds between two looks for notices when there were none."""
LONGEST_PAUSE = 30.0
"""Real seconds that a desk leaves a provider alone, at the most, before it tries one notice again."""

log = logs.get(__name__)


class Desk:
    """Sends the notices of one means that are due."""

    def __init__(
        self,
        means: Means,
        settings: NotifierSettings,
        database: Database,
        letters: Letters,
        clock: Clock,
        metrics: NotifierMetrics,
    ) -> None:
        self._means = means
        self._settings = settings
        self._database = database
        self._letters = letters
        self._clock = clock
        self._metrics = metrics
        self._publisher = Publisher(settings.kafka, f"{NAME}-{means.name}")
        self._faults = Faults(settings.faults, NAME)
        self._stopping = threading.Event()
        self._away = 0

    def stop(self) -> None:
        """Ask it to end after the notices at hand."""
        self._stopping.set()

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._stopping.is_set():
                try:
                    busy = self._round()
                except Retryable as error:
                    log.info("desk_waits", means=self._means.name, reason=str(error))
                    busy = False
                if self._away:
                    self._stopping.wait(min(self._settings.first_retry * 2 ** (self._away - 1), LONGEST_PAUSE))
                elif not busy:
                    self._stopping.wait(LOOK_EVERY)
        finally:
            self._means.close()
            self._publisher.close()

    def _round(self) -> bool:
        """Bring some notices to their end; False when none are due."""
        # A provider that was away gets one notice first: when it hangs, only that one waits for it.
        most = 1 if self._away else MOST
        with self._database.transaction() as connection:
            taken = store.take(connection, self._means.name, lease=self._settings.lease, most=most)
        if not taken:
            return False
        # Those that were sent before, but whose proof was not published, are only published.
        done = [each for each in taken if each.state != "queued"]
        waiting = [each for each in taken if each.state == "queued"]
        for at, each in enumerate(waiting):
            settled = self._attempt(each)
            if settled is not None:
                done.append(settled)
            if self._away or self._stopping.is_set():
                self._give_back(waiting[at + 1 :])
                break
        if done:
            self._publisher.publish(
                [outgoing(_delivery(each), NAME) for each in done],
                halfway=lambda: self._faults.reach("mid_publish"),
                stopped=self._stopping.is_set,
            )
            with self._database.transaction() as connection:
                store.published(connection, [each.id for each in done])
        return True

    def _give_back(self, notices: Sequence[Taken]) -> None:
        if notices:
            with self._database.transaction() as connection:
                store.give_back(connection, [each.id for each in notices])

    def _attempt(self, notice: Taken) -> Taken | None:
        """Try to send a notice; None when it is to be tried again later."""
        settled: Taken
        try:
            if notice.address is None:
                raise NotSent("there is no address to send it to", final=True)
            letter = self._letters.write(notice.template, notice.language, notice.context)
            provider_id = self._means.send(notice.address, letter, notice.id)
            settled = notice.settled("sent", self._clock.now(), provider_id=provider_id[:200])
            self._away = 0
        except TemplateError as error:
            settled = self._failed(notice, f"the template cannot be used ({type(error).__name__})")
        except NotSent as error:
            self._away = self._away + 1 if error.away else 0
            if error.away:
                log.warning("provider_away", means=self._means.name, reason=error.reason, times=self._away)
            if not error.final and notice.attempts < self._settings.attempts:
                seconds = self._settings.first_retry * 2 ** (notice.attempts - 1)
                with self._database.transaction() as connection:
                    store.retry(connection, notice.id, seconds=seconds, error=error.reason)
                return None
            settled = self._failed(notice, error.reason)
        with self._database.transaction() as connection:
            store.settle(connection, [settled])
        self._metrics.deliveries.labels(settled.template, settled.means, settled.state).inc()
        log.info("delivery", notice=str(settled.id), ticket=str(settled.ticket_id), state=settled.state)
        return settled

    def _failed(self, notice: Taken, reason: str) -> Taken:
        return notice.settled("failed", self._clock.now(), error=reason)


def _delivery(notice: Taken) -> Delivery:
    assert notice.settled_at is not None
    return Delivery(
        id=notice.id,
        event_id=notice.event_id,
        ticket_id=notice.ticket_id,
        template=notice.template,
        language=notice.language,
        audience=notice.audience,
        means=notice.means,
        state=notice.state,
        attempts=notice.attempts,
        at=notice.settled_at,
        provider_id=notice.provider_id,
        error=notice.error,
    )
