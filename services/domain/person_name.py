"""Names of people as they are told: title, surname, what stands in the place of a name (DECISIONS 30). Pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

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
    r"|(用户|客户|顾客|机主|户主|本人|来电人|来电者|来电客户|投诉人|申诉人|联系人|访客|游客|网友|市民|业主|住户|乘客|旅客|买家|会员|(微信|手机|网络|热心)用户"
    r"|.*(留言|官网|客服|系统)|未填写?|未留名?|没留|待补充|不清楚|guest|visitor|caller|customer|user|client|test)"
)
"""What stands in the place of a name: two who gave none are not one person."""
_BLANKS = re.compile(r"[\s·.]+")


@dataclass(frozen=True, slots=True)
class PersonName:
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
        """Return a name as it was told; one of nobody if it stands in the place of a name."""
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

    def contradicts(self, other: "PersonName", *, shared: bool) -> bool:
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

    def proves(self, other: "PersonName") -> bool:
        """Return whether two names are one person's even if several people share the phone."""
        return self.whole and other.whole and self.plain == other.plain
