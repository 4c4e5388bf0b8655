"""The hotline's form record: what the operator wrote down while the customer spoke (channel.hotline)."""

from typing import Any

from schemas.contact import Contact
from services.intake.domain.draft import Envelope, finish, json_object
from services.intake.domain.fields import Faults, instant, moment, phone


def contact(envelope: Envelope) -> Contact:
    """Make a contact of a form record.

    Raises:
        Unusable: something is wrong with it.

    """
    told = json_object(envelope.body)
    faults = Faults()
    caller: dict[str, Any] = told.get("customer") or {}
    number = phone(caller.get("contact_phone")) or phone(caller.get("ani"))
    if number is None and not caller.get("ani"):
        faults.flag("phone_withheld")
    recording = (told.get("recording") or {}).get("ref")
    signed = told.get("signed_form_ref")
    evidence = (
        {"kind": "recording", "reference": recording} if recording else {"kind": "signed_form", "reference": signed}
    )
    said = {
        "contacted_at": instant(told.get("created_at"), "created_at", faults),
        "occurred_at": moment(told.get("occurred_at"), "occurred_at", faults),
        "customer": {
            "name": caller.get("name"),
            "number": caller.get("customer_no"),
            "phone": number.number if number else None,
            "phone_extension": number.extension if number else None,
            "level": caller.get("level"),
            "network": caller.get("network"),
            "home_region": caller.get("home_province"),
            "visiting_region": caller.get("visiting_province"),
        },
        "text": told.get("content") or "",
        "labels": tuple(each for each in (told.get("business_type"), told.get("problem_type")) if each),
        "desired_outcome": told.get("desired_outcome"),
        "amount_in_dispute": told.get("amount_in_dispute"),
        "currency": told.get("currency") or "CNY",
        "agent": told.get("operator_id"),
        "evidence": (evidence,) if evidence["reference"] else (),
        "settlement": _settlement(told),
    }
    return finish(envelope, told.get("form_no"), said, faults, reach="customer.contact_phone")


def _settlement(told: dict[str, Any]) -> dict[str, Any] | None:
    if not told.get("settled_on_call"):
        return None
    answer = told.get("answer") or {}
    outcome = answer.get("outcome") or told.get("desired_outcome") or "settled on the call"
    return {
        "outcome": outcome,
        "explanation": answer.get("explanation") or outcome,
        "agreed": answer.get("agreed", True),
        "cause": answer.get("cause"),
        "owner": answer.get("owner"),
    }
