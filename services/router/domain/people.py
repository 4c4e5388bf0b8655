"""Whether two contacts are the same person's: one number may have many people behind it (DECISIONS 30). Pure."""

import re
import unicodedata

from schemas.contact import Customer

_TITLES = re.compile(r"(?:先生|女士|小姐|太太|师傅|老师|经理|阿姨|大爷|大妈|某某|某|Mr\.?|Mrs\.?|Ms\.?)", re.IGNORECASE)
_BLANKS = re.compile(r"[\s·.]+")


def same_person(one: Customer, other: Customer) -> bool:
    """Whether two customers are one: by customer number, identity or mail, else by a number that is one person's.

    A phone alone makes two contacts one person's only when nothing speaks against it: it is no switchboard, the
    extensions are the same, and the names, where both are told, can be one person's.
    """
    if one.number is not None and other.number is not None:
        return one.number == other.number
    for mine, theirs in ((one.identity, other.identity), (one.email, other.email)):
        if mine is not None and mine == theirs:
            return True
    if one.phone is None or one.phone != other.phone or one.switchboard or other.switchboard:
        return False
    return one.phone_extension == other.phone_extension and _compatible(one.name, other.name)


def _compatible(one: str | None, other: str | None) -> bool:
    """Whether two names can be one person's: a surname with a title may be anybody's of that name."""
    mine, theirs = _plain(one), _plain(other)
    return not mine or not theirs or mine.startswith(theirs) or theirs.startswith(mine)


def _plain(name: str | None) -> str:
    plain = unicodedata.normalize("NFKC", name or "").casefold()
    return _BLANKS.sub("", _TITLES.sub("", plain))
