"""Plans the day's contacts: their times, doors and bodies. Pure: the same seed gives the same day."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo import outage
from demo.message import Door, PlannedMessage, contact_body
from demo.people import DISPUTES, REMINDERS, SUBJECTS, Person, Subject, person

DOORS: tuple[Door, ...] = ("http", "http", "batch", "hotline", "hotline", "store", "file")
HOURS = 10.0
"""Policy hours over which contacts are spread."""
PEAK_HOUR = 2.0
"""Policy hours after the start at which most contacts come."""
COLUMNS = (
    "受理流水号", "受理时间", "营业厅编码", "营业厅名称", "营业厅类型", "受理工号", "客户姓名", "联系电话", "业务号码",
    "业务类型", "投诉类别", "投诉内容", "期望处理", "是否VIP", "附件数", "受理单号",
)  # fmt: skip
HALLS = ("HNZZ0012", "HNLY0031", "HNKF0107")


def plan_day(count: int, seed: int, start: datetime) -> list[PlannedMessage]:
    """Return the messages of a day with `count` customers, an outage and two invalid records, in order of time."""
    rng = Random(f"day/{seed}")
    planned: list[PlannedMessage] = []
    for number in range(count):
        customer, subject = person(number, rng), rng.choice(SUBJECTS)
        door = rng.choice(DOORS)
        if customer.contacts_directly:
            door = "http"
        hours = rng.triangular(0, HOURS, PEAK_HOUR)
        if door in {"batch", "file"}:
            # Partners send a batch once an hour; halls export a file at noon and in the evening.
            hours = float(int(hours) + 1) if door == "batch" else (4.0 if hours < HOURS / 2 else HOURS)
        planned += _customer_messages(number, customer, subject, door, hours, start, rng)
    planned += outage.contacts(count, rng)
    planned += _invalid_records(start)
    return sorted(planned, key=lambda message: message.after)


def _customer_messages(
    number: int, customer: Person, subject: Subject, door: Door, hours: float, start: datetime, rng: Random
) -> Iterator[PlannedMessage]:
    """Return a customer's first message and, at random, a repetition, a reminder or a dispute."""
    after = timedelta(hours=hours)
    name = f"D{number:05d}"
    first = PlannedMessage(after, door, _door_body(door, name, customer, subject, start + after, rng), name)
    yield first
    chance = rng.random()
    if chance < 0.06:
        yield PlannedMessage(after + timedelta(minutes=20), first.door, first.body, name)
    elif chance < 0.16:
        later = after + timedelta(hours=rng.uniform(1, 5))
        yield PlannedMessage(
            later, "http", contact_body(f"{name}-2", customer, rng.choice(REMINDERS), "sms"), f"{name}-2"
        )
    elif chance < 0.20:
        later = after + timedelta(hours=rng.uniform(9, 14))
        yield PlannedMessage(
            later, "http", contact_body(f"{name}-3", customer, rng.choice(DISPUTES), "sms"), f"{name}-3"
        )


def _door_body(door: Door, name: str, customer: Person, subject: Subject, at: datetime, rng: Random) -> Any:
    if door == "hotline":
        return _hotline_form(name, customer, subject, at, rng)
    if door == "store":
        return _store_event(name, customer, subject, at, rng)
    if door == "file":
        return _hall_row(name, customer, subject, at, rng)
    text = "" if rng.random() < 0.05 else subject.text
    return contact_body(name, customer, text, rng.choice(("web", "app")), subject.language)


def _hotline_form(name: str, customer: Person, subject: Subject, at: datetime, rng: Random) -> str:
    settled = rng.random() < 0.25
    form = {
        "form_no": f"HF{name}",
        "form_version": 2,
        "call_id": f"{at.timestamp():.4f}",
        "operator_id": f"80{rng.randrange(100):02d}",
        "channel": "hotline",
        "customer": {
            "ani": customer.phone,
            "name": customer.name,
            "customer_no": f"C4101{customer.phone[-5:]}",
            "home_province": customer.home,
            "visiting_province": customer.visiting,
            "level": customer.level,
        },
        "business_type": subject.business,
        "problem_type": subject.problem,
        "content": subject.text,
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


def _store_event(name: str, customer: Person, subject: Subject, at: datetime, rng: Random) -> str:
    event = {
        "event_id": f"STORE-{name}",
        "event_type": "complaint.accepted",
        "schema_version": 1,
        "hall": {"code": rng.choice(HALLS), "name": "某某路营业厅", "type": "own"},
        "operator_id": "HN8812",
        "accepted_at": int(at.timestamp() * 1000),
        "customer": {"name": customer.name, "phone": customer.phone, "level": customer.level},
        "business_type": subject.business,
        "complaint_type": subject.problem,
        "content": subject.text,
        "form_no": f"BD{name}",
        "attachments": [],
    }
    return json.dumps(event, ensure_ascii=False)


def _hall_row(name: str, customer: Person, subject: Subject, at: datetime, rng: Random) -> dict[str, str]:
    vip = "否" if customer.level == "普通" else "是"
    values = (
        f"SD{name}", at.strftime("%Y-%m-%d %H:%M"), rng.choice(HALLS), "某某路营业厅", "自有", "HN8812", customer.name,
        f"\t{customer.phone}", f"\t{customer.phone}", subject.business, subject.problem, subject.text, "", vip, "0",
        f"BD{name}",
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _invalid_records(start: datetime) -> Iterator[PlannedMessage]:
    """Return two records that cannot be parsed and must become dead letters: cut JSON, and a time in seconds."""
    yield PlannedMessage(timedelta(hours=1), "hotline", '{"form_no": "HFX1", "content": "表单没写完', "HFX1")
    wrong_time = json.dumps(
        {"event_id": "STORE-X2", "accepted_at": int(start.timestamp()), "customer": {"phone": "13800009999"}}
    )
    yield PlannedMessage(timedelta(hours=2), "store", wrong_time, "STORE-X2")


def hall_export(rows: list[dict[str, str]]) -> bytes:
    """Return the CSV file in GB18030 that a hall exports."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("gb18030")
