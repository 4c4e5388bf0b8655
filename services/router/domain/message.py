"""What a contact says: its classification, and what its phrases do with an earlier matter (R2.4). Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from schemas.contact import Contact
from schemas.ticket import Classification
from services.domain.classify import classify
from services.domain.policy.base import Cited
from services.domain.policy.keyword_hits import Hits
from services.domain.policy.keyword_matcher import fold
from services.domain.policy.pack import Pack
from services.domain.policy.phrases import PhraseList
from services.domain.policy.types import BusinessType, ProblemType
from services.domain.survey_reply import parse_reply

SUBJECT = "subject"
"""Detail that holds the subject line of a mail."""
CONVERSATION = "conversation"
"""Detail that holds the channel's id of a conversation."""
CHATS = frozenset({"sms", "wechat", "app_im"})
"""Channels on which customers write line by line."""
WRITTEN_CHANNELS = CHATS | {"email"}
"""Channels on which customers reply to a survey in writing."""
MACHINES = frozenset({"device_monitor"})
"""Channels on which programs write: what they say again urges nobody."""
SHORT_REPLY = 12
"""Characters up to which a text message that names no matter belongs to the customer's open ticket."""
LONGEST_OPT_OUT = 20
SHORT = 15
"""Characters up to which a text that says that nobody came is about the customer's earlier matter."""
FOLLOW_UP_LENGTH = 60
"""Characters up to which a text that names no subject but asks for progress is about the customer's last ticket."""
LONGEST_NEWS = 60
"""Characters up to which a text that says that it is over, or taken back, says nothing else."""
_REPLY = re.compile(r"^\s*(?:(?:re|fw|fwd|aw|回复|答复|转发|回覆)\s*[:：]\s*)+", re.IGNORECASE)
"""What mail programs put before the subject line of a reply."""
_LONG_NUMBER = re.compile(r"(?<![\d.])\+?\d(?:[\d \-]{5,}\d)(?![\d.])")
_PLACE = re.compile(
    r"([0-9a-z一二三四五六七八九十]+)\s*(号楼|号桌|号车道|楼|层|栋|幢|座|单元|室|工位|车道|扇区|房间)", re.IGNORECASE
)
"""Floors, desks and lanes: colleagues write the same words about different ones."""
_CLAUSE = re.compile(r"[,，。.!！~～;；\s]+")
_ASKING = re.compile(r"怎么|为什么|为何|什么时候|几时|何时|吗|[?？]")
_QUESTION = re.compile(r"[?？]")
MIN_NUMBER = 7
"""Digits of a number that tells one account or line from another."""


