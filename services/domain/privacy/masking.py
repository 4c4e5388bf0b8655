"""Masks personal data: single values by what they are, numbers and addresses within free text, whole documents. Pure.

What stays visible is at most: of a number the last four digits if it has eleven or more, else the last two if it has
seven or more, else none; of a name the first character; of a mail address the first character and the domain; of a
postal address and of whatever leads to a recording or a file nothing.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

HIDDEN = "****"
LONG = 11
"""Digits or characters of which the last four stay visible."""
SHORT = 7
"""Digits or characters of which the last two stay visible; in a text, fewer identify nobody and stay as they are."""
PLACEHOLDERS = frozenset({"客户", "用户", "匿名", "机主", "本人", "先生", "女士", "customer", "user"})
"""Words in the place of a name, which texts hold in their ordinary meaning."""

_DIGIT = r"[\d零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖①②③④⑤⑥⑦⑧⑨⓪]"
_BETWEEN = (
    r"[\s\-\u2010-\u2015\u2212\uff0d\ufe63\ufe58._·•・．,，/()（）\[\]【】+*~～"
    r"\u00ad\u200b-\u200f\u2060\ufeff\ufe0f\u20e3]"
)
"""What may stand between the digits of one number; a colon and 、 end it, so that times and lists stay readable."""
_NUMBER = rf"{_DIGIT}(?:{_BETWEEN}{{0,6}}{_DIGIT}){{{SHORT - 1},}}(?:[Xx](?![A-Za-z0-9]))?"
_NOT_MORE = rf"(?!{_BETWEEN}{{0,6}}{_DIGIT})"
_MONTH_DAY = r"(?:0[1-9]|1[0-2]){s}(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_KEPT = "|".join(
    (
        r"(?<![0-9A-Za-z-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9A-Za-z-])",
        # A ticket number: a business date and a running number that is no mobile phone's eleven digits.
        rf"(?<![A-Za-z0-9])TS20\d\d{_MONTH_DAY.format(s='')}\d{{6,10}}(?!\d)",
        rf"(?<!\d)20\d\d-{_MONTH_DAY.format(s='-')}{_TIME}(?!\d)",
        r"(?<!\d)20\d\d(?P<sign>[/.])(?:0?[1-9]|1[0-2])(?P=sign)(?:[12]\d|3[01]|0?[1-9])(?!\d)",
        rf"(?<!\d)20[0-4]\d{_MONTH_DAY.format(s='')}{_NOT_MORE}",
        r"(?<!\d)(?:\d{1,8}|\d{1,3}(?:,\d{3}){1,2})(?:\.\d{1,2})?\s?(?:元|块|万|亿)(?![旦月宵])",
        rf"[¥￥]\s?(?:\d{{1,3}}(?:,\d{{3}}){{1,2}}|\d{{1,8}})(?:\.\d{{1,2}})?{_NOT_MORE}",
    )
)
"""What has many digits and is no number of a person: ids, ticket numbers, dates of this century, amounts."""
# The look-behind lets a run of letters be tried once only, so that a long one without @ costs no more than its length.
_EMAIL = r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+|(?<![\w.])[\w.]*[^\W\x00-\x7f]@[\w.\-]+"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = rf"[{_PROVINCES}][A-Z][·\-\s]?(?=[A-Z]*\d)[A-Z0-9]{{5,6}}(?![A-Za-z0-9])"
_PERSONAL = re.compile(rf"(?P<email>{_EMAIL})|(?P<kept>{_KEPT})|(?P<plate>{_PLATE})|(?P<number>{_NUMBER})")

_KEPT_FIELDS = frozenset(
    {"id", "ticket_id", "contact_id", "command_id", "hot_issue", "into", "number", "earlier_number"}
    | {"version", "revision", "rule", "source", "sha256", "call"}
)
"""Fields that hold an id or a word of the policy, whatever it looks like; `number` only outside of a customer."""


def mask_token(value: str) -> str:
    """Mask a phone number, a customer number, or a channel's id of a person."""
    size = sum(character.isalnum() for character in value)
    shown = 4 if size >= LONG else 2 if size >= SHORT else 0
    return HIDDEN + "".join(character for character in value if character.isalnum())[size - shown :]


