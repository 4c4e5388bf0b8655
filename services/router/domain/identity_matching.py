"""Whether two contacts are the same person's: one number may have many people behind it (DECISIONS 30). Pure."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

import phonenumbers
from phonenumbers import PhoneNumberType

from schemas.contact import Customer

Relation = Literal["same", "perhaps", "another"]
"""Of the people of two contacts: one person; a shared number and nothing that tells; two people."""

_OF_MANY = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN}
)
"""Kinds of numbers that an office or a family has rather than one person."""
_GENDERS = {
    **dict.fromkeys(("先生", "大爷", "叔叔", "mr"), "male"),
    **dict.fromkeys(("女士", "小姐", "太太", "阿姨", "大妈", "mrs", "ms", "miss"), "female"),
}
_AFTER = re.compile(r"(先生|女士|小姐|太太|师傅|老师|经理|主任|阿姨|叔叔|大爷|大妈)$")
_BEFORE = re.compile(r"^(mrs|mr|ms|miss)\b\.?")
_NOBODY = re.compile(r"某+$")
_BLANKS = re.compile(r"[\s·.]+")


def relation(one: Customer, other: Customer, names: Iterable[str] = ()) -> Relation:
    """Say whether two customers are one person.

    Customer number, identity or mail settle it. A phone does so when it is one person's and nothing speaks against it:
    it is no switchboard, the extensions are the same, and the names can be one person's. A number that many may have,
    such as a landline, makes two contacts one person's only when both tell the same whole name or the same extension.

    Args:
        one: who opened the ticket.
        other: who writes now.
        names: of all who wrote about that ticket; when one of them is another person, `other` is none of its customers.

    """
    if one.number is not None and other.number is not None:
        return "same" if one.number == other.number else "another"
    for mine, theirs in ((one.identity, other.identity), (one.email, other.email)):
        if mine is not None and mine == theirs:
            return "same"
    if one.phone is None or one.phone != other.phone or one.switchboard or other.switchboard:
        return "another"
    if one.phone_extension != other.phone_extension:
        return "another"
    shared = one.phone_extension is None and _of_many(one.phone)
    known = [_Name.of(each) for each in {one.name, *names}]
    writer = _Name.of(other.name)
    if any(each.contradicts(writer, shared=shared) for each in known):
        return "another"
    return "same" if not shared or any(each.proves(writer) for each in known) else "perhaps"


@lru_cache(maxsize=4096)
def _of_many(phone: str) -> bool:
    try:
        return phonenumbers.number_type(phonenumbers.parse(phone)) in _OF_MANY
    except phonenumbers.NumberParseException:
        return False


@dataclass(frozen=True, slots=True)
class _Name:
    """A name as it is compared.

    Attributes:
        plain: without title and blanks; empty when nobody told it.
        title: such as 先生; empty when nobody told it.
        whole: it is more than a surname.

    """

    plain: str
    title: str
    whole: bool

    @classmethod
    def of(cls, name: str | None) -> Self:
        told = unicodedata.normalize("NFKC", name or "").casefold().strip()
        found = _AFTER.search(told) or _BEFORE.search(told)
        title = found[1] if found is not None else ""
        words = (told[: found.start()] + told[found.end() :] if found is not None else told).split()
        plain = _NOBODY.sub("", _BLANKS.sub("", "".join(words)))
        # With a title, two characters may be a double surname.
        whole = len(words) > 1 if plain.isascii() else len(plain) > (2 if title else 1)
        return cls(plain, title, whole)

    def contradicts(self, other: "_Name", *, shared: bool) -> bool:
        """Whether two names cannot be one person's: a surname may be anybody's of that name, where one person is."""
        genders = _GENDERS.get(self.title), _GENDERS.get(other.title)
        if None not in genders and genders[0] != genders[1]:
            return True
        if not self.plain or not other.plain:
            return False
        if not (self.plain.startswith(other.plain) or other.plain.startswith(self.plain)):
            return True
        # Behind a number of many, 王经理 and 王先生 are two colleagues of one name.
        both = self.title and other.title and not self.whole and not other.whole
        return bool(shared and both and self.title != other.title)

    def proves(self, other: "_Name") -> bool:
        """Whether two names are one person's even where many share the number."""
        return self.whole and other.whole and self.plain == other.plain
