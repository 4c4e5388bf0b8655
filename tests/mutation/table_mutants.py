"""The mutants of the tables in Python that are the defaults of every pack: who may do what, and in which status."""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from schemas.action import ActionModel
from schemas.ticket import Status
from services.domain.authority.table import GRANTS, Grant
from services.domain.policy.authority import Party
from services.ledger.domain.lifecycle import LIFECYCLE, Transition, name_of
from tests.mutation.mutants import Group

SERVICES = sorted({name for grant in GRANTS.values() for name in grant.services})


@dataclass(frozen=True)
class TableMutant:
    """One changed row of a table.

    Attributes:
        table: that is changed.
        action: whose row it is.
        row: that stands there instead; None if it is deleted.
        name: the row, and what is changed.

    """

    table: Mapping[type[ActionModel], Any]
    action: type[ActionModel]
    row: Grant | Transition | None
    name: str
    group: Group = "conditions and states"

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the table changed while the block runs."""
        table = cast("MutableMapping[type[ActionModel], Any]", self.table)
        before = dict(table)
        try:
            if self.row is None:
                del table[self.action]
            else:
                table[self.action] = self.row
            yield
        finally:
            table.clear()
            table.update(before)


def mutants_of_tables() -> Iterator[TableMutant]:
    """Yield every row of both tables, deleted, and with each of its words deleted and replaced."""
    for action, grant in GRANTS.items():
        yield TableMutant(GRANTS, action, None, f"authority {name_of(action)}: row deleted")
        for what, row in _changed_grants(grant):
            yield TableMutant(GRANTS, action, row, f"authority {name_of(action)}: {what}")
    for action, transition in LIFECYCLE.items():
        yield TableMutant(LIFECYCLE, action, None, f"lifecycle {name_of(action)}: row deleted")
        for what, allowed in _changed_statuses(transition.allowed):
            yield TableMutant(
                LIFECYCLE, action, replace(transition, allowed=allowed), f"lifecycle {name_of(action)}: {what}"
            )


def _changed_grants(grant: Grant) -> Iterator[tuple[str, Grant]]:
    for what, who in _changed_words(grant.who, tuple(Party)):
        yield what, replace(grant, who=tuple(map(Party, who)))
    for what, services in _changed_words(grant.services, tuple(SERVICES)):
        yield f"service {what}", replace(grant, services=services)
    if grant.evidence:
        yield "without evidence", replace(grant, evidence=False)


def _changed_statuses(allowed: frozenset[Status]) -> Iterator[tuple[str, frozenset[Status]]]:
    in_order = tuple(status for status in Status if status in allowed)
    for what, statuses in _changed_words(in_order, tuple(Status)):
        yield what, frozenset(map(Status, statuses))


def _changed_words(words: tuple[str, ...], known: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a list without each of its words, and with another known word in its place."""
    for number, word in enumerate(words):
        before, after = words[:number], words[number + 1 :]
        yield f"without {word}", (*before, *after)
        position = known.index(word)
        other = next((each for each in (*known[position:], *known[:position]) if each not in words), None)
        if other is not None:
            yield f"{other} for {word}", (*before, other, *after)
