"""What the keywords of a policy mean where they stand in a text: denied, praised, a name, only mentioned (R3.1). Pure.

All patterns are compared with folded text (`keyword_matcher.fold`): half width, lower case, simplified characters.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Mapping
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

Owner = TypeVar("Owner", bound=Hashable)


class Family(StrEnum):
    """What the keywords of an owner decide; a longer keyword replaces a shorter one of its family within it."""

    BUSINESS = "business"
    PROBLEM = "problem"
    SIGNAL = "signal"
    RULE = "rule"
    """Kind, validity, opening."""
    PROGRESS = "progress"
    """Asking for progress, disputing an outcome: such words deny by themselves, so nothing denies them."""
    NOTHING = "nothing"
    """Words that mean nothing, and take every shorter keyword within them away."""


CLAUSE = re.compile(
    r"(?=[,.;!?。\n但就而只可不bjo])"
    r"(?:[,.;!?。\n]|但是|但|就是|而是|只是|可是|不过|\bbut\b|\bjust\b|\bonly\b)"
)
"""What ends a clause. After a contrasting word comes what the writer is about.

The characters with which one begins are looked for first, which halves the cost of most texts.
"""
CONTRASTING = frozenset({"但是", "但", "就是", "而是", "只是", "可是", "不过", "but"})
REACH = 10
"""Characters before and after a keyword that can change what it means."""

_FIRM = r"(?:(?<!是)不是(?!说)|并非|并不是|不属于|不算|\bnot|\bisn't|\bwasn't|\bnever)"
_LOOSE = r"(?:没有|没|未|无|别|不想|不要|不会|不|\bno|\bwithout|\bdidn't|\bdon't|\bhaven't|\bnever)"
_FIRST = "(?=[不并没未无别差险怕万容以免当小niwdh])"
"""What a denial begins with: a look for it is cheaper than one for every denial."""
DENIED: Mapping[Family, re.Pattern[str]] = {
    Family.BUSINESS: re.compile(rf"{_FIRST}{_FIRM}.{{0,4}}$"),
    Family.PROBLEM: re.compile(rf"{_FIRST}(?:{_FIRM}.{{0,5}}|(?:没有|没|未|并没有|\bno |\bnot ).{{0,1}})$"),
    # What somebody announces for the case that nothing is done is not denied: 再不退款就起诉.
    Family.SIGNAL: re.compile(
        rf"{_FIRST}(?<!再)(?:{_FIRM}|{_LOOSE}|差点|差一点|险些|怕|万一|容易|以免|免得|当心|小心)[^就便则]{{0,5}}$"
    ),
    Family.RULE: re.compile(rf"{_FIRST}(?:{_FIRM}.{{0,4}}|{_LOOSE}.{{0,1}})$"),
}
"""Denials before a keyword. A missing service is a complaint, so `没` denies a problem only directly before it."""
ANY_DENIAL = re.compile(
    "(?=[不没未无别非怕差险万容以免当小nw])"
    "(?:[不没未无别非怕]|差点|差一点|险些|万一|容易|以免|免得|[当小]心|n't|\\b(?:not|no|never|without)\\b)"
)
ANY_PRAISE = re.compile(
    "没问题|没有问题|没毛病|正常|[挺很蛮]好|不错|没事|还行|好好的|不差|没[的得]说|满格|客气|热情|礼貌|耐心|fine|works|good"
)
COMPARING = re.compile("[像跟和与比如问]")
PRAISING = re.compile("[题病常好错事行说格气情貌耐fkg]")
"""Characters of which every praise has one: a look for them is much cheaper than one for all praises."""
RHETORICAL = re.compile(r"[吗么嘛]|[^,.;!。\n]*\?")
PRAISED = re.compile(
    r"^[^不没未]{0,4}(?:没问题|没有问题|没毛病|正常|挺好|很好|蛮好|不错|没事|还行|好好的|倒不差|没的说|没得说|满格"
    r"|挺客气|很客气|热情|有礼貌|很有耐心|\bis fine|\bworks|\bis good)"
)
"""What says, after a type's keyword, that there is nothing wrong with it."""
NAMED = re.compile(r"^(?:门口|对面|附近|旁|站|住院部|门诊|路|街|巷|大街|大道|镇|村|广场|合作|播放|资源)")
"""What makes a signal's keyword a part of a name."""
NUMBERED = re.compile(r"(?:单号|编号|工号|号码|尾号|订单|卡号|\bno\.?|号)[:#\s]*$")
COUNTED = re.compile(r"^(?:[.,]?\d|[元块兆个条人次天米]|号院|号楼|公里)")
"""What makes a number an amount or a part of another one."""
COMPARED = re.compile(r"(?:像|跟|和|与|不如|比|(?<![请想下])问[个了起到过]?)[^,]{0,2}$")
"""What makes a type something that the subject is compared with, or that somebody only asked about."""
BESIDE = re.compile(r"(?:在|去|到|从|找|问|跟|给|让|打|跑了?|经|由|帮|等|at the |by the |to the )[^,]{0,6}$")
REPORTED = re.compile(
    r"^.{0,3}(?:说|答应|承诺|让我|叫我|推荐|告诉|帮|办的|办了|买的|保证|表示|通知|回复|代办|介绍|told|said|promised)"
)
"""What makes a place, channel or person something that is only mentioned beside the subject."""


