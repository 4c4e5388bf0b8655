"""What the notifier does: queue notices of events, send those that are due, publish the proof."""

import threading
from collections.abc import Mapping, Sequence

import psycopg
from jinja2 import TemplateError

from schemas.delivery import Delivery
from schemas.event import TicketEvent
from services.domain.packs import Pack, unknown
from services.notifier import store
from services.notifier.domain.letters import Letters
from services.notifier.domain.notices import notices
from services.notifier.means import Means, NotSent
from services.notifier.metrics import NotifierMetrics
from services.notifier.settings import NotifierSettings
from services.notifier.store import Taken
from services.shared import logs
from services.shared.clock import Clock
from services.shared.consumer import Message, Result
from services.shared.errors import InvalidMessage, Retryable
from services.shared.faults import Faults
from services.shared.postgres import Database
from services.shared.publisher import Publisher
from services.shared.records import Incoming, outgoing, read

NAME = "notifier"
MOST = 50
"""Notices that the worker takes at once."""
LOOK_EVERY = 0.2
"""Real seconds between two looks for notices when there were none."""

log = logs.get(__name__)


class Teller:
    """The stage of tickets.events."""

    def __init__(self, packs: Mapping[str, Pack], clock: Clock, metrics: NotifierMetrics) -> None:
        self._packs = packs
        self._clock = clock
        self._metrics = metrics

    def decode(self, record: Incoming) -> TicketEvent:
        """Read an event."""
        event = read(TicketEvent, record.value)
        if event.ticket.policy.pack not in self._packs:
            raise InvalidMessage("bad_schema", unknown(event.ticket.policy.pack), field="ticket.policy")
        return event

    def handle(self, batch: Sequence[Message[TicketEvent]], connection: psycopg.Connection) -> Result:
        """Queue what the events tell."""
        told = [notice for each in batch for notice in notices(each.body, self._packs[each.body.ticket.policy.pack])]
        store.queue(connection, told, self._clock.now())
        for each in told:
            self._metrics.notices.labels(each.template, each.means).inc()
        return Result()


class Worker:
    """Sends notices that are due. Runs in a thread of its own, so that a slow gateway never holds up the events."""

    def __init__(
        self, settings: NotifierSettings, database: Database, letters: Letters, clock: Clock, metrics: NotifierMetrics
    ) -> None:
        self._settings = settings
        self._database = database
        self._letters = letters
        self._clock = clock
        self._metrics = metrics
        self._means = Means(settings)
        self._publisher = Publisher(settings.kafka, f"{NAME}-worker")
        self._faults = Faults(settings.faults, NAME)
        self._stopping = threading.Event()

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
                    log.info("worker_waits", reason=str(error))
                    busy = False
                if not busy:
                    self._stopping.wait(LOOK_EVERY)
        finally:
            self._means.close()
            self._publisher.close()

    def _round(self) -> bool:
        """Bring some notices to their end; False when none are due."""
        with self._database.transaction() as connection:
            taken = store.take(connection, lease=self._settings.lease, most=MOST)
        if not taken:
            return False
        # Those that were sent before, but whose proof was not published, are only published.
        done = [each for each in taken if each.state != "queued"]
        for each in taken:
            if each.state == "queued":
                settled = self._attempt(each)
                if settled is not None:
                    done.append(settled)
        if done:
            self._publisher.publish(
                [outgoing(_delivery(each), NAME) for each in done],
                halfway=lambda: self._faults.reach("mid_publish"),
                stopped=self._stopping.is_set,
            )
            with self._database.transaction() as connection:
                store.published(connection, [each.id for each in done])
        return True

    def _attempt(self, notice: Taken) -> Taken | None:
        """Try to send a notice; None when it is to be tried again later."""
        settled: Taken
        try:
            if notice.address is None:
                raise NotSent("there is no address to send it to", final=True)
            letter = self._letters.write(notice.template, notice.language, notice.context)
            provider_id = self._means.send(notice.means, notice.address, letter, notice.id)
            settled = notice.settled("sent", self._clock.now(), provider_id=provider_id[:200])
        except TemplateError as error:
            settled = self._failed(notice, f"the template cannot be used ({type(error).__name__})")
        except NotSent as error:
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
