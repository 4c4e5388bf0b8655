"""Parses a customer's written reply to the satisfaction survey: scores in digits or words, or an opt-out.

Only an unambiguous reply counts, because a complaint mistaken for praise would be lost.
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
"""Phrases that stand for one score; the longest match counts, and a comment may follow."""
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
"""Words that count as a score only if they are the whole reply."""
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
MAX_COMMENT = 500
"""Characters of a comment that are kept."""
SHORT_WORD = 2
"""Characters up to which a word with a final particle is no score."""

_DIGIT = r"[1-5一二两三四五]"
_UNIT = r"(?:\s?分|\s?颗?星)?"
_SEPARATORS = ",。;!\n"
"""What separates a score from a comment, after NFKC; a full stop, a colon or 、 could number a list."""
_THREE_SEPARATED = re.compile(rf"({_DIGIT}){_UNIT}(?:[\s,、/;.。:\-]+({_DIGIT}){_UNIT}){{2}}")
_THREE_TOGETHER = re.compile(rf"{_DIGIT}{{3}}")
_SINGLE = re.compile(rf"(?:打|给)?({_DIGIT}){_UNIT}")
_SCORE = re.compile(_DIGIT)
_PHRASE = re.compile("|".join(sorted(map(re.escape, PHRASE_SCORES), key=len, reverse=True)), re.IGNORECASE)
_PARTICLES = "了的啊呀哦"
_PUNCTUATION = " \t\r\n,，、。.;；:：!！~～-…"
_COURTESY = re.compile(
    r"谢|感谢|多谢|辛苦|thank"
    r"|(?:满意|很满意|非常满意|很好|非常好|不错|好评|very good|good|great)[了的]?(?:$|[\s,。!;])",
    re.IGNORECASE,
)
"""Courtesies, which may follow a score after a space or directly."""
MEASURES = frozenset("年月日号点个天次位楼栋层元块条路台部张户周星小分秒毛角十百千万兆倍G")
"""Units and counters that make a date or a quantity of the number before them."""
_NEXT_ITEM = re.compile(r"(?:^|[\s,。;!])[(]?[2-9二三四五六七八九十][)]?\s*[.、,:。)]\s*\D|(?:^|[\s,。;!])[2-9]\s+\D")
"""The next item of a numbered list, so that the first number was no score."""


@dataclass(frozen=True, slots=True)
class SurveyReply:
    """A parsed reply.

    Attributes:
        survey: the scores and the comment; None if the customer opts out of surveys.

    """

    survey: Survey | None

    @property
    def kind(self) -> Literal["answer", "refusal"]:
        """Whether the customer answers the survey or refuses it."""
        return "answer" if self.survey is not None else "refusal"


def parse_reply(text: str) -> SurveyReply | None:
    """Parse a reply; return None if the text is something else, such as a new complaint.

    Three scores are for process, result and staff; a single one counts for all three. Two scores are no reply, nor is
    a number that the following words make a date, a quantity or an item of a list: such a text is an ordinary contact.
    """
    plain = unicodedata.normalize("NFKC", text).strip(_PUNCTUATION)
    folded = plain.casefold()
    if folded in REFUSALS:
        return SurveyReply(None)
    # 好的 and 好了 acknowledge and do not judge: only a longer word keeps its meaning with a particle.
    score = WHOLE_REPLY_SCORES.get(folded)
    if score is None and len(folded) > SHORT_WORD:
        score = WHOLE_REPLY_SCORES.get(folded.rstrip(_PARTICLES))
    if score is not None:
        return _reply([score] * 3, "")
    return _three_scores(plain) or _one_score(plain) or _one_phrase(plain)


def _three_scores(plain: str) -> SurveyReply | None:
    for pattern in (_THREE_SEPARATED, _THREE_TOGETHER):
        if (found := pattern.match(plain)) is not None and _ends(plain[found.end() :], _SEPARATORS + " \t"):
            return _reply([SCORE[score] for score in _SCORE.findall(found[0])], plain[found.end() :])
    return None


def _one_score(plain: str) -> SurveyReply | None:
    if (found := _SINGLE.match(plain)) is not None:
        rest = plain[found.end() :]
        if _ends(rest, _SEPARATORS) and _NEXT_ITEM.search(rest) is None:
            return _reply([SCORE[found[1]]] * 3, rest)
    return None


def _one_phrase(plain: str) -> SurveyReply | None:
    if (found := _PHRASE.match(plain)) is not None:
        rest = plain[found.end() :].lstrip(_PARTICLES)
        if _ends(rest, _SEPARATORS + " \t"):
            return _reply([PHRASE_SCORES[found[0].casefold()]] * 3, rest)
    return None


def _ends(rest: str, separators: str) -> bool:
    """Return whether a score ends here and a comment follows, rather than more of a word, a number or a list."""
    comment = rest.lstrip(_PUNCTUATION)
    if not comment or _COURTESY.match(comment):
        return True
    continued = comment[0].isdigit() or comment[0] in SCORE or (rest[0].isspace() and comment[0] in MEASURES)
    return rest[0] in separators and not continued


def _reply(scores: list[int], rest: str) -> SurveyReply:
    process, result, staff = scores
    comment = rest.strip(_PUNCTUATION)[:MAX_COMMENT] or None
    return SurveyReply(Survey(process=process, result=result, staff=staff, comment=comment))