class Use(NamedTuple, Generic[Owner]):
    """What a text that was found is a keyword of.

    Attributes:
        number: tells it apart from all others.
        position: of its owner in the policy.
        owner: the rule or type that has it.
        slot: its family and tree; a longer keyword of the same slot takes it away.
        word: the keyword as the policy writes it.
        weight: how much it speaks for its owner, a type; 0 for rules.
        incidental: whether its owner is a place, a channel or a person.
        first: the pattern that must stand before it, if it is the second part of a keyword with a gap.
        denied: what denies it, if anything can.

    """

    number: int
    position: int
    owner: Owner
    family: Family
    slot: int
    word: str
    weight: float = 0.0
    incidental: bool = False
    first: int = -1
    denied: re.Pattern[str] | None = None


Span = tuple[int, int, tuple[Use[Owner], ...]]
"""Where a text was found: its start, its end as a negative number, and what it is a keyword of.

In their own order longer ones come before those that they contain.
"""
Hit = tuple[int, int, Use[Owner]]
"""The same of one keyword."""


class LostHit(NamedTuple, Generic[Owner]):
    """A keyword that does not count where it stands, and why."""

    owner: Owner
    word: str
    why: str


class TypeEvidence(NamedTuple):
    """How much the keywords of a text speak for a type, and the strongest of them."""

    score: float
    word: str


class Hits(NamedTuple, Generic[Owner]):
    """What the keywords of a policy mean in one text.

    Attributes:
        words: the owners whose keywords count, each with its longest one, in the order of the policy.
        evidence: of types, how much speaks for each.
        lost: keywords that do not count, at most `MOST_LOST`.

    """

    words: Mapping[Owner, str]
    evidence: Mapping[Owner, TypeEvidence]
    lost: tuple[LostHit[Owner], ...]


NO_HITS: Hits[Any] = Hits({}, {}, ())
MOST_LOST = 6
FURTHER = 0.15
"""How much each further keyword of a type adds."""
STRESSED = 1.25
"""Factor for what stands after a contrasting word."""
LATER, LATEST = 0.06, 0.3
"""What a keyword loses with each clause before it, at most."""
BESIDE_FACTOR = 0.3
"""Factor for what is only mentioned."""
_BUSINESS, _PROBLEM, _SIGNAL = Family.BUSINESS, Family.PROBLEM, Family.SIGNAL
NOTHING_SLOT = -1


def is_part(text: str, start: int, end: int) -> bool:
    """Return whether Latin letters or a number go on beyond a keyword, or it is an amount or a number of something."""
    first, last = text[start], text[end - 1]
    before, after = text[start - 1 : start], text[end : end + 1]
    if first.isascii() and first.isalpha() and before.isascii() and before.isalpha():
        return True
    if last.isascii() and last.isalnum() and after.isascii() and after.isalnum():
        return True
    if not first.isdigit():
        return False
    if before.isascii() and (before.isalnum() or before in {".", "-"}):
        return True
    return last.isdigit() and (
        NUMBERED.search(text, max(0, start - REACH), start) is not None
        or COUNTED.match(text[end : end + 4]) is not None
    )


