"""Codes that a contact names and its pack does not have: each is flagged by name, with what there is (R2.5). Pure.

No contact is refused for them: what a channel calls things changes without notice, and a complaint must not be lost.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from schemas.contact import Contact
from schemas.ticket import Reason
from services.domain.events import suggest
from services.domain.policy.pack import Pack

PREFERRED_MEANS = frozenset({"phone", "sms", "mail", "letter", "fax", "visit"})
"""How a customer may want to be contacted."""
FLAG = "unknown_"
"""What the flag of such a contact begins with; the name of the field follows."""
LABELS = "labels"
SOURCE = "R2.5: flagged with what there is, never dropped"
LONGEST_RULE = 200


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A code of a contact that its pack does not have.

    Attributes:
        field: path of the field.
        value: the code.
        known: those that there are.

    """

    field: str
    value: str
    known: tuple[str, ...]

    @property
    def flag(self) -> str:
        """The flag of a contact that names it."""
        return FLAG + self.field.rpartition(".")[2]

    @property
    def advice(self) -> str:
        """What to write instead."""
        return suggest(self.value, self.known) if self.known else "the policy has none, so leave it out"

    def as_reason(self) -> Reason:
        """Return it as one of the reasons of a classification."""
        rule = f"the policy has no such {self.field}: {self.advice}"
        return Reason(subject=self.flag, value=self.value, rule=rule[:LONGEST_RULE], source=SOURCE)


def unknown_codes(contact: Contact, pack: Pack) -> Iterator[UnknownCode]:
    """Return every code of a contact that its pack does not have."""
    for field, value, known in _codes(contact, pack):
        if value is not None and value not in known:
            yield UnknownCode(field, value, tuple(sorted(known)))


def unknown_labels(contact: Contact) -> Reason:
    """Return the reason that flags labels of a channel in which no type of the pack is named."""
    return Reason(
        subject=FLAG + LABELS,
        value=" ".join(contact.labels)[:1000],
        rule="no business type and no problem type of the policy has a word of these labels",
        source=SOURCE,
    )


def unknown_flags(reasons: Collection[Reason]) -> tuple[str, ...]:
    """Return the flags of a ticket for what its contact named and its pack does not have."""
    return tuple(reason.subject for reason in reasons if reason.subject.startswith(FLAG))


def _codes(contact: Contact, pack: Pack) -> Iterator[tuple[str, str | None, Collection[str]]]:
    routing = pack.routing
    yield "kind", contact.kind, routing.kinds
    yield "business_type", contact.business_type, pack.business
    yield "problem_type", contact.problem_type, pack.problems
    yield "origin", contact.origin, routing.origins
    yield "customer.preferred_means", contact.customer.preferred_means, PREFERRED_MEANS
    if contact.settlement is not None:
        yield "settlement.owner", contact.settlement.owner, pack.units
    if contact.taken_over is not None:
        yield "taken_over.unit", contact.taken_over.unit, pack.units
