"""Complaints accepted in business halls: the event on channel.store, and the CSV that halls export."""

from collections.abc import Mapping
from typing import Any

from schemas.contact import Contact
from services.intake.domain.draft import Envelope, finish, json_object
from services.intake.domain.fields import Faults, Told, epoch_millis, instant, phone

VIP = {"是": "gold"}
"""The export knows only whether the customer is VIP; the lowest VIP level stands for it."""


FORM = "受理流水号"
"""The column that only a row of an export has."""


def contact(envelope: Envelope) -> Contact:
    """Make a contact of an event, or of a row of an export written as a JSON object of its columns.

    Raises:
        Unusable: something is wrong with it.

    """
    body = json_object(envelope.body)
    if FORM in body:
        return _row(body, envelope)
    faults = Faults()
    told = Told(body, faults)
    customer = told.part("customer")
    number = phone(customer.text("phone"))
    evidence: list[dict[str, Any]] = [
        {
            "kind": "scan",
            "reference": each.text("ref") or each.text("url") or each.text("name"),
            "media_type": each.text("mime"),
            "size": each.values.get("size"),
            "sha256": each.text("sha256"),
        }
        for each in told.parts("attachments")
    ]
    form = told.text("form_no")
    if form:
        evidence.append({"kind": "signed_form", "reference": form})
    said = {
        "contacted_at": epoch_millis(told.values.get("accepted_at"), "accepted_at", faults),
        "customer": {
            "name": customer.text("name"),
            "phone": number.number if number else None,
            "phone_extension": number.extension if number else None,
            "level": customer.text("level"),
            "network": customer.text("network"),
        },
        "text": told.text("content") or "",
        "labels": tuple(each for each in (told.text("business_type"), told.text("complaint_type")) if each),
        "desired_outcome": told.text("desired_outcome"),
        "site": told.part("hall").text("code"),
        "agent": told.text("operator_id"),
        "evidence": evidence,
    }
    return finish(envelope, told.text("event_id"), said, faults, reach="customer.phone")


def _row(told: Mapping[str, Any], envelope: Envelope) -> Contact:
    faults = Faults()
    cells = {name: str(value or "").strip() for name, value in told.items()}
    number = phone(cells.get("联系电话"))
    form = cells.get("受理单号")
    said: dict[str, Any] = {
        "contacted_at": instant(_compact(cells.get("受理时间", "")), "受理时间", faults),
        "customer": {
            "name": cells.get("客户姓名") or None,
            "phone": number.number if number else None,
            "phone_extension": number.extension if number else None,
            "level": VIP.get(cells.get("是否VIP", "")),
        },
        "text": cells.get("投诉内容", ""),
        "labels": tuple(each for each in (cells.get("业务类型"), cells.get("投诉类别")) if each),
        "desired_outcome": cells.get("期望处理") or None,
        "site": cells.get("营业厅编码") or None,
        "agent": cells.get("受理工号") or None,
        "evidence": [{"kind": "signed_form", "reference": form}] if form else [],
    }
    return finish(envelope, cells.get(FORM), said, faults, reach="联系电话")


def _compact(text: str) -> str:
    """Write `20260312 113000` as other exports do."""
    day, _, clock = text.partition(" ")
    if len(day) == 8 and day.isdigit() and len(clock) == 6 and clock.isdigit():  # noqa: PLR2004 - the format's widths
        return f"{day[:4]}-{day[4:6]}-{day[6:]} {clock[:2]}:{clock[2:4]}:{clock[4:]}"
    return text
