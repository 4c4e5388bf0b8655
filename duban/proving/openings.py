"""Contacts that open tickets of every class that a pack's conditions tell apart, and classifications to change to."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from duban.proving.fact_classes import FactClasses, rows
from duban.proving.roles import conditions
from schemas.contact import Contact
from schemas.ticket import Classification
from services.domain.channels import CHANNELS
from services.domain.classify import classify
from services.domain.ids import contact_id
from services.domain.policy.clocks import INCOMPLETE
from services.domain.policy.conditions import Facts, When
from services.domain.policy.pack import Pack

SENDER = "proof"
CHANNEL = "web"
CALL = "call-1"
PHONE = "+8613800000000"
CUSTOMERS_LIMIT = timedelta(days=20)
"""After which the customer, or the regulator, wants an answer who names a limit."""
ROWS_OF_A_CLASS = 2
"""Classifications of one class that are changed to: of two different limits, so that limits move as well."""


@dataclass(frozen=True)
class Opening:
    """A contact that opens a ticket.

    Attributes:
        contact: the contact.
        fields: of the contact, as a day file has them.
        classification: what the pack's rules make of it.

    """

    contact: Contact
    fields: dict[str, Any]
    classification: Classification


class Openings:
    """What may open a ticket, and what it may be classified as later.

    Attributes:
        pack: the policy pack.
        at: when contacts come.

    """

    def __init__(self, pack: Pack, at: datetime) -> None:
        self.pack, self.at = pack, at
        self._classes = FactClasses(conditions(pack))
        self._found = list(self._one_of_each())

    def contacts(self) -> Iterator[Opening]:
        """Yield a contact of each class; of each kind also one without a form, settled at once, or with a limit."""
        kinds: set[str] = set()
        named = any(row.at is not None for clock in self.pack.limits.clocks for row in clock.limits)
        for opening in self._found:
            yield opening
            if opening.classification.kind not in kinds:
                kinds.add(opening.classification.kind)
                yield self._opening(opening.fields | {"flags": [INCOMPLETE], "call": CALL})
                settled = {"outcome": "o", "explanation": "e", "cause": "c", "owner": self.pack.header.centre}
                yield self._opening(opening.fields | {"settlement": settled})
                if named:
                    yield self._opening(opening.fields | {"wanted_by": self.at + CUSTOMERS_LIMIT})

    def classifications(self) -> list[Classification]:
        """Return what a ticket may be reclassified as: one of each class, and one of another limit."""
        found = {each.classification.replace(reasons=()): None for each in self._found}
        return list(found)

    def _one_of_each(self) -> Iterator[Opening]:
        known: dict[Hashable, set[tuple[int | None, ...]]] = {}
        for fields in self._candidates():
            opening = self._opening(fields)
            facts = self._facts(opening)
            seen = known.setdefault(self._classes.of(facts), set())
            limits = rows(self.pack, facts)
            if len(seen) < ROWS_OF_A_CLASS and limits not in seen:
                seen.add(limits)
                yield opening

    def _candidates(self) -> Iterator[dict[str, Any]]:
        """Yield the fields of contacts: each kind with each type, and with each thing that a condition names."""
        variations = list(self._variations())
        for kind in self.pack.routing.kinds:
            first: dict[str, Any] = {"kind": kind}
            typed = list(self._typed(kind))
            yield from ({**first, **types} for types in typed)
            yield from ({**first, **types, **other} for other in variations for types in typed[:4])

    def _typed(self, kind: str) -> Iterator[dict[str, Any]]:
        pack = self.pack
        yield {}
        for business in sorted(pack.business_of(kind), key=lambda each: each.code):
            yield {"business_type": business.code}
            for problem in sorted(pack.problems_of(business.group), key=lambda each: each.code):
                yield {"business_type": business.code, "problem_type": problem.code}

    def _variations(self) -> Iterator[dict[str, Any]]:
        routing = self.pack.routing
        yield {"needs_headquarters": True}
        yield {"customer": {"phone": PHONE, "home_region": "A", "visiting_region": "B"}}
        if routing.vip.levels:
            yield {"customer": {"phone": PHONE, "level": routing.vip.levels[0]}}
        for rule in (*routing.signals, *routing.validity):
            if rule.words:
                yield {"text": rule.words[0]}
        named = [*conditions(self.pack), *(rule.when for rule in routing.tiers)]
        channels = _values(named, "channel")
        other = next((channel for channel in sorted(CHANNELS) if channel not in channels), CHANNEL)
        yield from ({"channel": channel} for channel in (*channels, other))
        yield from ({"origin": origin} for origin in routing.origins)

    def _opening(self, fields: dict[str, Any]) -> Opening:
        """Build a contact; `fields` are those that a day file gives it."""
        usual = {"channel": CHANNEL, "text": "?", "customer": {"phone": PHONE}}
        own = {
            "id": contact_id(SENDER, SENDER, "1"),
            "sender": SENDER,
            "message_id": "1",
            "policy": self.pack.header.name,
            "received_at": self.at,
        }
        contact = msgspec.convert(usual | fields | own, Contact)
        return Opening(contact, fields, classify(contact, self.pack))

    def _facts(self, opening: Opening) -> Facts:
        settled = opening.contact.settlement is not None
        return self.pack.facts(opening.classification, channel=opening.contact.channel, settled=settled)


def reopened_at(opening: Opening, at: datetime) -> Opening:
    """Return the same contact as it would be at another time."""
    return Opening(opening.contact.replace(received_at=at), opening.fields, opening.classification)


def _values(named: list[When], field: str) -> list[str]:
    return list(dict.fromkeys(value for when in named for value in getattr(when, field)))
