"""Sending: a desk for each means, in a thread of its own, so that a provider that is slow or away delays no other."""

import random
import threading
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from jinja2 import TemplateError

from schemas.command import Actor, Command, ReportUndeliverable
from schemas.delivery import Delivery
from services.domain.identity import command_id
from services.domain.telling import CUSTOMER
from services.notifier import store
from services.notifier.domain.letters import Letter, Letters
from services.notifier.means import Means, NotSent
from services.notifier.metrics import NotifierMetrics
from services.notifier.parcels import Parcel, Try, parcel
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
MINUTE = timedelta(minutes=1)
SETTLED_AT_ONCE = 8
"""Letters that are sent before what came of them is saved: so many a crash may send again, under the same ids."""
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
        # Those that were settled before, but whose proof was not published, are only published.
        done = [each for each in taken if each.state != "queued"]
        parcels = self._parcels([each for each in taken if each.state == "queued"])
        for at in range(0, len(parcels), SETTLED_AT_ONCE):
            tries: list[Try] = []
            for each in parcels[at : at + SETTLED_AT_ONCE]:
                if self._stopping.is_set() or (self._away and tries):
                    break
                tries.append(self._attempt(each))
            done += self._keep(tries)
            if self._away or self._stopping.is_set():
                self._give_back([notice for each in parcels[at + len(tries) :] for notice in each.notices])
                break
        self._publish(done)
        return True

    def _publish(self, done: Sequence[Taken]) -> None:
        """Publish the proof of what was settled, and a task for a person where nobody could be reached."""
        if not done:
            return
        tasks = [_task(each, self._clock) for each in done if each.state == "failed" and each.audience == CUSTOMER]
        self._publisher.publish(
            [outgoing(_delivery(each), NAME) for each in done] + [outgoing(each, NAME) for each in tasks],
            halfway=lambda: self._faults.reach("mid_publish"),
            stopped=self._stopping.is_set,
        )
        with self._database.transaction() as connection:
            store.published(connection, done)

    def _give_back(self, notices: Sequence[Taken]) -> None:
        if notices:
            with self._database.transaction() as connection:
                store.give_back(connection, [each.id for each in notices])

    def _parcels(self, waiting: Sequence[Taken]) -> list[Parcel]:
        """Put those that gather for one reader into one letter, and let more than a reader's share gather."""
        limited = {each.address for each in waiting if each.digest_over and each.address}
        if not limited:
            return [Parcel([each]) for each in waiting]
        minute = self._clock.real_seconds(MINUTE)
        with self._database.transaction() as connection:
            lately = store.sent_lately(connection, limited, minute=minute)
            parcels, held = parcel(waiting, lately)
            if held:
                store.hold(connection, [each.id for each in held], minute=minute)
        return parcels

    def _attempt(self, parcel: Parcel) -> Try:
        """Try to send a letter, of one notice or of several."""
        first = parcel.first
        if first.obsolete and not parcel.digest:
            return Try(parcel, "obsolete", error=f"the ticket is {first.ticket_status}")
        try:
            if first.address is None:
                raise NotSent("there is no address to send it to", final=True)
            letter = self._letter(parcel)
            self._faults.reach("before_send")
            provider_id = self._means.send(first.address, letter, parcel.id)
            self._faults.reach("after_send")
        except TemplateError as error:
            return Try(parcel, "failed", error=f"the template cannot be used ({type(error).__name__})")
        except NotSent as error:
            self._away = self._away + 1 if error.away else 0
            if error.away:
                log.warning("provider_away", means=self._means.name, reason=error.reason, times=self._away)
            again = not error.final and first.attempts < self._settings.attempts
            return Try(parcel, "again" if again else "failed", error=error.reason)
        self._away = 0
        return Try(parcel, "sent", provider_id=provider_id[:200])

    def _letter(self, parcel: Parcel) -> Letter:
        first = parcel.first
        letters = [self._letters.write(each.template, each.language, each.context) for each in parcel.notices]
        if not parcel.digest:
            return letters[0].but(paper=first.paper)
        context = {"count": len(letters), "subjects": [each.subject for each in letters], "number": first.ticket_number}
        return self._letters.write("digest", first.language, first.context | context)

    def _keep(self, tries: Sequence[Try]) -> list[Taken]:
        """Save what came of some letters, and return the notices that are settled."""
        now, settled = self._clock.now(), []
        with self._database.transaction() as connection:
            told = [(each, one) for one in tries for each in one.parcel.notices]
            store.attempted(connection, [(each, one.outcome, one.provider_id, one.error) for each, one in told])
            for each, one in told:
                if one.outcome == "again":
                    # Jitter, so that what failed together does not come back together.
                    seconds = self._settings.first_retry * 2 ** (each.attempts - 1) * random.uniform(1.0, 1.3)  # noqa: S311
                    store.retry(connection, each.id, seconds=seconds, error=one.error or "")
                elif one.outcome != "failed" or not store.fall_back(connection, each.id, one.error or ""):
                    settled.append(each.settled(one.outcome, now, provider_id=one.provider_id, error=one.error))
            store.settle(connection, settled)
            self._faults.reach("before_settle")
        self._faults.reach("after_settle")
        for each in settled:
            self._metrics.deliveries.labels(each.template, each.means, each.state).inc()
            log.info("delivery", notice=str(each.id), ticket=str(each.ticket_id), state=each.state)
        return settled


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


def _task(notice: Taken, clock: Clock) -> Command:
    """Return what makes a notice that reached nobody a task for a person."""
    return undeliverable(notice.id, notice.ticket_id, notice.template, notice.error, clock)


def undeliverable(notice: UUID, ticket: UUID, template: str, error: str | None, clock: Clock) -> Command:
    """Return the command that puts on record that a letter did not reach the customer."""
    return Command(
        id=command_id(notice, "undeliverable"),
        ticket_id=ticket,
        at=clock.now(),
        actor=Actor(kind="service", name=NAME),
        action=ReportUndeliverable(notice=notice, letter=template, reason=error or "unknown"),
    )
