"""Decides whether two contacts come from the same person; one number may belong to many people (DECISIONS 30). Pure."""

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
"""Of two contacts: from one person; from a shared number, with nothing that decides; from two people."""

_SHARED_TYPES = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN}
)
"""Types of phone numbers that belong to an office or a family rather than to one person."""
_GENDERS = {
    **dict.fromkeys(("先生", "大爷", "叔叔", "mr"), "male"),
    **dict.fromkeys(("女士", "小姐", "太太", "阿姨", "大妈", "mrs", "ms", "miss"), "female"),
}
_TITLE_AFTER = re.compile(r"(先生|女士|小姐|太太|师傅|老师|经理|主任|阿姨|叔叔|大爷|大妈)$")
_TITLE_BEFORE = re.compile(r"^(mrs|mr|ms|miss)\b\.?")
_ANONYMOUS = re.compile(r"某+$")
_NAMELESS = re.compile(
    r"(匿名|某位?|不具名|不详|未知|未提供|不愿透露|无名氏?|无|保密|anonymous|anon|unknown|withheld|unnamed|none|n/?a)"
    r"(用户|客户|投诉者|投诉人|市民|群众|网友|乘客|业主|者|人|caller|customer|user)?"
)
"""What stands in the place of a name: two who gave none are not one person."""
_BLANKS = re.compile(r"[\s·.]+")


def compare_customers(opener: Customer, writer: Customer, names: Iterable[str] = ()) -> Relation:
    """Return whether two customers are one person.

    The customer number, the channel identity or the mail address decide. So does a phone number of one person, if
    nothing speaks against it: it is no switchboard, the extensions are equal, and the names can be one person's.
    A number that several people may share, such as a landline, decides only if both give the same full name or the
    same extension.

    Args:
        opener: who opened the ticket.
        writer: who writes now.
        names: of everybody who wrote about that ticket; if one of them is another person than the writer, the writer is
            none of its customers.

    """
    if opener.number is not None and writer.number is not None:
        return "same" if opener.number == writer.number else "another"
    if _share_identity(opener, writer):
        return "same"
    if opener.phone is None or not _share_phone(opener, writer):
        return "another"
    shared = opener.phone_extension is None and _is_shared(opener.phone)
    return _compare_names({opener.name, *names}, writer.name, shared=shared)


def _share_identity(opener: Customer, writer: Customer) -> bool:
    pairs = ((opener.identity, writer.identity), (opener.email, writer.email))
    return any(one is not None and one == other for one, other in pairs)


def _share_phone(opener: Customer, writer: Customer) -> bool:
    return (
        opener.phone == writer.phone
        and opener.phone_extension == writer.phone_extension
        and not (opener.switchboard or writer.switchboard)
    )


def _compare_names(earlier: Iterable[str | None], writer: str | None, *, shared: bool) -> Relation:
    """Return whether the writer is one of those who wrote earlier from the same phone."""
    known, name = [_PersonName.parse(text) for text in earlier], _PersonName.parse(writer)
    if any(one.contradicts(name, shared=shared) for one in known):
        return "another"
    return "same" if not shared or any(one.proves(name) for one in known) else "perhaps"


@lru_cache(maxsize=4096)
def _is_shared(phone: str) -> bool:
    try:
        return phonenumbers.number_type(phonenumbers.parse(phone)) in _SHARED_TYPES
    except phonenumbers.NumberParseException:
        return False


@dataclass(frozen=True, slots=True)
class _PersonName:
    """A person's name, parsed for comparison.

    Attributes:
        plain: without title and blanks; empty if unknown.
        title: such as 先生; empty if unknown.
        whole: whether it is more than a surname.

    """

    plain: str
    title: str
    whole: bool

    @classmethod
    def parse(cls, text: str | None) -> Self:
        folded = unicodedata.normalize("NFKC", text or "").casefold().strip()
        found = _TITLE_AFTER.search(folded) or _TITLE_BEFORE.search(folded)
        title = found[1] if found is not None else ""
        words = (folded[: found.start()] + folded[found.end() :] if found is not None else folded).split()
        plain = _ANONYMOUS.sub("", _BLANKS.sub("", "".join(words)))
        if _NAMELESS.fullmatch(plain):
            return cls("", title, whole=False)
        # With a title, two characters may still be a double surname.
        whole = len(words) > 1 if plain.isascii() else len(plain) > (2 if title else 1)
        return cls(plain, title, whole)

    def contradicts(self, other: "_PersonName", *, shared: bool) -> bool:
        """Return whether two names cannot be one person's; `shared`: several people use the phone."""
        genders = _GENDERS.get(self.title), _GENDERS.get(other.title)
        if None not in genders and genders[0] != genders[1]:
            return True
        if not self.plain or not other.plain:
            return False
        if not (self.plain.startswith(other.plain) or other.plain.startswith(self.plain)):
            return True
        # Behind a shared number, 王经理 and 王先生 are two colleagues of the same surname.
        surnames = not self.whole and not other.whole
        return bool(shared and surnames and self.title and other.title and self.title != other.title)

    def proves(self, other: "_PersonName") -> bool:
        """Return whether two names are one person's even if several people share the phone."""
        return self.whole and other.whole and self.plain == other.plain
