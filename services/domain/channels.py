"""The channels by which contacts come: one list of names for doors, topics, packs and days. Pure."""

from collections.abc import Mapping

NATIVE: Mapping[str, str] = {
    "app_im": "messages in the customer's app (在线客服)",
    "device_monitor": "alarms of devices at the customer's",
    "email": "e-mail as it was received",
    "hotline": "calls to the hotline (热线)",
    "letter_fax": "scanned letters and faxes (信函、传真)",
    "migration": "open tickets of another system, once",
    "open_data": "lists that an authority publishes",
    "regulator": "what the regulator sends down (主管部门转办)",
    "sms": "text messages (短信)",
    "store": "business halls (营业厅)",
    "tmf621": "another system by TMF621",
    "web_form": "the form on the website",
    "wechat": "WeChat (微信)",
}
"""Channels with a native format, each with a mapping in `services/intake/mappings`."""
OWN_FORMAT: Mapping[str, str] = {
    "account_manager": "account managers (客户经理)",
    "app": "the customer's app",
    "club": "the customer club (客户俱乐部)",
    "dealer": "dealers (代理商)",
    "fax": "fax, typed in",
    "finding": "found by our own inspection",
    "letter": "letters, typed in",
    "mail": "e-mail, typed in",
    "opinion_book": "the book of opinions at a counter (意见簿)",
    "visit": "visits in person (来访)",
    "voicemail": "the voice mailbox",
    "web": "the website, in our own format",
}
"""Channels whose contacts come in our own format (R2.1)."""
CHANNELS = frozenset({*NATIVE, *OWN_FORMAT})
"""Every channel that Duban knows; a pack may add its own by name (`channels` in routing.toml)."""
