"""How the carrier's people act on what happens: most in time, some late, some asking for more time, some sending back.

Pure: an event leads to acts, each after some policy time; the ticket's own id decides how its people are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo import outage
from schemas.event import TicketEvent
from schemas.ticket import Status, Ticket

CENTRE = "provincial_centre"
OTHER = "remote_unit"

HABITS = (
    ("quick", 42),
    ("slow", 16),
    ("late", 10),
    ("extends", 8),
    ("sends_back", 7),
    ("waits", 5),
    ("late_review", 6),
    ("late_answer", 4),
    ("withdrawn", 2),
)
"""How the people of a ticket are, and how many of a hundred tickets have such people."""


@dataclass(frozen=True)
class Act:
    """What somebody will do.

    Attributes:
        after: policy time from the event that leads to it.
        unit: for which unit; None: the customer.
        action: in the words of POST /v1/tickets/<number>/commands.
        key: Idempotency-Key, so that an event seen twice leads to one act.

    """

    after: timedelta
    unit: str | None
    action: dict[str, Any]
    key: str


def habit(event: TicketEvent, seed: int) -> str:
    """Return how the people of a ticket are; those of a re-handle ticket take care."""
    if event.ticket.channel == "callback":
        return "quick"
    names, weights = zip(*HABITS, strict=True)
    return str(Random(f"{seed}/{event.ticket_id}").choices(names, weights)[0])


def react(event: TicketEvent, seed: int, start: datetime) -> Iterator[Act]:  # noqa: C901 - a line for each event
    """Return what an event of the day that began at `start` leads to."""
    rng = Random(f"{seed}/{event.id}")
    how = habit(event, seed)
    ticket = event.ticket

    def act(low: float, high: float, who: str | None, type_: str, /, **fields: Any) -> Act:
        after = timedelta(hours=rng.uniform(low, high))
        return Act(after, who, {"type": type_, **fields}, f"{event.id}/{type_}")

    if event.type == "accepted" and "incomplete" in ticket.flags:
        yield act(0.2, 0.8, "channel", "complete_form")
    elif event.type == "form_completed" and ticket.settlement is None:
        department = ticket.classification.department or OTHER
        low, high = (4.2, 6.0) if how == "late_review" else (0.2, 2.0)
        told = act(low, high, CENTRE, "dispatch", unit=department)
        if ticket.customer.city == outage.CITY:
            told = replace(told, after=outage.dispatched_at(start, event.at) - event.at)
        yield told
    elif event.type == "sent_back":
        yield act(0.2, 0.8, CENTRE, "dispatch", unit=OTHER, note="请远端处理单元核实")
    elif event.type == "dispatched":
        yield from _dispatched(event, how, act)
    elif event.type == "claimed":
        yield from _claimed(event, how, act)
    elif event.type == "suspended":
        yield act(1.0, 3.0, ticket.unit, "resume", reason="客户已补充资料")
    elif event.type in {"resumed", "extension_approved"}:
        yield act(1.0, 4.0, ticket.unit, "feed_back", result="问题已处理，费用已核实", cause="系统数据错误")
    elif event.type == "extension_requested":
        yield act(0.1, 0.3, CENTRE, "reply_progress", text="您的问题需要更多时间核实，我们会尽快答复")
        yield act(0.4, 0.9, CENTRE, "approve_extension", note="同意")
    elif event.type == "fed_back":
        low, high = (2.2, 3.5) if how == "late_answer" else (0.2, 1.5)
        agreement = "refused" if rng.random() < 0.05 else "agreed"
        yield act(low, high, CENTRE, "answer", explanation="已查明原因并处理，感谢您的监督", agreement=agreement)
    else:
        yield from _told(event, rng, act)


def _told(event: TicketEvent, rng: Random, act: Any) -> Iterator[Act]:
    """Return what the centre does once the customer was told, could not be told, or has judged."""
    ticket = event.ticket
    if event.type == "answered" and ticket.breaches and ticket.customer.email is not None:
        yield act(0.2, 1.0, CENTRE, "apologise", letter="apology_service", facts=_facts(ticket))
    elif event.type == "undeliverable" and event.details["audience"] == "customer":
        yield act(0.2, 2.0, CENTRE, "note", text="短信和邮件均未送达，请受理渠道上门告知客户")
    elif event.type in {"survey_answered", "callback_ended"} and ticket.status is Status.ANSWERED:
        yield act(0.1, 0.5, CENTRE, "close")
    elif event.type == "screening_needed":
        wrong = rng.random() < 0.8
        why = "处理后没有复测，属处理不当" if wrong else "套餐规则如此，处理无误"
        yield act(0.2, 0.8, CENTRE, "screen", wrong_handling=wrong, reason=why)


def _dispatched(event: TicketEvent, how: str, act: Any) -> Iterator[Act]:
    unit = event.ticket.unit
    if how == "withdrawn":
        yield act(1.0, 2.0, None, "withdraw", reason="问题已自行恢复")
    elif how == "sends_back" and unit != OTHER:
        yield act(0.5, 1.5, unit, "send_back", reason="不属于本部门职责")
    elif how == "late":
        # Nobody even looks at it before the limit has run out.
        hours = _hours(event)
        yield act(hours + 0.5, hours + 2.0, unit, "claim", person="值班人员")
    else:
        yield act(0.3, 1.5, unit, "claim", person="值班人员")


def _claimed(event: TicketEvent, how: str, act: Any) -> Iterator[Act]:
    unit = event.ticket.unit
    if how == "extends":
        until = max(each.due_at for each in event.ticket.clocks if each.name == "handling" and each.stopped_at is None)
        yield act(
            1.0, 2.0, unit, "request_extension",
            explanation="需要到现场测试", committed_until=(until + timedelta(hours=4)).isoformat(),
        )  # fmt: skip
    elif how == "waits":
        yield act(0.5, 1.0, unit, "suspend", waiting_for="customer", reason="等待客户提供发票照片")
    elif how == "slow":
        yield act(7.0, 14.0, unit, "feed_back", result="已现场处理", cause="线路老化")
    elif how == "late":
        yield act(0.5, 2.0, unit, "feed_back", result="已补办处理", cause="部门积压")
    else:
        yield act(0.5, 3.0, unit, "feed_back", result="问题已处理", cause="系统数据错误")


def _facts(ticket: Ticket) -> dict[str, str]:
    """Return what a letter of apology for a case that took too long must hold."""
    return {
        "incident_date": f"{ticket.accepted_at:%Y-%m-%d}",
        "cause": ticket.outcome.cause or "内部流转延误",
        "measure": "已责成责任部门整改，并纳入当月考核",
        "signature": "省级投诉处理中心",
    }


def _hours(event: TicketEvent) -> float:
    """Return the length of the running handling clock."""
    running = [each for each in event.ticket.clocks if each.name == "handling" and each.stopped_at is None]
    return running[-1].length.total_seconds() / 3600 if running else 24.0
