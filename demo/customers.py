"""Customers read their SMS and mail and answer the survey: in digits, in words, on the page, in the app, or not."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from demo.doors import ChannelDoors
from demo.people import shuffled_cycle
from demo.scheduler import TaskScheduler
from services.domain.ticket_number import PATTERN

QUESTIONS = ("process", "result", "staff")
GOOD_WORDS = {"zh": ("满意", "非常满意", "很满意，谢谢"), "en": ("Satisfied", "Very satisfied, thank you")}
BAD_WORDS = {"zh": ("不满意，拖了太久", "非常不满意"), "en": ("Dissatisfied, it took too long",)}
REPLY_CHANNELS = ("none",) * 2 + ("page",) * 3 + ("digits",) * 3 + ("words",) * 2 + ("opt_out",) * 2 + ("app",)
"""How customers answer, in proportion to how often they do."""
JUDGEMENTS = ("good",) * 6 + ("bad",)
_SURVEY = re.compile(rf"(?P<number>{PATTERN}).*1(?:-| to )5", re.DOTALL)
_LINK = re.compile(r"https?://[!-~]+/s/[\w-]+")


@dataclass(frozen=True)
class CustomerReply:
    """A customer's reply to a survey.

    Attributes:
        channel: one of `REPLY_CHANNELS`.
        scores: score by question.
        comment: free text; empty: none.
        text: text of the SMS; empty if the reply is not an SMS.
        after: policy time from the survey to the reply.

    """

    channel: str
    scores: dict[str, int]
    comment: str
    text: str
    after: timedelta


def survey_scores(judgement: str, rng: Random) -> dict[str, int]:
    """Return the scores of a satisfied (good) or dissatisfied (bad) customer; pure."""
    return {question: rng.randint(1, 2) if judgement == "bad" else rng.choice((4, 5, 5, 5)) for question in QUESTIONS}


def choose_reply(channel: str, judgement: str, letter: str, seed: str) -> CustomerReply:
    """Return a customer's reply to a letter with a survey; pure."""
    rng = Random(seed)
    bad, scores = judgement == "bad", survey_scores(judgement, rng)
    comment = "拖了太久，问题还在" if bad else ""
    words = (BAD_WORDS if bad else GOOD_WORDS)["en" if letter.startswith("Dear") else "zh"]
    texts = {
        "digits": f"{' '.join(map(str, scores.values()))} {comment}".strip(),
        "words": rng.choice(words),
        "opt_out": "TD",
    }
    return CustomerReply(channel, scores, comment, texts.get(channel, ""), timedelta(hours=rng.uniform(0.2, 2.0)))


class CustomerActors:
    """Customers who react to the messages that the SMS gateway and the mail server received for them."""

    def __init__(self, doors: ChannelDoors, scheduler: TaskScheduler, seed: int) -> None:
        self._doors = doors
        self._scheduler = scheduler
        self._seed = seed
        self._channels = shuffled_cycle(REPLY_CHANNELS, f"{seed}/surveys")
        self._judgements = shuffled_cycle(JUDGEMENTS, f"{seed}/judgements")

    def read_sms(self, message: dict[str, Any]) -> None:
        """Schedule the reply to an SMS, if it is a survey."""
        survey = _SURVEY.search(message["text"])
        if survey is None:
            return
        seed = f"{self._seed}/{message['id']}"
        reply = choose_reply(next(self._channels), next(self._judgements), message["text"], seed)
        link = _LINK.search(message["text"])
        if reply.channel == "page" and link is not None:
            self._schedule(reply, partial(self._submit_page, link[0], reply))
        elif reply.text:
            body = {
                "channel": "sms",
                "message_id": f"reply-{message['id']}",
                "customer": {"phone": message["to"]},
                "text": reply.text,
            }
            self._schedule(reply, partial(self._doors.submit_contact, body))
        elif reply.channel == "app":
            scores: dict[str, Any] = reply.scores | ({"comment": reply.comment} if reply.comment else {})
            action = {"type": "answer_survey", "survey": scores}
            key = f"survey/{message['id']}"
            send = partial(self._doors.send_command, survey["number"], action, key, unit=None, phone=message["to"])
            self._schedule(reply, send)

    def read_mail(self, message: dict[str, Any]) -> None:
        """Schedule the reply to a mail, if it is a survey; mail is always answered on the page."""
        survey, link = _SURVEY.search(message["text"]), _LINK.search(message["text"])
        if survey is None or link is None:
            return
        reply = choose_reply("page", next(self._judgements), message["text"], f"{self._seed}/{message['message_id']}")
        self._schedule(reply, partial(self._submit_page, link[0], reply))

    def _schedule(self, reply: CustomerReply, task: Callable[[], None]) -> None:
        self._scheduler.schedule(self._scheduler.clock.now() + reply.after, task)

    def _submit_page(self, link: str, reply: CustomerReply) -> None:
        form = {question: str(score) for question, score in reply.scores.items()} | {"comment": reply.comment}
        self._doors.submit_survey_page(link, form)