@dataclass(frozen=True)
class ContactMessage:
    """A contact with what the policy's words find in its text, looked up once.

    Attributes:
        contact: the contact.
        classification: of the contact by itself.
        pack: the policy pack.
        hits: the rules, types and phrases that have a word in its text.

    """

    contact: Contact
    classification: Classification
    pack: Pack
    hits: Hits[Cited]

    @classmethod
    def of(cls, contact: Contact, pack: Pack) -> "ContactMessage":
        """Return a contact with what the pack's words find in it."""
        hits = pack.keywords.find(contact.text)
        return cls(contact, classify(contact, pack, hits), pack, hits)

    def says(self, phrases: PhraseList | None) -> bool:
        """Return whether its text has one of some phrases."""
        return phrases is not None and phrases in self.hits.words

    @cached_property
    def text(self) -> str:
        """Its text without blanks around it."""
        return self.contact.text.strip()

    @cached_property
    def _folded(self) -> str:
        return fold(self.text)

    @cached_property
    def thread(self) -> str | None:
        """The subject line that a mail replies to; None if it is no reply."""
        line = self.contact.details.get(SUBJECT, "")
        bare = _REPLY.sub("", line).strip()
        return bare if bare and bare != line.strip() else None

    @property
    def conversation(self) -> str | None:
        """The channel's id of the conversation."""
        return self.contact.details.get(CONVERSATION)

    @property
    def untyped(self) -> bool:
        """Whether no rule could classify it by business type or problem type."""
        return self.classification.business_type is None and self.classification.problem_type is None

    @property
    def stands_alone(self) -> bool:
        """Whether it always opens a ticket: a re-handling after a callback, or a ticket of another system."""
        return self.contact.channel == "callback" or self.contact.taken_over is not None

    @property
    def has_own_ticket(self) -> bool:
        """Whether it is of a kind that never joins a ticket (DECISIONS 42)."""
        return self.classification.kind in self.pack.routing.own_ticket

    @property
    def is_plain(self) -> bool:
        """Whether it is its text alone that says what it is: no form, no paper, no label comes with it."""
        contact = self.contact
        return not (contact.evidence or contact.settlement or contact.labels or contact.business_type or contact.call)

    @cached_property
    def is_greeting(self) -> bool:
        """Whether it greets and says nothing else."""
        return self.is_plain and self.pack.phrases.is_greeting(self._folded)

    @cached_property
    def is_courtesy(self) -> bool:
        """Whether it acknowledges or thanks and says nothing else."""
        if not self.is_plain or not self.text:
            return False
        return self.pack.phrases.is_courtesy(self._folded) or _is_gesture(self.text) or self._begins_with_thanks

    @property
    def _begins_with_thanks(self) -> bool:
        """Whether a short text begins with thanks or an acknowledgement, and has no word that means anything."""
        if len(self.text) > SHORT or self.hits.words:
            return False
        return self.pack.phrases.is_courtesy(_CLAUSE.split(self._folded, maxsplit=1)[0])

    @property
    def is_short_reply(self) -> bool:
        """Whether it is a few words on a channel of short messages that name no matter of their own."""
        short = self.contact.channel in CHATS and 0 < len(self.text) <= SHORT_REPLY
        return short and self.is_plain and self.untyped and not (self.named or self.problems or self._complains)

    @property
    def _complains(self) -> bool:
        """Whether it names a grievance, more than that nobody came, a signal, or another matter."""
        phrases = self.pack.phrases
        word = self.hits.words.get(phrases.grievance) if phrases.grievance is not None else None
        grievance = word is not None and (phrases.neglect is None or word not in phrases.neglect.words)
        return grievance or bool(self.classification.signals) or self.says(phrases.another_matter)

    @property
    def names_no_matter(self) -> bool:
        """Whether nothing in it tells a matter of its own; what refers back has none, however it complains."""
        return self.goes_back or not self._complains

    @cached_property
    def opts_out(self) -> bool:
        """Whether it asks for no more messages."""
        if self.says(self.pack.phrases.opt_out) and len(self.text) <= LONGEST_OPT_OUT and not self._complains:
            return self.classification.problem_type is None
        reply = parse_reply(self.text) if self.contact.channel in WRITTEN_CHANNELS else None
        return reply is not None and reply.survey is None

    @cached_property
    def disputes(self) -> bool:
        """Whether it disputes the outcome of an earlier ticket."""
        phrases = self.pack.phrases
        found = [self.hits.words.get(rule) for rule in (self.pack.outcome.repeat, phrases.dispute) if rule is not None]
        if any(word is not None and not self._asks_whether_yet(word) for word in found):
            return True
        return self.recurs and not self.says(phrases.praise)

    def _asks_whether_yet(self, word: str) -> bool:
        """Return whether a word stands only in a question for what has not happened yet, which disputes nothing."""
        left = self.text.replace(f"还{word}", "")
        return word not in left and left != self.text and _ASKING.search(self.text) is not None

    @property
    def recurs(self) -> bool:
        """Whether it says that something happens again."""
        return self.says(self.pack.phrases.recurrence)

    @cached_property
    def asks(self) -> bool:
        """Whether it asks how an earlier matter stands."""
        if any(rule in self.hits.words for rule in self.pack.routing.follow_up) or self.says(self.pack.phrases.urging):
            return True
        return bool(self.text) and not any(map(str.isalnum, self.text)) and _QUESTION.search(self.text) is not None

    @property
    def goes_back(self) -> bool:
        """Whether it refers to an earlier matter."""
        return self.says(self.pack.phrases.earlier)

    @cached_property
    def urges(self) -> bool:
        """Whether it asks about an earlier matter, or disputes its outcome, in words that can mean nothing else."""
        text, phrases = self.text, self.pack.phrases
        if self.says(phrases.neglect) and (self.goes_back or len(text) <= SHORT):
            return True
        return (self.asks or self.disputes) and (self.goes_back or len(text) <= FOLLOW_UP_LENGTH)

    @cached_property
    def continues(self) -> bool:
        """Whether its words go on with a matter that is known: asks, disputes, happens again, refers back."""
        return self.asks or self.disputes or self.recurs or self.goes_back or self.says(self.pack.phrases.neglect)

    @cached_property
    def news(self) -> str | None:
        """What it tells that urges nobody: that it is over, is taken back, or a further fact; None if nothing."""
        phrases = self.pack.phrases
        if self.asks or self.disputes or self.recurs or not self.is_plain:
            return None
        if len(self.text) <= LONGEST_NEWS and not (self.says(phrases.neglect) or self.says(phrases.reservation)):
            for each in (phrases.withdrawal, phrases.resolved):
                if each is not None and each in self.hits.words:
                    return each.meaning
        supplement = phrases.supplement
        return supplement.meaning if supplement is not None and supplement in self.hits.words else None

    @cached_property
    def named(self) -> frozenset[str]:
        """The business types that its text names, of every tree of types."""
        return named_business(self.hits.words) | _if_known(self.classification.business_type)

    @cached_property
    def problems(self) -> frozenset[str]:
        """The problem types that its text names; a word that no rule could place names none."""
        if self.untyped and not self.named:
            return frozenset()
        return named_problems(self.hits.words) | _if_known(self.classification.problem_type)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers of accounts and lines in its text."""
        return long_numbers(self.text)

    @cached_property
    def places(self) -> Mapping[str, frozenset[str]]:
        """The floors, flats and lanes in its text, by their word."""
        return places(self.text)


def _if_known(code: str | None) -> frozenset[str]:
    return frozenset(() if code is None else (code,))


def named_business(hits: Mapping[Cited, str]) -> frozenset[str]:
    """Return the codes of the business types that have a word in a text."""
    return frozenset(rule.code for rule in hits if isinstance(rule, BusinessType))


def named_problems(hits: Mapping[Cited, str]) -> frozenset[str]:
    """Return the codes of the problem types that have a word in a text."""
    return frozenset(rule.code for rule in hits if isinstance(rule, ProblemType))


def long_numbers(text: str) -> frozenset[str]:
    """Return the numbers in a text that tell one account or line from another, without blanks and hyphens."""
    found = (re.sub(r"\D", "", each) for each in _LONG_NUMBER.findall(text))
    return frozenset(number for number in found if len(number) >= MIN_NUMBER)


def places(text: str) -> Mapping[str, frozenset[str]]:
    """Return the numbers of floors, flats, desks and lanes in a text, by the word for them."""
    found: dict[str, set[str]] = {}
    for number, word in _PLACE.findall(unicodedata.normalize("NFKC", text)):
        found.setdefault(word, set()).add(number.casefold())
    return {word: frozenset(numbers) for word, numbers in found.items()}


def _is_gesture(text: str) -> bool:
    """Return whether a text is a sign without words, such as a thumb or a single key, and no question."""
    words = list(islice(filter(str.isalnum, text), 2))
    return _QUESTION.search(text) is None and (not words or (len(words) == 1 and words[0].isdigit()))
