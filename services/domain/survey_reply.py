"""What customers write back when they are asked how it was: scores in digits or Chinese, or that they want no question.

Pure (R5.4, DECISIONS 19 and 20).
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from schemas.ticket import Survey

SCORE = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
JUDGED = {
    "非常不满意": 1,
    "很不满意": 1,
    "不满意": 2,
    "一般": 3,
    "非常满意": 5,
    "很满意": 5,
    "满意": 4,
    "very satisfied": 5,
    "satisfied": 4,
    "very dissatisfied": 1,
    "dissatisfied": 2,
}
"""Words for one score; the longest that fits counts."""
REFUSALS = frozenset({"t", "td", "tui", "退", "退订", "不评价", "不需要", "拒绝", "stop", "unsubscribe"})
LONGEST_COMMENT = 500

_SEPARATED = re.compile(
    r"([1-5一二两三四五])分?(?:[\s,，、/;；.。:：\-]+([1-5一二两三四五])分?){2}(?![\d一二两三四五])"
)
_TOGETHER = re.compile(r"([1-5一二两三四五]{3})(?![\d一二两三四五])")
_ALONE = re.compile(r"([1-5一二两三四五])分?(?![\d一二两三四五年月日号点个天次位楼])")
_EACH = re.compile(r"[1-5一二两三四五]")
_WORDS = re.compile("|".join(sorted(map(re.escape, JUDGED), key=len, reverse=True)), re.IGNORECASE)
_BEFORE_COMMENT = " \t\r\n,，、。.;；:：!！-"


@dataclass(frozen=True, slots=True)
class Reply:
    """What was understood.

    Attributes:
        survey: the scores, with what else was said; None when no more questions are wanted.

    """

    survey: Survey | None

    @property
    def kind(self) -> Literal["answer", "refusal"]:
        """Whether it answers, or asks to be left alone."""
        return "answer" if self.survey is not None else "refusal"


def understand(text: str) -> Reply | None:
    """Return what a reply says; None when it is something else, such as a new complaint.

    Three scores are process, result and staff; one is for all three.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain.casefold() in REFUSALS:
        return Reply(None)
    if (found := _SEPARATED.match(plain)) is not None:
        return _reply(_EACH.findall(found[0]), plain[found.end() :])
    if (found := _TOGETHER.match(plain)) is not None:
        return _reply(list(found[1]), plain[found.end() :])
    if (found := _ALONE.match(plain)) is not None and _ends(plain[found.end() :]):
        return _reply([found[1]] * 3, plain[found.end() :])
    if (found := _WORDS.match(plain)) is not None and _ends(plain[found.end() :]):
        score = str(JUDGED[found[0].casefold()])
        return _reply([score] * 3, plain[found.end() :])
    return None


def _ends(rest: str) -> bool:
    """Whether what follows is a comment, not more of a word or number."""
    return not rest or rest[0] in _BEFORE_COMMENT


def _reply(scores: list[str], rest: str) -> Reply:
    process, result, staff = (SCORE[each] for each in scores)
    comment = rest.strip(_BEFORE_COMMENT)[:LONGEST_COMMENT] or None
    return Reply(Survey(process=process, result=result, staff=staff, comment=comment))
