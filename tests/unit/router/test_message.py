"""What a contact says about an earlier matter: thanks, urges, disputes, adds, turns to another (R2.4)."""

from typing import Any

import pytest

from services.router.domain.message import ContactMessage, long_numbers, places
from tests.builders import PACK, contact


def message(text: str, **fields: Any) -> ContactMessage:
    return ContactMessage.of(contact("m2", text=text, **fields), PACK)


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text",
    [
        "好的",
        "收到,谢谢",
        "嗯嗯,知道了。谢谢您!",
        "OK",
        "Thank you very much!",
        "好的谢谢,辛苦了",
        "👍",
        "收到！",
        "好滴😊",
        "謝謝",
    ],
)
def test_thanks_and_acknowledgements_say_nothing_else(text: str) -> None:
    assert message(text).is_courtesy


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text",
    [
        "好的,但是还是没信号啊",
        "谢谢,宽带断了",
        "好不好",
        "???",
        "行不行",
        "okapi",
        "谢谢你们把我的网弄断",
        "",
        "可以不可以退钱",
    ],
)
def test_what_says_more_is_no_acknowledgement(text: str) -> None:
    assert not message(text).is_courtesy


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize("text", ["你好", "您好,在吗", "有人吗?", "Hello", "转人工"])
def test_a_greeting_says_nothing_yet(text: str) -> None:
    assert message(text).is_greeting
    assert not message(f"{text},我要投诉").is_greeting


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text", ["没修好", "还是没信号", "又断了", "说退我50块,到现在也没退", "这个答复我不认可", "still not working"]
)
def test_a_dispute_is_known_by_the_words_that_people_use(text: str) -> None:
    assert message(text).disputes


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text",
    [
        "怎么还没修好",
        "什么时候修好",
        "上次修得挺好,今天又断了",
        "还没修好?怎么回事",
    ],
)
def test_asking_and_a_new_fault_after_good_work_dispute_nothing(text: str) -> None:
    assert not message(text).disputes


@pytest.mark.requirement("R2.4")
def test_who_says_that_nobody_came_urges_only_if_it_is_short_or_goes_back() -> None:
    assert message("到现在没人来").urges
    assert message(
        "我前天反映的问题你们说马上处理,等来等去也没有人联系我,这都过去两天两夜了一点动静都听不到,太让人失望"
    ).urges
    assert not message("楼下你们的井盖坏了半个月没人管,孩子差点掉进去").urges


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text", ["已经修好了,谢谢,不用处理了", "网已经恢复了", "我想撤销昨天的投诉", "补充一下,地址文三路1号"]
)
def test_news_is_what_asks_for_nothing(text: str) -> None:
    assert message(text).news is not None


@pytest.mark.requirement("R2.4")
@pytest.mark.parametrize(
    "text", ["说修好了结果又断了", "修好了吗", "前几天修好了,今天宽带又没了", "补充一下,怎么还没人来"]
)
def test_what_is_over_and_yet_is_not_is_no_news(text: str) -> None:
    assert message(text).news is None


def test_numbers_of_accounts_and_places_are_read_whatever_stands_between() -> None:
    assert long_numbers("户号0371 5550 0007,电话139-0000-0001,3台") == {"037155500007", "13900000001"}
    assert long_numbers("扣了1234567.50元") == frozenset()
    assert places("我们５楼和3号楼501室") == {"楼": {"5"}, "号楼": {"3"}, "室": {"501"}}


def test_the_subject_line_of_a_reply_names_its_thread() -> None:
    assert message("那到底几号能开", details={"subject": "Re: 回复：ETC发票"}).thread == "ETC发票"
    assert message("那到底几号能开", details={"subject": "ETC发票"}).thread is None
