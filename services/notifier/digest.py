"""Letters of one notice or of several: a unit that gets too many within a minute gets one letter about all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from services.notifier.domain.leased_notice import LeasedNotice


@dataclass(frozen=True, slots=True)
class Digest:
    """What goes in one letter."""

    notices: Sequence[LeasedNotice]

    @property
    def first(self) -> LeasedNotice:
        """The notice that stands for all."""
        return self.notices[0]

    @property
    def digest(self) -> bool:
        """Whether it is a letter about several."""
        return len(self.notices) > 1

    @property
    def id(self) -> UUID:
        """The id under which a provider knows it: of the notice's present turn, or one made of all of them."""
        if not self.digest:
            return self.first.handed
        ids = sorted(each.handed for each in self.notices)
        return uuid5(ids[0], ",".join(map(str, ids)))


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """What came of one letter.

    Attributes:
        outcome: sent, again, failed, obsolete, or quiet (its reader is not to be woken, so it was not tried).
        parts: how many messages an SMS was.
        wait: real seconds until it is looked at again, of again and quiet.

    """

    parcel: Digest
    outcome: str
    provider_id: str | None = None
    error: str | None = None
    parts: int | None = None
    wait: float = 0.0


def parcel(waiting: Sequence[LeasedNotice], lately: Mapping[str, int]) -> tuple[list[Digest], list[LeasedNotice]]:
    """Return what goes out now, and what has to gather until the minute is over.

    Args:
        waiting: notices that are due.
        lately: how many went to each address within the last minute.

    """
    gathered: dict[tuple[str, datetime], list[LeasedNotice]] = {}
    parcels: list[Digest] = []
    held: list[LeasedNotice] = []
    counts = dict(lately)
    for each in waiting:
        address = each.address or ""
        if not each.digest_over or not address:
            parcels.append(Digest([each]))
        elif each.held_until is not None:
            if not each.obsolete:
                # What was to go at one instant stays together, also when it comes again after a crash.
                gathered.setdefault((address, each.held_until), []).append(each)
            else:
                parcels.append(Digest([each]))
        elif counts.get(address, 0) >= each.digest_over:
            held.append(each)
        else:
            counts[address] = counts.get(address, 0) + 1
            parcels.append(Digest([each]))
    return parcels + [Digest(each) for each in gathered.values()], held
