"""Groups due notices into letters: a unit that gets too many within a minute gets one letter about all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from services.notifier.domain.leased_notice import LeasedNotice


@dataclass(frozen=True, slots=True)
class Digest:
    """The notices that go in one letter, usually a single one."""

    notices: Sequence[LeasedNotice]

    @property
    def first(self) -> LeasedNotice:
        """The notice whose address, template and ticket stand for all."""
        return self.notices[0]

    @property
    def is_combined(self) -> bool:
        """Whether the letter is about several notices."""
        return len(self.notices) > 1

    @property
    def id(self) -> UUID:
        """The id sent to the provider: the notice's send id, or one derived from those of all notices."""
        if not self.is_combined:
            return self.first.send_id
        ids = sorted(notice.send_id for notice in self.notices)
        return uuid5(ids[0], ",".join(map(str, ids)))


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """The outcome of an attempt to send one letter.

    Attributes:
        digest: the notices in the letter.
        outcome: sent, again, failed, obsolete, or quiet (not tried, because of its recipient's quiet hours).
        provider_id: id that the provider gave a letter it accepted.
        parts: how many messages an SMS was split into.
        wait: real seconds until the next attempt, for outcomes again and quiet.

    """

    digest: Digest
    outcome: str
    provider_id: str | None = None
    error: str | None = None
    parts: int | None = None
    wait: float = 0.0


def group_into_digests(
    due: Sequence[LeasedNotice], recent: Mapping[str, int]
) -> tuple[list[Digest], list[LeasedNotice]]:
    """Return the letters to send now, and the notices to hold until the minute is over.

    Args:
        due: notices whose time has come.
        recent: number of notices sent to each address within the last minute.

    """
    gathered: dict[tuple[str, datetime], list[LeasedNotice]] = {}
    digests: list[Digest] = []
    held: list[LeasedNotice] = []
    counts = dict(recent)
    for notice in due:
        address = notice.address or ""
        if not notice.digest_over or not address:
            digests.append(Digest([notice]))
        elif notice.held_until is not None:
            if not notice.obsolete:
                # Notices held until the same instant stay together, also when they are leased again after a crash.
                gathered.setdefault((address, notice.held_until), []).append(notice)
            else:
                digests.append(Digest([notice]))
        elif counts.get(address, 0) >= notice.digest_over:
            held.append(notice)
        else:
            counts[address] = counts.get(address, 0) + 1
            digests.append(Digest([notice]))
    return digests + [Digest(notices) for notices in gathered.values()], held
