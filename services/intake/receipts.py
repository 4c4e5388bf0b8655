"""The door of delivery reports: a gateway says what became of a notice (R5.7)."""

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse

from schemas import faults
from schemas.receipt import Receipt
from services.intake import openapi, problems
from services.intake.domain.envelope import json_object
from services.intake.domain.fields import Unusable
from services.intake.door import Doorway, body_of
from services.shared.errors import Problem
from services.shared.records import outgoing

LARGEST = 16 * 1024
FIELDS = {"id": "notice", "state": "state", "reason": "reason"}


def install(app: FastAPI, door: Doorway) -> None:
    """Add the door to the application."""

    @app.post("/v1/receipts", status_code=202, tags=["notices"], openapi_extra=openapi.RECEIPT)
    async def post_receipt(
        request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Report that a notice has reached its reader's device, or never will."""
        who = door.senders.of(authorization)
        who.require("receipts")
        door.admit(who)
        body = await body_of(request, LARGEST)
        try:
            told = json_object(body)
        except Unusable as error:
            raise problems.unusable(error) from error
        receipt = _read(told, who.name, door)
        await door.publish([outgoing(receipt, "intake")])
        return JSONResponse({"id": str(receipt.notice)}, 202)


def _read(told: dict[str, Any], sender: str, door: Doorway) -> Receipt:
    unknown = sorted(told.keys() - FIELDS.keys())
    if unknown:
        raise problems.one_fault(unknown[0], "bad_schema", f"a report has {', '.join(FIELDS)}, nothing else")
    said = {FIELDS[name]: value for name, value in told.items()} | {"sender": sender, "at": door.now_clock().now()}
    try:
        return Receipt.from_plain(said)
    except msgspec.ValidationError as error:
        names = {inner: outer for outer, inner in FIELDS.items()}
        wrong = tuple(
            {"field": names.get(each.field, each.field), "reason": "bad_schema", "detail": each.message}
            for each in faults.every(Receipt, said)
        )
        raise Problem(400, "The report cannot be used", errors=wrong) from error