class Reading(Generic[Owner]):
    """Judges the keywords of one text by their surroundings.

    Args:
        text: the folded text.

    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: list[int] = []
        self._stressed = [False]
        for match in CLAUSE.finditer(text):
            self._ends.append(match.end())
            self._stressed.append(match.group() in CONTRASTING)
        # Most texts deny, praise and compare little: one look at each saves looking around every keyword.
        self._denials = [match.start() for match in ANY_DENIAL.finditer(text)]
        self._praises = PRAISING.search(text) is not None and ANY_PRAISE.search(text) is not None
        self._compares = COMPARING.search(text) is not None

    def clause(self, position: int) -> int:
        """Return the number of the clause in which a position is."""
        return bisect_right(self._ends, position)

    def judged(self, spans: list[Span[Owner]]) -> Hits[Owner]:
        """Return what the keywords mean together."""
        kept, shorter = _longest(spans)
        lost: list[LostHit[Owner]] = []
        words: dict[int, Use[Owner]] = {}
        weights: dict[int, dict[str, float]] = {}
        clause, why = 0, None
        start = end = -1
        family: Family | None = None
        for hit in kept:
            use = hit[2]
            # What several owners have as a keyword is judged once for each family.
            if hit[0] != start or hit[1] != end or use.family is not family:
                start, end, family = hit[0], hit[1], use.family
                clause = bisect_right(self._ends, start)
                why = self._why_not(hit, clause, kept) if self._can_be_denied(use, start) else None
            position, word = use.position, use.word
            if why is not None:
                lost.append(LostHit(use.owner, word, why))
                continue
            known = words.get(position)
            if known is None or len(word) > len(known.word):
                words[position] = use
            if use.weight:
                of_owner = weights.setdefault(position, {})
                of_owner[word] = max(self._weight(hit, clause), of_owner.get(word, 0.0))
        order = sorted(words)
        counted = {words[each].owner: words[each].word for each in order}
        # What counts by another keyword has not lost.
        lost += [each for each in shorter if each.owner not in counted]
        return Hits(
            counted,
            {words[each].owner: _evidence(weights[each]) for each in order if each in weights},
            tuple(lost[:MOST_LOST]),
        )

    def _can_be_denied(self, use: Use[Owner], start: int) -> bool:
        """Return whether it is worth while to look around a keyword for why it does not count."""
        if use.denied is None:
            return False
        if self._praises or use.family is _SIGNAL:
            return True
        last = bisect_left(self._denials, start)
        return last > 0 and self._denials[last - 1] >= start - REACH

    def _weight(self, hit: Hit[Owner], clause: int) -> float:
        """Return how much a keyword of a type speaks for it where it stands."""
        use = hit[2]
        weight = use.weight * (1 - min(LATER * clause, LATEST)) if clause else use.weight
        if self._stressed[clause]:
            weight *= STRESSED
        if use.family is _BUSINESS and (use.incidental or self._praises or self._compares):
            before, after = self._before(hit, clause), self._after(hit)
            if (
                (self._compares and COMPARED.search(before))
                or (self._praises and PRAISED.match(after))
                or (use.incidental and (BESIDE.search(before) or REPORTED.match(after)))
            ):
                weight *= BESIDE_FACTOR
        return weight

    def _before(self, hit: Hit[Owner], clause: int) -> str:
        start = self._ends[clause - 1] if clause else 0
        return self._text[max(start, hit[0] - REACH) : hit[0]]

    def _after(self, hit: Hit[Owner]) -> str:
        clause = bisect_right(self._ends, -hit[1] - 1)
        end = self._ends[clause] if clause < len(self._ends) else len(self._text)
        return self._text[-hit[1] : min(end, REACH - hit[1])]

    def _why_not(self, hit: Hit[Owner], clause: int, kept: list[Hit[Owner]]) -> str | None:
        """Return why a keyword does not count where it stands."""
        family, denied = hit[2].family, hit[2].denied
        if family is _SIGNAL and NAMED.match(self._after(hit)):
            return "part of a name"
        if self._praises and (family is _PROBLEM or family is _SIGNAL) and (praise := PRAISED.match(self._after(hit))):
            return f"nothing is wrong with it: {praise.group()}"
        before = self._before(hit, clause)
        denial = denied.search(before) if denied is not None else None
        if denial is None or RHETORICAL.search(self._after(hit)):
            return None
        # A denial inside a longer keyword belongs to that one: 没信号 is what somebody complains about.
        at = hit[0] - len(before) + denial.start()
        if any(start <= at < -end and use.family is family for start, end, use in kept):
            return None
        return f"denied in its clause: {denial.group()}"


def _evidence(weights: Mapping[str, float]) -> TypeEvidence:
    word = next(iter(weights)) if len(weights) == 1 else max(weights, key=weights.__getitem__)
    return TypeEvidence(weights[word] + FURTHER * (len(weights) - 1), word)


def _longest(spans: list[Span[Owner]]) -> tuple[list[Hit[Owner]], list[LostHit[Owner]]]:
    """Return the keywords that no longer one of their slot contains, in the order of the text, and those that do."""
    spans.sort()
    kept: list[Hit[Owner]] = []
    lost: list[LostHit[Owner]] = []
    nothing: list[tuple[int, int]] = []
    furthest: dict[int, Hit[Owner]] = {}
    for start, end, uses in spans:
        for use in uses:
            hit = (start, end, use)
            longer = furthest.get(use.slot)
            if longer is None or end < longer[1]:
                furthest[use.slot] = hit
            elif longer[0] != start or longer[1] != end:
                # Ends are negative: the longer one begins no later and ends no earlier.
                if longer[2].position != use.position and len(use.word) > 1:
                    lost.append(LostHit(use.owner, use.word, f"part of a longer keyword: {longer[2].word}"))
                continue
            if use.slot == NOTHING_SLOT:
                nothing.append((start, end))
            else:
                kept.append(hit)
    return (_without_nothing(kept, nothing) if nothing else kept), lost


def _without_nothing(kept: list[Hit[Owner]], nothing: list[tuple[int, int]]) -> list[Hit[Owner]]:
    """Return the keywords that do not stand within words that mean nothing."""
    return [
        hit
        for hit in kept
        if not any(start <= hit[0] and end <= hit[1] and (start, end) != hit[:2] for start, end in nothing)
    ]
