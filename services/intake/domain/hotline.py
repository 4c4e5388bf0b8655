"""The hotline's form record: what the operator wrote down while the customer spoke (channel.hotline)."""

from typing import Any

from schemas.contact import Contact
from services.intake.domain.draft import Envelope, finish, json_object
from services.intake.domain.fields import Faults, Told, instant, money, occurrence, phone


def contact(envelope: Envelope) -> Contact:
    """Make a contact of a form record.

    Raises:
        Unusable: something is wrong with it.

    """
    faults = Faults()
    told = Told(json_object(envelope.body), faults)
    caller = told.part("customer")
    number = phone(caller.text("contact_phone")) or phone(caller.text("ani"))
    if number is None and caller.text("ani") is None:
        faults.flag("phone_withheld")
    said = {
        "contacted_at": instant(told.text("created_at"), "created_at", faults),
        **occurrence(told.text("occurred_at"), faults),
        "customer": {
            "name": caller.text("name"),
            "number": caller.text("customer_no"),
            "phone": number.number if number else None,
            "phone_extension": number.extension if number else None,
            "level": caller.text("level"),
            "network": caller.text("network"),
            "home_region": caller.text("home_province"),
            "visiting_region": caller.text("visiting_province"),
        },
        "text": told.text("content") or "",
        "labels": tuple(each for each in (told.text("business_type"), told.text("problem_type")) if each),
        "desired_outcome": told.text("desired_outcome"),
        "amount_in_dispute": money(told.values.get("amount_in_dispute"), "amount_in_dispute", faults),
        "currency": told.text("currency") or "CNY",
        "agent": told.text("operator_id"),
        "evidence": _evidence(told),
        "settlement": _settlement(told),
    }
    return finish(envelope, told.text("form_no"), said, faults, reach="customer.contact_phone")


def _evidence(told: Told) -> list[dict[str, Any]]:
    recording, signed = told.part("recording").text("ref"), told.text("signed_form_ref")
    if recording:
        return [{"kind": "recording", "reference": recording}]
    return [{"kind": "signed_form", "reference": signed}] if signed else []


def _settlement(told: Told) -> dict[str, Any] | None:
    if told.values.get("settled_on_call") is not True:
        return None
    answer = told.part("answer")
    outcome = answer.text("outcome") or told.text("desired_outcome") or "settled on the call"
    return {
        "outcome": outcome,
        "explanation": answer.text("explanation") or outcome,
        "agreed": answer.values.get("agreed", True),
        "cause": answer.text("cause"),
        "owner": answer.text("owner"),
    }
