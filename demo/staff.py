"""The carrier's staff: most act in time, some late, some request an extension, some send tickets back.

Pure: each event leads to commands after some policy time. The ticket's id decides how its staff handle it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo import outage
from schemas.event import TicketEvent
from schemas.ticket import SlaTimer, Status, Ticket

OTHER_UNIT = "remote_unit"

HANDLING_STYLES = (
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
"""How staff handle a ticket, with its share of tickets in percent."""


@dataclass(frozen=True)
class PlannedCommand:
    """A command to send.

    Attributes:
        after: policy time from the event that causes it.
        unit: unit that sends it; None: the customer.
        action: action of POST /v1/tickets/<number>/commands.
        key: Idempotency-Key, so that an event read twice leads to one command.

    """

    after: timedelta
    unit: str | None
    action: dict[str, Any]
    key: str


def handling_style(event: TicketEvent, seed: int) -> str:
    """Return how staff handle a ticket; a re-handle ticket is always handled quickly."""
    if event.ticket.channel == "callback":
        return "quick"
    names, weights = zip(*HANDLING_STYLES, strict=True)
    return str(Random(f"{seed}/{event.ticket_id}").choices(names, weights)[0])


def commands_after(event: TicketEvent, seed: int, start: datetime) -> Iterator[PlannedCommand]:
    """Return the commands that staff or the customer send after an event of the day that began at `start`."""
    rng = Random(f"{seed}/{event.id}")
    style = handling_style(event, seed)

    def plan(low: float, high: float, unit: str | None, type_: str, /, **fields: Any) -> PlannedCommand:
        after = timedelta(hours=rng.uniform(low, high))
        return PlannedCommand(after, unit, {"type": type_, **fields}, f"{event.id}/{type_}")

    if event.type in _CENTRE_EVENTS:
        yield from _after_centre_event(event, style, start, rng, plan)
    elif event.type == "dispatched":
        yield from _after_dispatched(event, style, plan)
    elif event.type == "claimed":
        yield from _after_claimed(event, style, plan)
    elif event.type == "suspended":
        yield plan(1.0, 3.0, event.ticket.unit, "resume", reason="客户已补充资料")
    elif event.type in {"resumed", "extension_approved"}:
        yield plan(1.0, 4.0, event.ticket.unit, "feed_back", result="问题已处理，费用已核实", cause="系统数据错误")
    else:
        yield from _after_notification(event, rng, plan)


_CENTRE_EVENTS = frozenset({"accepted", "form_completed", "sent_back", "extension_requested", "fed_back"})
"""Events after which the centre or the channel acts."""


def _after_centre_event(
    event: TicketEvent, style: str, start: datetime, rng: Random, plan: Any
) -> Iterator[PlannedCommand]:
    ticket = event.ticket
    if event.type == "accepted" and "incomplete" in ticket.flags:
        yield plan(0.2, 0.8, "channel", "complete_form")
    elif event.type == "form_completed" and ticket.settlement is None:
        department = ticket.classification.department or OTHER_UNIT
        low, high = (4.2, 6.0) if style == "late_review" else (0.2, 2.0)
        dispatch = plan(low, high, ticket.centre, "dispatch", unit=department)
        if ticket.customer.city == outage.CITY:
            dispatch = replace(dispatch, after=outage.dispatch_time(start, event.at) - event.at)
        yield dispatch
    elif event.type == "sent_back":
        yield plan(0.2, 0.8, ticket.centre, "dispatch", unit=OTHER_UNIT, note="请远端处理单元核实")
    elif event.type == "extension_requested":
        yield plan(0.1, 0.3, ticket.centre, "reply_progress", text="您的问题需要更多时间核实，我们会尽快答复")
        yield plan(0.4, 0.9, ticket.centre, "approve_extension", note="同意")
    elif event.type == "fed_back":
        low, high = (2.2, 3.5) if style == "late_answer" else (0.2, 1.5)
        agreement = "refused" if rng.random() < 0.05 else "agreed"
        yield plan(
            low, high, ticket.centre, "answer", explanation="已查明原因并处理，感谢您的监督", agreement=agreement
        )


def _after_notification(event: TicketEvent, rng: Random, plan: Any) -> Iterator[PlannedCommand]:
    """Return what the centre does after the customer was informed, could not be reached, or answered the survey."""
    ticket = event.ticket
    if event.type == "answered" and ticket.breaches and ticket.customer.email is not None:
        yield plan(0.2, 1.0, ticket.centre, "apologise", letter="apology_service", facts=_apology_facts(ticket))
    elif event.type == "undeliverable" and event.details["audience"] == "customer":
        yield plan(0.2, 2.0, ticket.centre, "note", text="短信和邮件均未送达，请受理渠道上门告知客户")
    elif event.type in {"survey_answered", "callback_ended"} and ticket.status is Status.ANSWERED:
        yield plan(0.1, 0.5, ticket.centre, "close")
    elif event.type == "screening_needed":
        wrong = rng.random() < 0.8
        reason = "处理后没有复测，属处理不当" if wrong else "套餐规则如此，处理无误"
        yield plan(0.2, 0.8, ticket.centre, "screen", wrong_handling=wrong, reason=reason)


def _after_dispatched(event: TicketEvent, style: str, plan: Any) -> Iterator[PlannedCommand]:
    unit = event.ticket.unit
    if style == "withdrawn":
        yield plan(1.0, 2.0, None, "withdraw", reason="问题已自行恢复")
    elif style == "sends_back" and unit != OTHER_UNIT:
        yield plan(0.5, 1.5, unit, "send_back", reason="不属于本部门职责")
    elif style == "late":
        # Claimed only after the deadline has passed.
        hours = _handling_hours(event)
        yield plan(hours + 0.5, hours + 2.0, unit, "claim", person="值班人员")
    else:
        yield plan(0.3, 1.5, unit, "claim", person="值班人员")


def _after_claimed(event: TicketEvent, style: str, plan: Any) -> Iterator[PlannedCommand]:
    unit = event.ticket.unit
    if style == "extends":
        until = max(timer.due_at for timer in _running_handling_timers(event.ticket))
        yield plan(
            1.0, 2.0, unit, "request_extension",
            explanation="需要到现场测试", committed_until=(until + timedelta(hours=4)).isoformat(),
        )  # fmt: skip
    elif style == "waits":
        yield plan(0.5, 1.0, unit, "suspend", waiting_for="customer", reason="等待客户提供发票照片")
    elif style == "slow":
        yield plan(7.0, 14.0, unit, "feed_back", result="已现场处理", cause="线路老化")
    elif style == "late":
        yield plan(0.5, 2.0, unit, "feed_back", result="已补办处理", cause="部门积压")
    else:
        yield plan(0.5, 3.0, unit, "feed_back", result="问题已处理", cause="系统数据错误")


def _apology_facts(ticket: Ticket) -> dict[str, str]:
    """Return the facts of a letter of apology for a late answer."""
    return {
        "incident_date": f"{ticket.accepted_at:%Y-%m-%d}",
        "cause": ticket.outcome.cause or "内部流转延误",
        "measure": "已责成责任部门整改，并纳入当月考核",
        "signature": "省级投诉处理中心",
    }


def _handling_hours(event: TicketEvent) -> float:
    """Return the length of the running handling timer in hours; 24 if none runs."""
    running = _running_handling_timers(event.ticket)
    return running[-1].length.total_seconds() / 3600 if running else 24.0


def _running_handling_timers(ticket: Ticket) -> list[SlaTimer]:
    return [timer for timer in ticket.clocks if timer.name == "handling" and timer.stopped_at is None]
