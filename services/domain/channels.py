"""The channels by which contacts come: one list of names for doors, topics, packs and days. Pure."""

from collections.abc import Mapping
from typing import NamedTuple


class ChannelTitle(NamedTuple):
    """What a channel is called."""

    zh: str
    en: str


NATIVE: Mapping[str, ChannelTitle] = {
    "app_im": ChannelTitle("在线客服", "messages in the customer's app"),
    "device_monitor": ChannelTitle("设备告警", "alarms of devices at the customer's"),
    "email": ChannelTitle("电子邮件", "e-mail as it was received"),
    "hotline": ChannelTitle("热线", "calls to the hotline"),
    "letter_fax": ChannelTitle("信函、传真扫描件", "scanned letters and faxes"),
    "migration": ChannelTitle("旧系统迁移", "open tickets of another system, once"),
    "open_data": ChannelTitle("公开数据", "lists that an authority publishes"),
    "regulator": ChannelTitle("主管部门转办", "what the regulator sends down"),
    "sms": ChannelTitle("短信", "text messages"),
    "store": ChannelTitle("营业厅", "business halls"),
    "tmf621": ChannelTitle("TMF621 系统", "another system by TMF621"),
    "web_form": ChannelTitle("网站表单", "the form on the website"),
    "wechat": ChannelTitle("微信", "WeChat"),
}
"""Channels with a native format, each with a mapping in `services/intake/mappings`."""
OWN_FORMAT: Mapping[str, ChannelTitle] = {
    "account_manager": ChannelTitle("客户经理", "account managers"),
    "app": ChannelTitle("客户端", "the customer's app"),
    "club": ChannelTitle("客户俱乐部", "the customer club"),
    "dealer": ChannelTitle("代理商", "dealers"),
    "fax": ChannelTitle("传真", "fax, typed in"),
    "finding": ChannelTitle("自查发现", "found by our own inspection"),
    "letter": ChannelTitle("信函", "letters, typed in"),
    "mail": ChannelTitle("邮件", "e-mail, typed in"),
    "opinion_book": ChannelTitle("意见簿", "the book of opinions at a counter"),
    "visit": ChannelTitle("来访", "visits in person"),
    "voicemail": ChannelTitle("语音信箱", "the voice mailbox"),
    "web": ChannelTitle("网站", "the website, in our own format"),
}
"""Channels whose contacts come in our own format (R2.1)."""
CHANNELS = frozenset({*NATIVE, *OWN_FORMAT})
"""Every channel that Duban knows; a pack may add its own by name (`channels` in routing.toml)."""
