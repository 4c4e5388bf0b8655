"""Sending: a desk for each means, in a thread of its own, so that a provider that is slow or away delays no other."""

import random
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from schemas.delivery import Delivery
from services.notifier import delivery_reports, store
from services.notifier.digest import DeliveryAttempt, Digest, parcel
from services.notifier.domain.leased_notice import NAME, LeasedNotice, undeliverable
from services.notifier.domain.letters import Letter, TemplateLibrary
from services.notifier.metrics import NotifierMetrics
from services.notifier.providers import Provider, ProviderError
from services.notifier.settings import NotifierSettings
from services.notifier.store import AttemptRecord
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import outgoing
from services.shared.observability import logs
from services.shared.postgres.database import Database
from services.shared.runtime.clock import Clock
from services.shared.runtime.crash_points import CrashPoints
from services.shared.runtime.errors import Retryable

MOST = 50
"""Notices that a desk takes at once."""
MINUTE = timedelta(minutes=1)
HOUR = 3600.0
SETTLED_AT_ONCE = 8
"""Letters that are sent before what came of them is saved: so many a crash may send again, under the same ids."""
LOOK_EVERY = 0.2
"""Real seconds between two looks for notices when there were none."""
REPORTS_EVERY = 1.0
"""Real seconds between two looks for what providers say afterwards."""
LONGEST_PAUSE = 30.0
"""Real seconds that a desk leaves a provider alone of its own accord, at the most, before it tries one notice again."""
LONGEST_RETRY = 900.0
"""Real seconds between two attempts of one notice, at the most."""
LONGEST_ERROR = 200
AWAY_TOO_LONG = "the provider has been away too long"

log = logs.get(__name__)


