"""Phone numbers in free text: the writer's own, by the words beside it, or only mentioned (DECISIONS 40). Pure."""

import re
from typing import Any

from services.intake.domain.fields import InputErrors
from services.intake.domain.phones import PhoneNumber, find_phones

AMBIGUOUS = "phone_ambiguous"
FROM_TEXT = "phone_from_text"
"""Flag of a contact whose phone was only found in its text: a hint, which proves nothing and gets no notices."""
_OWN = re.compile(
    r"(?:(?:我|本人|咱)们?的?(?:联系)?(?:电话|手机|号码|手机号|座机)|联系(?:电话|手机|方式|我|号码)|手机号码?|回电|回我电话|打我电话|打我|(?:^|[\s,，。;；:：])电话(?:号码?)?"
    r"|call\s+me(?:\s+(?:at|on))?|reach\s+me\s+(?:at|on)|my\s+(?:phone|number|mobile)(?:\s+number)?|(?:^|\s)(?:tel|phone|mobile))"
    r"\s*(?:号码?|是|为|is)?\s*[:：是为]?\s*$",
    re.IGNORECASE,
)
"""What stands before a number that is the writer's own."""
_OTHERS = re.compile(
    r"(?:骚扰|诈骗|陌生|推销|诈騙|对方|他|她|他们|那个|这个|广告|贷款|客服|公司|你们)的?(?:电话|手机|号码|手机号)?\s*[:：是为]?\s*$"
)
"""What stands before a number that is somebody else's, whatever word follows."""
BEFORE = 16
"""Characters before a number that say whose it is."""


def writers_phone(text: str, region: str, errors: InputErrors) -> dict[str, Any]:
    """Return the phone and extension of whoever wrote a text, as fields of a customer; flags what is only a hint.

    A number is the writer's if words beside it say so. The only number of a text without such words is a hint; of
    several, none is chosen.
    """
    phones = find_phones(text, region)
    own = [phone for phone in phones if _is_own(text, phone)]
    chosen = own or phones
    if len(chosen) != 1:
        if chosen:
            errors.flag(AMBIGUOUS)
        return {}
    if not own:
        errors.flag(FROM_TEXT)
    return {"phone": chosen[0].number, "phone_extension": chosen[0].extension}


def _is_own(text: str, phone: PhoneNumber) -> bool:
    """Return whether words right before a number say that it is the writer's."""
    digits = re.sub(r"\D", "", phone.number)[-7:]
    pattern = r"[ \-]?".join(digits)
    for found in re.finditer(pattern, text):
        start = re.search(r"[+(0-9][0-9 ()+-]*$", text[: found.start()])
        before = text[: start.start() if start is not None else found.start()][-BEFORE:]
        if _OWN.search(before) and not _OTHERS.search(before):
            return True
    return False
