"""Invented customers and their complaints; phone numbers are placeholders of the form 1xx 0000 xxxx."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
PREFIXES = ("138", "139", "150", "177", "186", "199")
LEVELS = ("普通",) * 7 + ("gold", "platinum", "集团重点客户")
PROVINCES = ("河南", "浙江", "广东", "北京")
UNREACHABLE_PHONES = (7, 19)
"""Customers, by number modulo 50, whose phones are out of use: the first has a mail address, the second has none."""
BOUNCING_MAIL = 31
"""Customer, by number modulo 50, who prefers mail but whose address no longer exists."""


@dataclass(frozen=True)
class Subject:
    """A complaint's subject: the labels that halls and the hotline give it, and the customer's text."""

    business: str
    problem: str
    text: str
    language: str = "zh"


SUBJECTS = (
    Subject("固网/宽带", "网速", "家里宽带晚上网速很慢，看视频一直缓冲，已经一个星期了。"),
    Subject("固网/宽带", "断网", "宽带断网三天了，报修两次没有人来，孩子没法上网课。"),
    Subject("移动/4G", "没有信号", "小区里手机4G没有信号，打电话要跑到楼下。"),
    Subject("移动/5G", "计费", "5G套餐上个月多扣了86元话费，账单看不懂，要求退还。"),
    Subject("移动/GSM", "话单", "GSM通话记录里有三个我没打过的电话，要求核对话单。"),
    Subject("增值/移动数据", "退订", "流量包已经退订，这个月还在扣费，要求退订并退款。"),
    Subject("增值/短信", "收费", "没有订过短信服务，每月收费5元，要求取消。"),
    Subject("ETC/通行费", "通行费", "ETC通行费同一行程扣了两次，每次35.60元，要求退还一笔。"),
    Subject("ETC/OBU", "设备", "OBU设备松动不读卡，高速出口走人工通道，要求换新。"),
    Subject("ETC/发票", "发票", "ETC发票开不出来，单位催着报销，请尽快处理。"),
    Subject("渠道/营业厅", "服务", "营业厅排队一个多小时，工作人员态度不好，中途停止叫号。"),
    Subject("渠道/合作厅", "服务", "合作厅收了200元入网保证金不给收据，要求退款。"),
    Subject("固网/固定电话", "杂音", "固定电话有杂音，听不清对方说话，报修一周没有解决办法。"),
    Subject("固网/宽带", "资费", "宽带续费时承诺送摄像头，资费也和宣传不一样，要求按承诺办。"),
    Subject("移动/4G", "漫游", "在广东出差4G漫游上不了网，当地说要找归属地。"),
    Subject("broadband", "slow", "My broadband is slow every evening, I cannot work from home any more.", "en"),
    Subject("5G", "charging", "I was charged twice for the same 5G data plan last month, please refund.", "en"),
    Subject("", "", "你们到底管不管，打了好几次电话都没有结果！"),
    Subject("固网/宽带", "办理", "请问宽带移机怎么办理，需要带什么材料？"),
    Subject("移动/5G", "计费", "多扣话费的事再不解决，我就找媒体曝光，也会向12300申诉。"),
)
REMINDERS = ("我的投诉处理得怎么样了？", "催一下，还没有人联系我。", "还在等你们回复。")
DISPUTES = ("没有解决，请重新处理。", "对答复不满意，问题又出现了。")


@dataclass(frozen=True)
class Person:
    """A customer.

    Attributes:
        name, phone, level: as the customer gives them.
        home: home province.
        visiting: province of the current stay; None: at home.
        email: mail address; None: not given.
        prefers: preferred means, mail or phone; None: not given.

    """

    name: str
    phone: str
    level: str
    home: str
    visiting: str | None
    email: str | None
    prefers: str | None

    @property
    def contacts_directly(self) -> bool:
        """Whether the complaint is submitted by HTTP, so that all contact details are known."""
        return unreachable(self.phone) or (self.email is not None and bounces(self.email))


def person(number: int, rng: Random) -> Person:
    """Return customer number `number`; two numbers never share a phone."""
    home = PROVINCES[0]
    name = rng.choice(FAMILY) + rng.choice(("先生", "女士"))
    phone = f"{rng.choice(PREFIXES)}0000{number:04d}"
    level = rng.choice(LEVELS)
    visiting = rng.choice(PROVINCES[1:]) if rng.random() < 0.1 else None
    email = f"customer{number:04d}@mail.example" if rng.random() < 0.4 else None
    prefers = "phone" if rng.random() < 0.1 else "mail" if email is not None and rng.random() < 0.4 else None
    if number % 50 == BOUNCING_MAIL:
        email, prefers = f"gone{number:04d}@mail.example", "mail"
    elif number % 50 in UNREACHABLE_PHONES:
        email, prefers = (f"customer{number:04d}@mail.example" if number % 50 == UNREACHABLE_PHONES[0] else None), None
    return Person(name, phone, level, home, visiting, email, prefers)


def unreachable(phone: str) -> bool:
    """Return whether a phone is out of use, so that the gateway reports a failure."""
    return "0000" in phone and int(phone[-4:]) % 50 in UNREACHABLE_PHONES


def bounces(email: str) -> bool:
    """Return whether a mail address no longer exists, so that mail to it bounces."""
    return email.startswith("gone")


def shuffled_cycle(values: Sequence[str], seed: str) -> Iterator[str]:
    """Return all values in random order, over and over: random, but in exact proportion."""
    rng = Random(seed)
    while True:
        yield from rng.sample(values, len(values))
