"""What customers write back when they are asked how it was: scores in digits or Chinese, or that they want no question.

Only what cannot mean anything else counts: a complaint that was taken for praise would be lost.
Pure (R5.4, DECISIONS 19 and 20).
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from schemas.ticket import Survey

SCORE = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
PHRASE_SCORES = {
    "非常不满意": 1,
    "很不满意": 1,
    "极不满意": 1,
    "十分不满意": 1,
    "特别不满意": 1,
    "不满意": 2,
    "不太满意": 2,
    "不大满意": 2,
    "不是很满意": 2,
    "比较满意": 4,
    "挺满意": 4,
    "都满意": 4,
    "都很满意": 5,
    "非常满意": 5,
    "十分满意": 5,
    "特别满意": 5,
    "很满意": 5,
    "满意": 4,
    "very satisfied": 5,
    "satisfied": 4,
    "very dissatisfied": 1,
    "very unsatisfied": 1,
    "dissatisfied": 2,
    "unsatisfied": 2,
    "not satisfied": 2,
}
"""Words for one score; the longest that fits counts, and more may follow."""
WHOLE_REPLY_SCORES = {
    "好": 4,
    "很好": 5,
    "非常好": 5,
    "挺好": 4,
    "不错": 4,
    "很不错": 5,
    "好评": 5,
    "五星好评": 5,
    "5星好评": 5,
    "一般": 3,
    "一般般": 3,
    "还行": 3,
    "还可以": 3,
    "不好": 2,
    "差": 2,
    "很差": 1,
    "太差": 1,
    "非常差": 1,
    "差评": 1,
    "good": 4,
    "very good": 5,
    "great": 5,
    "excellent": 5,
    "bad": 2,
    "very bad": 1,
}
"""Words that judge only when they are all that was said."""
REFUSALS = frozenset(
    [
        "t",
        "td",
        "tui",
        "退",
        "退订",
        "取消订阅",
        "不评价",
        "不想评价",
        "拒绝评价",
        "不参与",
        "不需要",
        "拒绝",
        "不用了",
        "不必了",
        "勿扰",
        "请勿打扰",
        "别再发了",
        "不要再发",
        "不要再发了",
        "stop",
        "unsubscribe",
    ]
)
LONGEST_COMMENT = 500
SHORT = 2
"""Characters."""

_ONE = r"[1-5一二两三四五]"
_POINTS = r"(?:\s?分|\s?颗?星)?"
_PARTING = ",。;!\n"
"""What parts a score from what is said beside it, after NFKC; a full stop, a colon or 、 could number a list."""
_SEPARATED = re.compile(rf"({_ONE}){_POINTS}(?:[\s,、/;.。:\-]+({_ONE}){_POINTS}){{2}}")
_TOGETHER = re.compile(rf"{_ONE}{{3}}")
_ALONE = re.compile(rf"(?:打|给)?({_ONE}){_POINTS}")
_EACH = re.compile(_ONE)
_WORDS = re.compile("|".join(sorted(map(re.escape, PHRASE_SCORES), key=len, reverse=True)), re.IGNORECASE)
_PARTICLES = "了的啊呀哦"
_AROUND = " \t\r\n,，、。.;；:：!！~～-…"
_COURTEOUS = re.compile(
    r"谢|感谢|多谢|辛苦|thank"
    r"|(?:满意|很满意|非常满意|很好|非常好|不错|好评|very good|good|great)[了的]?(?:$|[\s,。!;])",
    re.IGNORECASE,
)
"""What may follow a score after a mere space, or after nothing."""
MEASURES = frozenset("年月日号点个天次位楼栋层元块条路台部张户周星小分秒毛角十百千万兆倍G")
"""What makes a date or a quantity of the number before it."""
_NUMBERED = re.compile(r"(?:^|[\s,。;!])[(]?[2-9二三四五六七八九十][)]?\s*[.、,:。)]\s*\D|(?:^|[\s,。;!])[2-9]\s+\D")
"""That the text goes on with the next number of a list."""


@dataclass(frozen=True, slots=True)
class SurveyReply:
    """What was understood.

    Attributes:
        survey: the scores, with what else was said; None when no more questions are wanted.

    """

    survey: Survey | None

    @property
    def kind(self) -> Literal["answer", "refusal"]:
        """Whether it answers, or asks to be left alone."""
        return "answer" if self.survey is not None else "refusal"


def parse_reply(text: str) -> SurveyReply | None:
    """Return what a reply says; None when it is something else, such as a new complaint.

    Three scores are process, result and staff; one is for all three. Two are neither, and a score that more words make
    a date, a quantity or the number of a list is none: such a text is a contact like any other.
    """
    plain = unicodedata.normalize("NFKC", text).strip(_AROUND)
    said = plain.casefold()
    if said in REFUSALS:
        return SurveyReply(None)
    # 好的 and 好了 acknowledge, they do not judge: only what is longer keeps its meaning with a particle.
    if alone := WHOLE_REPLY_SCORES.get(said) or (len(said) > SHORT and WHOLE_REPLY_SCORES.get(said.rstrip(_PARTICLES))):
        return _reply([alone] * 3, "")
    for pattern in (_SEPARATED, _TOGETHER):
        if (found := pattern.match(plain)) is not None and _ends(plain[found.end() :], _PARTING + " \t"):
            return _reply([SCORE[each] for each in _EACH.findall(found[0])], plain[found.end() :])
    if (found := _ALONE.match(plain)) is not None:
        rest = plain[found.end() :]
        if _ends(rest, _PARTING) and _NUMBERED.search(rest) is None:
            return _reply([SCORE[found[1]]] * 3, rest)
    if (found := _WORDS.match(plain)) is not None:
        rest = plain[found.end() :].lstrip(_PARTICLES)
        if _ends(rest, _PARTING + " \t"):
            return _reply([PHRASE_SCORES[found[0].casefold()]] * 3, rest)
    return None


def _ends(rest: str, parted_by: str) -> bool:
    """Whether a judgement ends here, and what follows is said beside it: not more of a word, a number or a list."""
    beside = rest.lstrip(_AROUND)
    if not beside or _COURTEOUS.match(beside):
        return True
    more = beside[0].isdigit() or beside[0] in SCORE or (rest[0].isspace() and beside[0] in MEASURES)
    return rest[0] in parted_by and not more


def _reply(scores: list[int], rest: str) -> SurveyReply:
    process, result, staff = scores
    comment = rest.strip(_AROUND)[:LONGEST_COMMENT] or None
    return SurveyReply(Survey(process=process, result=result, staff=staff, comment=comment))
