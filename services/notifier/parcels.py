"""Letters of one notice or of several: a unit that gets too many within a minute gets one letter about all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from services.notifier.store import Taken


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes in one letter."""

    notices: Sequence[Taken]

    @property
    def first(self) -> Taken:
        """The notice that stands for all."""
        return self.notices[0]

    @property
    def digest(self) -> bool:
        """Whether it is a letter about several."""
        return len(self.notices) > 1

    @property
    def id(self) -> UUID:
        """The id under which a provider knows it: the notice's own, or one made of all of them."""
        if not self.digest:
            return self.first.id
        return uuid5(self.first.id, ",".join(sorted(str(each.id) for each in self.notices)))


@dataclass(frozen=True, slots=True)
class Try:
    """What came of one letter: sent, again, failed or obsolete."""

    parcel: Parcel
    outcome: str
    provider_id: str | None = None
    error: str | None = None


def parcel(waiting: Sequence[Taken], lately: Mapping[str, int]) -> tuple[list[Parcel], list[Taken]]:
    """Return what goes out now, and what has to gather until the minute is over.

    Args:
        waiting: notices that are due.
        lately: how many went to each address within the last minute.

    """
    gathered: dict[str, list[Taken]] = {}
    parcels: list[Parcel] = []
    held: list[Taken] = []
    counts = dict(lately)
    for each in waiting:
        address = each.address or ""
        if not each.digest_over or not address:
            parcels.append(Parcel([each]))
        elif each.held:
            if not each.obsolete:
                gathered.setdefault(address, []).append(each)
            else:
                parcels.append(Parcel([each]))
        elif counts.get(address, 0) >= each.digest_over:
            held.append(each)
        else:
            counts[address] = counts.get(address, 0) + 1
            parcels.append(Parcel([each]))
    return parcels + [Parcel(each) for each in gathered.values()], held
