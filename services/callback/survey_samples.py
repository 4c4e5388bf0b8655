"""Stored survey samples for studies by a third party: a name always stands for the same tickets (R5.4)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from services.callback.store import queries


@dataclass(frozen=True, slots=True)
class SurveySample:
    """A sample of tickets, and the plan by which it was drawn.

    Attributes:
        name: unique name, chosen by the operator.
        policy: name of the pack.
        accepted_from, accepted_until: when the tickets were accepted, the end excluded.
        size: requested number of tickets; there are fewer when the population is smaller.
        strata: names in services.domain.sampling.STRATIFIERS.
        seed: of the random choice; any text.
        population: number of tickets that it was drawn from.
        tickets: ids of the tickets in it.
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

    def same_plan_as(self, other: "SurveySample") -> bool:
        """Whether both were drawn by the same plan, though perhaps at different times and so from different tickets."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("policy", "accepted_from", "accepted_until", "size", "strata", "seed")
        )


def save_sample(connection: psycopg.Connection, sample: SurveySample) -> SurveySample:
    """Save a sample unless its name is taken; returns the stored sample of that name."""
    connection.execute(queries["add_sample"], asdict(sample))
    stored = find_sample(connection, sample.name)
    assert stored is not None
    return stored


def find_sample(connection: psycopg.Connection, name: str) -> SurveySample | None:
    """Return the sample of a name, None if there is none."""
    return next(iter(_load(connection, name)), None)


def list_samples(connection: psycopg.Connection) -> list[SurveySample]:
    """Return all samples, oldest first."""
    return _load(connection, None)


def _load(connection: psycopg.Connection, name: str | None) -> list[SurveySample]:
    with connection.cursor(row_factory=class_row(SurveySample)) as cursor:
        return cursor.execute(queries["load_samples"], {"name": name}).fetchall()
