"""Valid messages of several channels, and a hypothesis strategy that damages them."""

from typing import Any

from hypothesis import strategies as st

HOTLINE_FORM = {
    "form_no": "HF1",
    "operator_id": "8007",
    "customer": {"ani": "13800000101", "name": "李女士", "customer_no": "C1", "level": "gold", "home_province": "河南"},
    "business_type": "ETC/通行费",
    "problem_type": "账单争议",
    "content": "同一行程扣了两次",
    "created_at": "2026-03-12T09:13:42+08:00",
    "recording": {"ref": "1.wav"},
}
HALL_EVENT = {
    "event_id": "STORE-1",
    "hall": {"code": "HNZZ0012"},
    "operator_id": "HN8812",
    "accepted_at": 1773282060000,
    "customer": {"name": "孙某", "phone": "13800000601", "level": "普通"},
    "business_type": "移动/4G",
    "complaint_type": "业务办理",
    "content": "跑了三趟没办成",
    "form_no": "BD1",
    "attachments": [{"name": "受理单.jpg", "mime": "image/jpeg", "ref": "obj://1"}],
}
HALL_ROW = {
    "受理流水号": "SD1",
    "受理时间": "2026-03-12 10:21",
    "营业厅编码": "HNZZ0012",
    "客户姓名": "孙某",
    "联系电话": "\t13800000604",
    "业务类型": "固网/宽带",
    "投诉类别": "资费争议",
    "投诉内容": "没有按承诺",
    "是否VIP": "是",
    "受理单号": "BD2",
}
CUSTOMER = {"phone": "138 0000 0101", "name": "李"}
SUBMISSION = {"message_id": "m1", "customer": CUSTOMER, "text": "宽带慢"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def damaged(message: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for messages in which some values are replaced by any JSON value."""
    return st.dictionaries(st.sampled_from(sorted(message)), JSON, max_size=4).map(
        lambda changes: {**message, **changes}
    )
