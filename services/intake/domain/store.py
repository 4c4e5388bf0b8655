"""Complaints accepted in business halls: the event on channel.store, and the CSV that halls export."""

from collections.abc import Mapping
from typing import Any

from schemas.contact import Contact
from services.intake.domain.draft import Envelope, finish, json_object
from services.intake.domain.fields import Faults, epoch_millis, instant, phone

VIP = {"是": "gold"}
"""The export knows only whether the customer is VIP; the lowest VIP level stands for it."""


FORM = "受理流水号"
"""The column that only a row of an export has."""


def contact(envelope: Envelope) -> Contact:
    """Make a contact of an event, or of a row of an export written as a JSON object of its columns.

    Raises:
        Unusable: something is wrong with it.

    """
    told = json_object(envelope.body)
    if FORM in told:
        return _row(told, envelope)
    faults = Faults()
    customer, hall = told.get("customer") or {}, told.get("hall") or {}
    number = phone(customer.get("phone"))
    evidence = [
        {
            "kind": "scan",
            "reference": each.get("ref") or each.get("url") or each.get("name"),
            "media_type": each.get("mime"),
            "size": each.get("size"),
            "sha256": each.get("sha256"),
        }
        for each in told.get("attachments") or ()
    ]
    if told.get("form_no"):
        evidence.append({"kind": "signed_form", "reference": told["form_no"]})
    said = {
        "contacted_at": epoch_millis(told.get("accepted_at"), "accepted_at", faults),
        "customer": {
            "name": customer.get("name"),
            "phone": number.number if number else None,
            "phone_extension": number.extension if number else None,
            "level": customer.get("level"),
            "network": customer.get("network"),
        },
        "text": told.get("content") or "",
        "labels": tuple(each for each in (told.get("business_type"), told.get("complaint_type")) if each),
        "desired_outcome": told.get("desired_outcome"),
        "site": hall.get("code"),
        "agent": told.get("operator_id"),
        "evidence": evidence,
    }
    return finish(envelope, told.get("event_id"), said, faults, reach="customer.phone")


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
