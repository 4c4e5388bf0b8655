"""Delivery workers: one per provider in a thread of its own, so that a slow or failing provider delays no other."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from schemas.delivery import Delivery
from services.notifier import delivery_reports, store
from services.notifier.digest import DeliveryAttempt, Digest, group_into_digests
from services.notifier.domain.leased_notice import NAME, LeasedNotice, undeliverable_command
from services.notifier.domain.letters import DIGEST, Letter, TemplateLibrary
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

BATCH_SIZE = 50
"""Notices that a worker leases at once, at the most."""
MINUTE = timedelta(minutes=1)
HOUR = 3600.0
UNSAVED_LETTERS = 8
"""Letters sent before their outcomes are saved: a crash sends at most this many again, under the same ids."""
POLL_INTERVAL = 0.2
"""Real seconds between two polls for due notices when there were none."""
REPORTS_INTERVAL = 1.0
"""Real seconds between two looks for delivery reports."""
LONGEST_PAUSE = 30.0
"""Real seconds of backoff from an unavailable provider, at the most, unless it asks for more."""
LONGEST_RETRY_DELAY = 900.0
"""Real seconds between two attempts of one notice, at the most."""
LONGEST_ERROR = 200
"""Characters of an error message that are saved."""
UNAVAILABLE_TOO_LONG = "the provider was unavailable for too long"

log = logs.get(__name__)


class DeliveryWorker:
    """Sends the due notices of one provider until it is stopped."""

    def __init__(
        self,
        provider: Provider,
        settings: NotifierSettings,
        database: Database,
        templates: TemplateLibrary,
        clock: Clock,
        metrics: NotifierMetrics,
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._database = database
        self._templates = templates
        self._clock = clock
        self._metrics = metrics
        self._publisher = Publisher(settings.kafka, f"{NAME}-{provider.name}", service=NAME)
        self._crash_points = CrashPoints(settings.faults, NAME)
        self._stopping = threading.Event()
        self._outages = 0
        """Consecutive attempts that found the provider unavailable."""
        self._pause = 0.0
        self._reports_due = 0.0
        self._heartbeat: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Ask the worker to end after the letter in hand."""
        self._stopping.set()

    def run(self, heartbeat: Callable[[], None]) -> None:
        """Send due notices until `stop` is called."""
        self._heartbeat = heartbeat
        try:
            while not self._stopping.is_set():
                heartbeat()
                try:
                    busy = self._run_once()
                except Retryable as error:
                    log.info("delivery_worker_waits", means=self._provider.name, reason=str(error))
                    busy = False
                # Pause only after an attempt at the provider: notices postponed for quiet hours hold nobody up.
                pause, self._pause = self._pause, 0.0
                if pause or not busy:
                    self._stopping.wait(pause or POLL_INTERVAL)
        finally:
            self._provider.close()
            self._publisher.close()

    def _run_once(self) -> bool:
        """Lease, send and settle one batch of notices; False when none are due."""
        self._apply_reports()
        # Half of the lease is for sending; the other half lets the last letter be sent and saved in time.
        until = time.monotonic() + self._settings.lease / 2
        # A provider that was unavailable gets one notice first: when it hangs, only that one waits for it.
        limit = 1 if self._outages else BATCH_SIZE
        with self._database.transaction() as connection:
            leased = store.lease_due(connection, self._provider.name, lease=self._settings.lease, limit=limit)
        if not leased:
            return False
        # Notices settled earlier whose delivery record was not published are only published.
        settled = [notice for notice in leased if notice.state != "queued"]
        digests = self._group([notice for notice in leased if notice.state == "queued"])
        for first in range(0, len(digests), UNSAVED_LETTERS):
            attempts: list[DeliveryAttempt] = []
            for digest in digests[first : first + UNSAVED_LETTERS]:
                late = time.monotonic() > until
                if self._stopping.is_set() or late or (self._outages and attempts):
                    break
                self._heartbeat()
                attempts.append(self._attempt(digest))
            settled += self._save(attempts)
            if self._outages or self._stopping.is_set() or time.monotonic() > until:
                self._release([notice for digest in digests[first + len(attempts) :] for notice in digest.notices])
                break
        if self._outages:
            settled += self._fall_back_overdue()
        self._publish(settled)
        return True

    def _apply_reports(self) -> None:
        """Apply the delivery reports that have arrived since the last look."""
        if time.monotonic() < self._reports_due:
            return
        self._reports_due = time.monotonic() + REPORTS_INTERVAL
        with self._database.transaction() as connection:
            delivery_reports.apply(connection, self._clock.now())

    def _fall_back_overdue(self) -> list[LeasedNotice]:
        """Move notices that have waited too long for an unavailable provider to their next channel, without a try."""
        patience = {int(urgency): hours * HOUR for urgency, hours in self._settings.patience.items()}
        settled: list[LeasedNotice] = []
        while not self._stopping.is_set():
            self._heartbeat()
            with self._database.transaction() as connection:
                overdue = store.lease_overdue(
                    connection,
                    self._provider.name,
                    lease=self._settings.lease,
                    limit=BATCH_SIZE,
                    patience=patience,
                    last_patience=self._settings.last_patience * HOUR,
                )
            settled += self._save(
                [DeliveryAttempt(Digest([notice]), "failed", error=UNAVAILABLE_TOO_LONG) for notice in overdue]
            )
            if len(overdue) < BATCH_SIZE:
                break
        return settled

    def _publish(self, settled: Sequence[LeasedNotice]) -> None:
        """Publish the delivery records of settled notices, and a command where nobody could be reached."""
        if settled:
            with self._database.transaction() as connection:
                # A report may have moved a notice on meanwhile: its newer record must not be followed by an older one.
                settled = store.unchanged(connection, settled)
        if not settled:
            return
        now = self._clock.now()
        commands = [command for notice in settled if (command := undeliverable_command(notice, now)) is not None]
        self._publisher.publish(
            [outgoing(_delivery(notice), NAME) for notice in settled]
            + [outgoing(command, NAME) for command in commands],
            halfway=self._crash_points.armed_crash("mid_publish"),
            while_waiting=self._heartbeat,
            should_stop=self._stopping.is_set,
        )
        with self._database.transaction() as connection:
            store.mark_published(connection, settled)

    def _release(self, notices: Sequence[LeasedNotice]) -> None:
        if notices:
            with self._database.transaction() as connection:
                store.release(connection, notices)

    def _group(self, queued: Sequence[LeasedNotice]) -> list[Digest]:
        """Combine notices held for one recipient into a digest, and hold those beyond a recipient's share."""
        limited = {notice.address for notice in queued if notice.digest_over and notice.address}
        if not limited:
            return [Digest([notice]) for notice in queued]
        minute = self._clock.real_seconds(MINUTE)
        with self._database.transaction() as connection:
            recent = store.recently_sent(connection, limited, minute=minute)
            digests, held = group_into_digests(queued, recent)
            if held:
                store.hold(connection, held, minute=minute)
        return digests

    def _attempt(self, digest: Digest) -> DeliveryAttempt:
        """Try to send one letter, of one notice or several; a fault in it affects no other letter."""
        first = digest.first
        try:
            if first.obsolete and not digest.is_combined:
                assert first.snapshot is not None
                return DeliveryAttempt(digest, "obsolete", error=f"the ticket is {first.snapshot.status}")
            now = self._clock.now()
            if first.quiet_hours is not None and (quiet_until := first.quiet_hours.ends_at(now)) is not None:
                return DeliveryAttempt(digest, "quiet", wait=self._clock.real_seconds(quiet_until - now))
            if first.address is None:
                return DeliveryAttempt(digest, "failed", error="there is no address to send it to")
            letter = self._render(digest)
            self._crash_points.reach("before_send")
            receipt = self._provider.send(first.address, letter, digest.id)
            self._crash_points.reach("after_send")
        except ProviderError as error:
            return self._failed_attempt(digest, error)
        except Exception as error:  # noqa: BLE001 - an unforeseen template or address must not stop the worker
            place = logs.error_location(error)
            log.error("notice_unusable", notice=str(first.id), template=first.template, place=place)  # noqa: TRY400
            message = f"it cannot be rendered or sent ({place})"
            return DeliveryAttempt(digest, "failed", error=message[:LONGEST_ERROR])
        self._outages = 0
        return DeliveryAttempt(digest, "sent", provider_id=receipt.provider_id, parts=receipt.parts)

    def _failed_attempt(self, digest: Digest, error: ProviderError) -> DeliveryAttempt:
        """Return the outcome of a failed send; an unavailable provider says nothing about the notice itself."""
        self._outages = self._outages + 1 if error.unavailable else 0
        if error.unavailable:
            backoff = min(self._settings.first_retry * 2 ** min(self._outages - 1, 10), LONGEST_PAUSE)
            self._pause = max(backoff, error.retry_after)
            log.warning("provider_away", means=self._provider.name, reason=error.reason, times=self._outages)
        first = digest.first
        hours = self._settings.last_patience if first.last_way else self._settings.patience[f"{first.urgency}"]  # type: ignore[index]
        if error.final or first.waited > hours * HOUR:
            return DeliveryAttempt(digest, "failed", error=error.reason)
        if error.unavailable:
            return DeliveryAttempt(digest, "again", error=error.reason)
        # Jitter, so that notices that failed together are not retried together.
        planned = min(self._settings.first_retry * 2 ** min(first.attempts - 1, 20), LONGEST_RETRY_DELAY)
        return DeliveryAttempt(digest, "again", error=error.reason, wait=planned * random.uniform(1.0, 1.3))  # noqa: S311

    def _render(self, digest: Digest) -> Letter:
        first = digest.first
        letters = [
            self._templates.render(notice.template, notice.language, notice.context) for notice in digest.notices
        ]
        if not digest.is_combined:
            return replace(letters[0], attach_pdf=first.attach_pdf)
        subjects = [letter.subject for letter in letters]
        context = {"count": len(letters), "subjects": subjects, "number": first.ticket_number}
        return self._templates.render(DIGEST, first.language, first.context | context)

    def _save(self, attempts: Sequence[DeliveryAttempt]) -> list[LeasedNotice]:
        """Save the outcomes of some letters, and return the notices that are settled by them."""
        if not attempts:
            return []
        now, settled = self._clock.now(), []
        tried = [(notice, attempt) for attempt in attempts for notice in attempt.digest.notices]
        with self._database.transaction() as connection:
            store.record_attempts(
                connection,
                [_attempt_record(notice, attempt) for notice, attempt in tried if attempt.outcome != "quiet"],
            )
            still_leased = store.still_leased(connection, [notice for notice, _ in tried])
            for notice, attempt in tried:
                if notice.id not in still_leased:
                    continue
                error = attempt.error or ""
                if attempt.outcome == "again":
                    store.schedule_retry(connection, notice.id, seconds=attempt.wait, error=error)
                elif attempt.outcome == "quiet":
                    store.postpone(connection, notice.id, seconds=attempt.wait)
                elif attempt.outcome != "failed" or not store.fall_back(
                    connection, notice.id, notice.generation, error
                ):
                    settled.append(
                        notice.as_settled(attempt.outcome, now, provider_id=attempt.provider_id, error=attempt.error)
                    )
            store.settle(connection, settled)
            self._crash_points.reach("before_settle")
        self._crash_points.reach("after_settle")
        for notice in settled:
            self._metrics.deliveries.labels(notice.template, notice.means, notice.state).inc()
            log.info("delivery", notice=str(notice.id), ticket=str(notice.ticket_id), state=notice.state)
        for attempt in attempts:
            self._metrics.parts.labels(attempt.digest.first.template).inc(attempt.parts or 0)
        return settled


def _attempt_record(notice: LeasedNotice, attempt: DeliveryAttempt) -> AttemptRecord:
    return AttemptRecord(
        notice_id=notice.id,
        generation=notice.generation,
        means=notice.means,
        outcome=attempt.outcome,
        send_id=str(attempt.digest.id) if attempt.outcome == "sent" else None,
        provider_id=attempt.provider_id,
        error=attempt.error,
        parts=attempt.parts,
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
