"""Customers read what they get and answer the survey: in figures, in words, on the page, in the app, or not at all."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from demo.doors import ChannelDoors
from demo.people import dealt
from demo.timetable import Timetable

QUESTIONS = ("process", "result", "staff")
GOOD_WORDS = {"zh": ("满意", "非常满意", "很满意，谢谢"), "en": ("Satisfied", "Very satisfied, thank you")}
BAD_WORDS = {"zh": ("不满意，拖了太久", "非常不满意"), "en": ("Dissatisfied, it took too long",)}
WAYS = ("none",) * 2 + ("page",) * 3 + ("figures",) * 3 + ("words",) * 2 + ("opt_out",) * 2 + ("app",)
"""How customers answer, and how often each of so many."""
JUDGEMENTS = ("good",) * 6 + ("bad",)
_ASKED = re.compile(r"(?P<number>TS[0-9]{14}).*1(?:-| to )5", re.DOTALL)
_LINK = re.compile(r"https?://[!-~]+/s/[\w-]+")


@dataclass(frozen=True)
class CustomerReply:
    """What a customer will say.

    Attributes:
        way: one of `WAYS`.
        scores: for each question.
        text: as an SMS; empty: by another way.

    """

    way: str
    scores: dict[str, int]
    comment: str
    text: str
    after: timedelta


def judged(judgement: str, rng: Random) -> dict[str, int]:
    """Return the scores of a customer who is content or not; pure."""
    return {each: rng.randint(1, 2) if judgement == "bad" else rng.choice((4, 5, 5, 5)) for each in QUESTIONS}


def answer(way: str, judgement: str, letter: str, seed: str) -> CustomerReply:
    """Return what a customer says to a letter that asks; pure."""
    rng = Random(seed)
    bad, scores = judgement == "bad", judged(judgement, rng)
    comment = "拖了太久，问题还在" if bad else ""
    words = (BAD_WORDS if bad else GOOD_WORDS)["en" if letter.startswith("Dear") else "zh"]
    texts = {
        "figures": f"{' '.join(map(str, scores.values()))} {comment}".strip(),
        "words": rng.choice(words),
        "opt_out": "TD",
    }
    return CustomerReply(way, scores, comment, texts.get(way, ""), timedelta(hours=rng.uniform(0.2, 2.0)))


class CustomerActors:
    """Those who read the SMS and mails that the gateway and the mail server got."""

    def __init__(self, doors: ChannelDoors, timetable: Timetable, seed: int) -> None:
        self._doors = doors
        self._timetable = timetable
        self._seed = seed
        self._ways = dealt(WAYS, f"{seed}/surveys")
        self._judgements = dealt(JUDGEMENTS, f"{seed}/judgements")

    def read_sms(self, message: dict[str, Any]) -> None:
        """Read one SMS."""
        asked = _ASKED.search(message["text"])
        if asked is None:
            return
        told = answer(next(self._ways), next(self._judgements), message["text"], f"{self._seed}/{message['id']}")
        link = _LINK.search(message["text"])
        if told.way == "page" and link is not None:
            self._later(told, partial(self._on_page, link[0], told))
        elif told.text:
            body = {
                "channel": "sms",
                "message_id": f"reply-{message['id']}",
                "customer": {"phone": message["to"]},
                "text": told.text,
            }
            self._later(told, partial(self._doors.contact, body))
        elif told.way == "app":
            survey: dict[str, Any] = told.scores | ({"comment": told.comment} if told.comment else {})
            action = {"type": "answer_survey", "survey": survey}
            actor = {"kind": "customer", "name": "customer"}
            key = f"survey/{message['id']}"
            self._later(told, partial(self._doors.command, asked["number"], actor, action, key))

    def read_mail(self, message: dict[str, Any]) -> None:
        """Read one mail; who gets the survey by mail answers it on the page."""
        asked, link = _ASKED.search(message["text"]), _LINK.search(message["text"])
        if asked is None or link is None:
            return
        told = answer("page", next(self._judgements), message["text"], f"{self._seed}/{message['message_id']}")
        self._later(told, partial(self._on_page, link[0], told))

    def _later(self, told: CustomerReply, what: Callable[[], None]) -> None:
        self._timetable.at(self._timetable.clock.now() + told.after, what)

    def _on_page(self, link: str, told: CustomerReply) -> None:
        form = {each: str(score) for each, score in told.scores.items()} | {"comment": told.comment}
        self._doors.page(link, form)