def mask_name(value: str) -> str:
    """Mask a person's name: its first character stays, which in Chinese is the surname or the first half of it."""
    return value.strip()[:1] + "**"


def mask_email(value: str) -> str:
    """Mask a mail address: the first character stays if there are more, and the domain."""
    local, _, domain = value.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}***@{mask_text(domain)}"


def mask_text(text: str, known: Mapping[str, str] | None = None) -> str:
    """Mask phone numbers, identity and card numbers, plates and mail addresses in a free text.

    Ticket numbers, dates of this century, times and amounts stay readable. A number of seven digits or more is masked
    whatever it is, however its digits are written and divided. Names and postal addresses are found only if known.

    Args:
        text: any text.
        known: values of the person that the text may hold, each with what to write in its place.

    """
    for value, mask in (known or {}).items():
        if value.isascii():
            pattern = rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])"
            text = re.sub(pattern, mask.replace("\\", r"\\"), text, flags=re.IGNORECASE)
        else:
            text = text.replace(value, mask)
    return _PERSONAL.sub(_mask_match, text)


def _mask_match(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "email":
            return mask_email(found[0])
        case "plate":
            return found[0][:2] + HIDDEN
        case "number":
            return mask_token(found[0])
        case _:
            return found[0]


_CUSTOMER_MASKS = {
    "name": mask_name,
    "number": mask_token,
    "phone": mask_token,
    "phone_extension": mask_token,
    "identity": mask_token,
    "email": mask_email,
}


def _hide(_: str) -> str:
    return HIDDEN


_MASKS = {
    **{name: mask for name, mask in _CUSTOMER_MASKS.items() if name not in {"name", "number"}},
    **dict.fromkeys(("address", "reference", "recording", "raw"), _hide),
}
"""Masks of fields that hold a person's data wherever they stand, or lead to a person's voice and handwriting."""


def known_values(customer: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a customer that texts about the case may hold, each with its mask; the longest first."""
    found = {
        value: _CUSTOMER_MASKS[name](value) if name in _CUSTOMER_MASKS else HIDDEN
        for name in ("address", "email", "identity", "number", "name")
        if isinstance(value := customer.get(name), str)
        and len(value.strip()) > 1
        and value.casefold() not in PLACEHOLDERS
    }
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def mask_document(
    document: Mapping[str, Any], *, shown: Collection[str] = (), customer: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a ticket or an event, as decoded JSON, with every person's data masked.

    Args:
        document: `customer`, wherever it stands, holds a person's fields; every other text is masked as free text.
        shown: fields of its own customer that stay as they are.
        customer: whose name and address are looked for in the texts; None: that of the document.

    """
    person = customer if customer is not None else document.get("customer")
    known = known_values(person) if isinstance(person, Mapping) else {}
    return {
        name: _mask_customer(value, shown, known)
        if name == "customer" and isinstance(value, Mapping)
        else _mask_field(name, value, known)
        for name, value in document.items()
    }


def _mask_customer(customer: Mapping[str, Any], shown: Collection[str], known: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: value
        if name in shown
        else _CUSTOMER_MASKS[name](value)
        if name in _CUSTOMER_MASKS and isinstance(value, str)
        else _mask_field(name, value, known)
        for name, value in customer.items()
    }


def _mask_field(name: str, value: Any, known: Mapping[str, str]) -> Any:
    if name in _KEPT_FIELDS and isinstance(value, str):
        return value
    if isinstance(value, str):
        return _MASKS[name](value) if name in _MASKS else mask_text(value, known)
    if isinstance(value, Mapping):
        if name == "customer":
            return _mask_customer(value, (), known)
        return {key: _mask_field(key, each, known) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [_mask_field(name, each, known) for each in value]
    return value
