"""Customers' replies are understood by the system's own parser."""

from itertools import product

from demo.customers import choose_reply
from services.domain.survey_reply import parse_reply


def test_replies_by_sms_are_understood() -> None:
    for number in range(200):
        for letter in ("尊敬的客户", "Dear customer"):
            for channel, judgement in product(("digits", "words"), ("good", "bad")):
                reply = parse_reply(choose_reply(channel, judgement, letter, f"{number}").text)
                assert reply is not None
                assert reply.survey is not None
                assert (reply.survey.result <= 2) == (judgement == "bad")
            assert parse_reply(choose_reply("opt_out", "good", letter, f"{number}").text) == parse_reply("TD")
            assert choose_reply("page", "bad", letter, f"{number}").text == ""
