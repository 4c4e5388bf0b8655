"""Samples for studies by a third party: a name stands for the same tickets for good (R5.4)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from services.callback.store import queries


@dataclass(frozen=True, slots=True)
class SurveySample:
    """Tickets whose customers are studied.

    Attributes:
        name: what people call it.
        policy: name of the pack.
        accepted_from, accepted_until: when the tickets were accepted, the end not included.
        size: that was asked for; it has fewer tickets when there were fewer.
        strata: names in services.domain.sampling.STRATIFIERS.
        seed: any text.
        population: tickets that it was drawn from.
        tickets: that are in it.
        drawn_at: business time.

    """

    name: str
    policy: str
    accepted_from: datetime
    accepted_until: datetime
    size: int
    strata: list[str]
    seed: str
    population: int
    tickets: list[UUID]
    drawn_at: datetime

    def drawn_like(self, other: "SurveySample") -> bool:
        """Whether both were drawn by the same plan, though perhaps at different times, so from different tickets."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("policy", "accepted_from", "accepted_until", "size", "strata", "seed")
        )


def keep(connection: psycopg.Connection, sample: SurveySample) -> SurveySample:
    """Keep a sample, and return the one that has its name: the first that was kept stays."""
    connection.execute(queries["add_sample"], asdict(sample))
    kept = named(connection, sample.name)
    assert kept is not None
    return kept


def named(connection: psycopg.Connection, name: str) -> SurveySample | None:
    """Return the sample of a name, if there is one."""
    return next(iter(_read(connection, name)), None)


def every(connection: psycopg.Connection) -> list[SurveySample]:
    """Return every sample, the oldest first."""
    return _read(connection, None)


def _read(connection: psycopg.Connection, name: str | None) -> list[SurveySample]:
    with connection.cursor(row_factory=class_row(SurveySample)) as cursor:
        return cursor.execute(queries["samples"], {"name": name}).fetchall()