class DeliveryWorker:
    """Sends the notices of one means that are due."""

    def __init__(
        self,
        means: Provider,
        settings: NotifierSettings,
        database: Database,
        letters: TemplateLibrary,
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
        self._faults = CrashPoints(settings.faults, NAME)
        self._stopping = threading.Event()
        self._away = 0
        self._pause = 0.0
        self._reports_at = 0.0

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
                # Only after the provider was asked: what needs no provider, because of the hour, holds nobody up.
                pause, self._pause = self._pause, 0.0
                if pause or not busy:
                    self._stopping.wait(pause or LOOK_EVERY)
        finally:
            self._means.close()
            self._publisher.close()

    def _round(self) -> bool:
        """Bring some notices to their end; False when none are due."""
        self._hear()
        # Half of the lease is for sending; the other half lets the last letter end and be saved while it is still ours.
        until = time.monotonic() + self._settings.lease / 2
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
            tries: list[DeliveryAttempt] = []
            for each in parcels[at : at + SETTLED_AT_ONCE]:
                late = time.monotonic() > until
                if self._stopping.is_set() or late or (self._away and tries):
                    break
                tries.append(self._attempt(each))
            done += self._keep(tries)
            if self._away or self._stopping.is_set() or time.monotonic() > until:
                self._give_back([notice for each in parcels[at + len(tries) :] for notice in each.notices])
                break
        if self._away:
            done += self._turn_away()
        self._publish(done)
        return True

    def _hear(self) -> None:
        """Take in what providers have said since about what they took."""
        if time.monotonic() < self._reports_at:
            return
        self._reports_at = time.monotonic() + REPORTS_EVERY
        with self._database.transaction() as connection:
            delivery_reports.apply(connection, self._clock.now())

    def _turn_away(self) -> list[LeasedNotice]:
        """Send by their next way, untried, those that have waited too long for a provider that is away."""
        patience = {int(urgency): hours * HOUR for urgency, hours in self._settings.patience.items()}
        done: list[LeasedNotice] = []
        while not self._stopping.is_set():
            with self._database.transaction() as connection:
                tired = store.take_tired(
                    connection,
                    self._means.name,
                    lease=self._settings.lease,
                    most=MOST,
                    patience=patience,
                    last=self._settings.last_patience * HOUR,
                )
            done += self._keep([DeliveryAttempt(Digest([each]), "failed", error=AWAY_TOO_LONG) for each in tired])
            if len(tired) < MOST:
                break
        return done

    def _publish(self, done: Sequence[LeasedNotice]) -> None:
        """Publish the proof of what was settled, and a task for a person where nobody could be reached."""
        if done:
            with self._database.transaction() as connection:
                # What a report has moved on meanwhile has a newer proof, which an older one must not follow.
                done = store.unchanged(connection, done)
        if not done:
            return
        tasks = [task for each in done if (task := undeliverable(each, self._clock.now())) is not None]
        self._publisher.publish(
            [outgoing(_delivery(each), NAME) for each in done] + [outgoing(each, NAME) for each in tasks],
            halfway=self._faults.ending("mid_publish"),
            stopped=self._stopping.is_set,
        )
        with self._database.transaction() as connection:
            store.published(connection, done)

    def _give_back(self, notices: Sequence[LeasedNotice]) -> None:
        if notices:
            with self._database.transaction() as connection:
                store.give_back(connection, notices)

    def _parcels(self, waiting: Sequence[LeasedNotice]) -> list[Digest]:
        """Put those that gather for one reader into one letter, and let more than a reader's share gather."""
        limited = {each.address for each in waiting if each.digest_over and each.address}
        if not limited:
            return [Digest([each]) for each in waiting]
        minute = self._clock.real_seconds(MINUTE)
        with self._database.transaction() as connection:
            lately = store.sent_lately(connection, limited, minute=minute)
            parcels, held = parcel(waiting, lately)
            if held:
                store.hold(connection, held, minute=minute)
        return parcels

    def _attempt(self, parcel: Digest) -> DeliveryAttempt:
        """Try to send a letter, of one notice or of several; whatever is wrong with one harms no other."""
        first = parcel.first
        try:
            if first.obsolete and not parcel.digest:
                assert first.standing is not None
                return DeliveryAttempt(parcel, "obsolete", error=f"the ticket is {first.standing.status}")
            now = self._clock.now()
            if first.quiet is not None and (over_at := first.quiet.over_at(now)) is not None:
                return DeliveryAttempt(parcel, "quiet", wait=self._clock.real_seconds(over_at - now))
            if first.address is None:
                return DeliveryAttempt(parcel, "failed", error="there is no address to send it to")
            letter = self._letter(parcel)
            self._faults.reach("before_send")
            handed = self._means.send(first.address, letter, parcel.id)
            self._faults.reach("after_send")
        except ProviderError as error:
            return self._not_sent(parcel, error)
        except Exception as error:  # noqa: BLE001 - a template or an address that nobody thought of
            place = logs.place(error)
            log.error("notice_unusable", notice=str(first.id), template=first.template, place=place)  # noqa: TRY400
            return DeliveryAttempt(parcel, "failed", error=f"it cannot be written or sent ({place})"[:LONGEST_ERROR])
        self._away = 0
        return DeliveryAttempt(parcel, "sent", provider_id=handed.provider_id, parts=handed.parts)

    def _not_sent(self, parcel: Digest, error: ProviderError) -> DeliveryAttempt:
        """Tell trouble of the provider, which says nothing about the notice, from trouble of the notice."""
        self._away = self._away + 1 if error.away else 0
        if error.away:
            own = min(self._settings.first_retry * 2 ** min(self._away - 1, 10), LONGEST_PAUSE)
            self._pause = max(own, error.wait)
            log.warning("provider_away", means=self._means.name, reason=error.reason, times=self._away)
        first = parcel.first
        hours = self._settings.last_patience if first.last_way else self._settings.patience[f"{first.urgency}"]  # type: ignore[index]
        if error.final or first.waited > hours * HOUR:
            return DeliveryAttempt(parcel, "failed", error=error.reason)
        if error.away:
            return DeliveryAttempt(parcel, "again", error=error.reason)
        # Jitter, so that what failed together does not come back together.
        planned = min(self._settings.first_retry * 2 ** min(first.attempts - 1, 20), LONGEST_RETRY)
        return DeliveryAttempt(parcel, "again", error=error.reason, wait=planned * random.uniform(1.0, 1.3))  # noqa: S311

    def _letter(self, parcel: Digest) -> Letter:
        first = parcel.first
        letters = [self._letters.write(each.template, each.language, each.context) for each in parcel.notices]
        if not parcel.digest:
            return letters[0].replace(paper=first.paper)
        context = {"count": len(letters), "subjects": [each.subject for each in letters], "number": first.ticket_number}
        return self._letters.write("digest", first.language, first.context | context)

    def _keep(self, tries: Sequence[DeliveryAttempt]) -> list[LeasedNotice]:
        """Save what came of some letters, and return the notices that are settled."""
        if not tries:
            return []
        now, settled = self._clock.now(), []
        told = [(each, one) for one in tries for each in one.parcel.notices]
        with self._database.transaction() as connection:
            store.attempted(connection, [_attempted(each, one) for each, one in told if one.outcome != "quiet"])
            ours = store.still_ours(connection, [each for each, _ in told])
            for each, one in told:
                if each.id not in ours:
                    continue
                if one.outcome == "again":
                    store.retry(connection, each.id, seconds=one.wait, error=one.error or "")
                elif one.outcome == "quiet":
                    store.postpone(connection, each.id, seconds=one.wait)
                elif one.outcome != "failed" or not store.fall_back(connection, each.id, each.turn, one.error or ""):
                    settled.append(each.settled(one.outcome, now, provider_id=one.provider_id, error=one.error))
            store.settle(connection, settled)
            self._faults.reach("before_settle")
        self._faults.reach("after_settle")
        for each in settled:
            self._metrics.deliveries.labels(each.template, each.means, each.state).inc()
            log.info("delivery", notice=str(each.id), ticket=str(each.ticket_id), state=each.state)
        for one in tries:
            self._metrics.parts.labels(one.parcel.first.template).inc(one.parts or 0)
        return settled


def _attempted(notice: LeasedNotice, one: DeliveryAttempt) -> AttemptRecord:
    return AttemptRecord(
        notice_id=notice.id,
        turn=notice.turn,
        means=notice.means,
        outcome=one.outcome,
        handed=str(one.parcel.id) if one.outcome == "sent" else None,
        provider_id=one.provider_id,
        error=one.error,
        parts=one.parts,
    )


def _delivery(notice: LeasedNotice) -> Delivery:
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
