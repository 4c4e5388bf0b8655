"""The door of delivery reports: a gateway says, in its own words, what became of a notice (R5.7)."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse

from schemas import validation_errors
from schemas.receipt import Receipt
from services.intake import openapi, problems
from services.intake.domain.envelope import parse_json_object
from services.intake.domain.fields import InvalidPayload, clean
from services.intake.http_context import HttpContext, read_body
from services.shared.kafka.records import outgoing
from services.shared.runtime.errors import Problem

MAX_REPORT_BYTES = 16 * 1024
RECEIPT_FIELDS = {"id": "notice", "provider_id": "provider_id", "state": "state", "reason": "reason"}
"""What a report's fields are in a Receipt."""
MAX_REASON_LENGTH = 200


def install(app: FastAPI, door: HttpContext) -> None:
    """Add the door to the application."""

    @app.post("/v1/receipts", status_code=202, tags=["notices"], openapi_extra=openapi.RECEIPT)
    async def post_receipt(
        request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Report that a notice has reached its reader's device, or never will."""
        who = door.senders.authenticate(authorization)
        who.require_action("receipts")
        door.check_rate(who)
        body = await read_body(request, MAX_REPORT_BYTES)
        try:
            told = parse_json_object(body)
        except InvalidPayload as error:
            raise problems.invalid_payload(error) from error
        receipt = _parse_report(told, who.name, door)
        if receipt is None:
            return JSONResponse({"id": None}, 202)
        await door.publish([outgoing(receipt, "intake")])
        return JSONResponse({"id": str(receipt.notice or receipt.provider_id)}, 202)


def _parse_report(told: Mapping[str, Any], sender: str, door: HttpContext) -> Receipt | None:
    """Return a report in our words; None when nothing has been decided yet."""
    names, words = door.settings.receipt_fields, door.settings.receipt_words
    said = {
        RECEIPT_FIELDS[ours]: clean(told[theirs])
        for ours, theirs in names.items()
        if told.get(theirs) not in (None, "")
    }
    word = said.get("state")
    if isinstance(word, bool | int | str):
        word = str(word).lower() if isinstance(word, bool) else str(word)
        if words.get(word) == "ignored":
            return None
        said["state"] = words.get(word, word)
    if "provider_id" in said:
        said["provider_id"] = str(said["provider_id"])
    if "reason" in said:
        said["reason"] = str(said["reason"])[:MAX_REASON_LENGTH]
    if not said.keys() & {"notice", "provider_id"}:
        raise problems.invalid_field(
            names.get("id", "id"), "bad_schema", "tell the id of the message, ours or your own"
        )
    said |= {"sender": sender, "at": door.require_clock().now()}
    try:
        return Receipt.from_plain(said)
    except msgspec.ValidationError as error:
        outer = {RECEIPT_FIELDS[ours]: theirs for ours, theirs in names.items()}
        wrong = tuple(
            {"field": outer.get(each.field, each.field), "reason": "bad_schema", "detail": each.message}
            for each in validation_errors.find_errors(Receipt, said)
        )
        raise Problem(400, "The report cannot be used", errors=wrong) from error
