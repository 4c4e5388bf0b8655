"""The day's contacts: what comes when, at which door, in that door's own words. Pure: the same seed, the same day."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo import outage
from demo.message import Door, PlannedMessage, submission
from demo.people import ASKING, DISPUTING, SUBJECTS, Person, Subject, person

DOORS: tuple[Door, ...] = ("http", "http", "batch", "hotline", "hotline", "store", "file")
HOURS = 10.0
"""Policy hours over which contacts come."""
BUSIEST = 2.0
"""The hour in which most of them do."""
COLUMNS = (
    "受理流水号", "受理时间", "营业厅编码", "营业厅名称", "营业厅类型", "受理工号", "客户姓名", "联系电话", "业务号码",
    "业务类型", "投诉类别", "投诉内容", "期望处理", "是否VIP", "附件数", "受理单号",
)  # fmt: skip
HALLS = ("HNZZ0012", "HNLY0031", "HNKF0107")


def day(count: int, seed: int, start: datetime) -> list[PlannedMessage]:
    """Return the messages of a day of about `count` customers, in order of time."""
    rng = Random(f"day/{seed}")
    planned: list[PlannedMessage] = []
    for number in range(count):
        who, what = person(number, rng), rng.choice(SUBJECTS)
        door = rng.choice(DOORS)
        if who.writes_himself:
            door = "http"
        hours = rng.triangular(0, HOURS, BUSIEST)
        if door in {"batch", "file"}:
            # Partners send what they have once an hour; halls export at noon and in the evening.
            hours = float(int(hours) + 1) if door == "batch" else (4.0 if hours < HOURS / 2 else HOURS)
        planned += _of_one(number, who, what, door, hours, start, rng)
    planned += outage.reports(count, rng)
    planned += _broken(start)
    return sorted(planned, key=lambda each: each.after)


def _of_one(
    number: int, who: Person, what: Subject, door: Door, hours: float, start: datetime, rng: Random
) -> Iterator[PlannedMessage]:
    after = timedelta(hours=hours)
    name = f"D{number:05d}"
    first = PlannedMessage(after, door, _body(door, name, who, what, start + after, rng), name)
    yield first
    luck = rng.random()
    if luck < 0.06:
        yield PlannedMessage(after + timedelta(minutes=20), first.door, first.body, name)
    elif luck < 0.16:
        later = after + timedelta(hours=rng.uniform(1, 5))
        yield PlannedMessage(later, "http", submission(f"{name}-2", who, rng.choice(ASKING), "sms"), f"{name}-2")
    elif luck < 0.20:
        later = after + timedelta(hours=rng.uniform(9, 14))
        yield PlannedMessage(later, "http", submission(f"{name}-3", who, rng.choice(DISPUTING), "sms"), f"{name}-3")


def _body(door: Door, name: str, who: Person, what: Subject, at: datetime, rng: Random) -> Any:
    if door == "hotline":
        return _form(name, who, what, at, rng)
    if door == "store":
        return _event(name, who, what, at, rng)
    if door == "file":
        return _row(name, who, what, at, rng)
    text = "" if rng.random() < 0.05 else what.text
    return submission(name, who, text, rng.choice(("web", "app")), what.language)


def _form(name: str, who: Person, what: Subject, at: datetime, rng: Random) -> str:
    settled = rng.random() < 0.25
    form = {
        "form_no": f"HF{name}",
        "form_version": 2,
        "call_id": f"{at.timestamp():.4f}",
        "operator_id": f"80{rng.randrange(100):02d}",
        "channel": "hotline",
        "customer": {
            "ani": who.phone,
            "name": who.name,
            "customer_no": f"C4101{who.phone[-5:]}",
            "home_province": who.home,
            "visiting_province": who.visiting,
            "level": who.level,
        },
        "business_type": what.business,
        "problem_type": what.problem,
        "content": what.text,
        "created_at": at.isoformat(),
        "recording": {"ref": f"{name}.wav", "store": "rec-zz-01"},
        "settled_on_call": settled,
    }
    if settled:
        form["answer"] = {
            "outcome": "已当场说明并处理",
            "explanation": "已向客户解释计费规则，客户同意",
            "agreed": True,
            "cause": "客户对规则不了解",
            "owner": "channel",
        }
    return json.dumps(form, ensure_ascii=False)


def _event(name: str, who: Person, what: Subject, at: datetime, rng: Random) -> str:
    event = {
        "event_id": f"STORE-{name}",
        "event_type": "complaint.accepted",
        "schema_version": 1,
        "hall": {"code": rng.choice(HALLS), "name": "某某路营业厅", "type": "own"},
        "operator_id": "HN8812",
        "accepted_at": int(at.timestamp() * 1000),
        "customer": {"name": who.name, "phone": who.phone, "level": who.level},
        "business_type": what.business,
        "complaint_type": what.problem,
        "content": what.text,
        "form_no": f"BD{name}",
        "attachments": [],
    }
    return json.dumps(event, ensure_ascii=False)


def _row(name: str, who: Person, what: Subject, at: datetime, rng: Random) -> dict[str, str]:
    vip = "否" if who.level == "普通" else "是"
    values = (
        f"SD{name}", at.strftime("%Y-%m-%d %H:%M"), rng.choice(HALLS), "某某路营业厅", "自有", "HN8812", who.name,
        f"\t{who.phone}", f"\t{who.phone}", what.business, what.problem, what.text, "", vip, "0", f"BD{name}",
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _broken(start: datetime) -> Iterator[PlannedMessage]:
    """Two records that no contact can be made of: they have to end in dead-letters."""
    yield PlannedMessage(timedelta(hours=1), "hotline", '{"form_no": "HFX1", "content": "表单没写完', "HFX1")
    late = json.dumps(
        {"event_id": "STORE-X2", "accepted_at": int(start.timestamp()), "customer": {"phone": "13800009999"}}
    )
    yield PlannedMessage(timedelta(hours=2), "store", late, "STORE-X2")


def export(rows: list[dict[str, str]]) -> bytes:
    """Return the file that a hall exports: CSV in GB18030."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("gb18030")
