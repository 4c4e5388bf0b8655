"""Decides whether two contacts come from the same person, and by which facts (DECISIONS 30). Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberType

from schemas.contact import Customer
from services.domain.mail_address import sharing
from services.domain.person_name import PersonName

Relation = Literal["same", "perhaps", "unproven", "another"]
"""Of two contacts: from one person; from one line that a family or an office may share, with nothing that decides; from
what belongs to everybody, such as a service number or the address of a machine; from two people."""

_SHARED_TYPES = frozenset({PhoneNumberType.FIXED_LINE})
"""Types of phone numbers that belong to an office or a family rather than to one person."""
_EVERYBODYS_TYPES = frozenset({PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN})
"""Types of phone numbers behind which anybody may be."""


@dataclass(frozen=True, slots=True)
class PersonMatch:
    """Whether two customers are one person, and what says so.

    Attributes:
        relation: the conclusion.
        proved: facts that prove that they are.
        suggested: facts that both share, and others may share too.
        contradicted: facts that speak against it.

    """

    relation: Relation
    proved: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()

    @property
    def one_line(self) -> bool:
        """Whether two people use one phone or one mailbox, as a family does."""
        return self.relation == "another" and bool(self.suggested)


STRANGERS = PersonMatch("another")


def compare_customers(opener: Customer, writer: Customer, names: Iterable[str] = ()) -> Relation:
    """Return whether two customers are one person; see `match_customers`."""
    return match_customers(opener, writer, names).relation


def match_customers(opener: Customer, writer: Customer, names: Iterable[str] = ()) -> PersonMatch:
    """Return whether two customers are one person, with the facts.

    The customer number or the channel identity decide. So do a mail address and a phone number of one person, if
    nothing speaks against it: the names can be one person's, the number is no switchboard, the extensions are equal.
    What several people may share, such as a landline or the mailbox of an office, decides only if both give the same
    full name or the same extension; what belongs to everybody proves nothing, and an address only beside a full name.

    Args:
        opener: who opened the ticket.
        writer: who writes now.
        names: of everybody who wrote about that ticket; if one of them is another person than the writer, the writer is
            none of its customers.

    """
    if opener.number is not None and writer.number is not None:
        fact = ("customer number",)
        return (
            PersonMatch("same", proved=fact)
            if opener.number == writer.number
            else PersonMatch("another", contradicted=fact)
        )
    if opener.identity is not None and opener.identity == writer.identity:
        return PersonMatch("same", proved=("channel identity",))
    given = {opener.name, *names}
    found = [
        match
        for match in (
            _by_mail(opener, writer, given),
            _by_phone(opener, writer, given),
            _by_address(opener, writer),
        )
        if match is not None
    ]
    # What proves outweighs what merely suggests; of equals the first.
    return min(found, key=lambda match: _STRENGTH[match.relation], default=STRANGERS)


_STRENGTH = {"same": 0, "perhaps": 1, "unproven": 2, "another": 3}


def _by_mail(opener: Customer, writer: Customer, given: Iterable[str | None]) -> PersonMatch | None:
    if opener.email is None or writer.email is None or opener.email.casefold() != writer.email.casefold():
        return None
    kind = sharing(opener.email)
    if kind == "machine":
        return PersonMatch("unproven", suggested=("mail address of a machine",))
    return _by_names(given, writer.name, "mail address", shared=kind == "office")


def _by_phone(opener: Customer, writer: Customer, given: Iterable[str | None]) -> PersonMatch | None:
    if opener.phone is None or opener.phone != writer.phone:
        return None
    extensions = opener.phone_extension, writer.phone_extension
    if opener.switchboard or writer.switchboard:
        # The number does not link, but the same person behind the same extension is one.
        same_extension = extensions[0] is not None and extensions[0] == extensions[1]
        whole = PersonName.parse(opener.name).proves(PersonName.parse(writer.name))
        return PersonMatch("same", proved=("extension", "full name")) if same_extension and whole else None
    if extensions[0] != extensions[1]:
        return None
    if extensions[0] is not None:
        return _by_names(given, writer.name, "phone and extension", shared=False)
    type_ = _type_of(opener.phone)
    match = _by_names(given, writer.name, "phone", shared=type_ in _SHARED_TYPES | _EVERYBODYS_TYPES)
    if type_ in _EVERYBODYS_TYPES and match.relation != "same":
        return PersonMatch("unproven", suggested=("service number",), contradicted=match.contradicted)
    return match


def _by_names(given: Iterable[str | None], name: str | None, fact: str, *, shared: bool) -> PersonMatch:
    """Return whether the writer is one of those who wrote earlier from the same phone or mailbox."""
    known, writer = [PersonName.parse(each) for each in given], PersonName.parse(name)
    if any(one.contradicts(writer, shared=shared) for one in known):
        return PersonMatch("another", suggested=(fact,), contradicted=("name",))
    if any(one.proves(writer) for one in known):
        return PersonMatch("same", proved=(fact, "full name"))
    return PersonMatch("perhaps", suggested=(fact,)) if shared else PersonMatch("same", proved=(fact,))


def _by_address(opener: Customer, writer: Customer) -> PersonMatch | None:
    """Return what one postal address says: a house is no customer, but a full name and a number of a flat are one."""
    mine, theirs = plain_address(writer), plain_address(opener)
    if mine is None or mine != theirs:
        return None
    one, other = PersonName.parse(opener.name), PersonName.parse(writer.name)
    if one.contradicts(other, shared=True):
        return None
    if one.proves(other) and _HOUSE.search(mine):
        return PersonMatch("same", proved=("full name", "address"))
    return PersonMatch("unproven", suggested=("address",))


_HOUSE = re.compile(r"\d.*(室|单元|户|号楼|-\d|\d{3})")
"""An address that goes down to a flat."""
_SEPARATORS = re.compile(r"[\s,，。.、;；]+")
MIN_ADDRESS = 4
"""Characters of an address that tells one house from another."""


def plain_address(customer: Customer) -> str | None:
    """Return an address in the form in which two are compared; None if it tells no place."""
    plain = _SEPARATORS.sub("", customer.address or "").casefold()
    return plain if len(plain) >= MIN_ADDRESS else None


@lru_cache(maxsize=4096)
def _type_of(phone: str) -> int:
    try:
        return int(phonenumbers.number_type(phonenumbers.parse(phone)))
    except phonenumbers.NumberParseException:
        return int(PhoneNumberType.UNKNOWN)
