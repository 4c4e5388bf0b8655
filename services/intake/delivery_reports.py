"""HTTP route for delivery reports: a gateway reports, in its own format, whether a notice was delivered (R5.7)."""

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
"""Bytes of a report."""
RECEIPT_FIELDS = {"id": "notice", "provider_id": "provider_id", "state": "state", "reason": "reason"}
"""Fields of Receipt, by our names of the fields of a report."""
MAX_REASON_LENGTH = 200
"""Characters of a reason; the rest is cut."""


def install(app: FastAPI, context: HttpContext) -> None:
    """Add the route to the application."""

    @app.post("/v1/receipts", status_code=202, tags=["notices"], openapi_extra=openapi.RECEIPT)
    async def post_receipt(
        request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Report that a notice was delivered or that its delivery has finally failed."""
        sender = context.senders.authenticate(authorization)
        sender.require_action("receipts")
        context.check_rate(sender)
        body = await read_body(request, MAX_REPORT_BYTES)
        try:
            report = parse_json_object(body)
        except InvalidPayload as error:
            raise problems.invalid_payload(error) from error
        receipt = _parse_report(report, sender.name, context)
        if receipt is None:
            return JSONResponse({"id": None}, 202)
        await context.publish([outgoing(receipt, "intake")])
        return JSONResponse({"id": str(receipt.notice or receipt.provider_id)}, 202)


def _parse_report(report: Mapping[str, Any], sender: str, context: HttpContext) -> Receipt | None:
    """Build the receipt of a report; None when its state says nothing final.

    Raises:
        Problem: 400, with every error.

    """
    names, states = context.settings.receipt_fields, context.settings.receipt_words
    values = {
        RECEIPT_FIELDS[own_name]: clean(report[gateway_name])
        for own_name, gateway_name in names.items()
        if report.get(gateway_name) not in (None, "")
    }
    state = values.get("state")
    if isinstance(state, bool | int | str):
        state = str(state).lower() if isinstance(state, bool) else str(state)
        if states.get(state) == "ignored":
            return None
        values["state"] = states.get(state, state)
    if "provider_id" in values:
        values["provider_id"] = str(values["provider_id"])
    if "reason" in values:
        values["reason"] = str(values["reason"])[:MAX_REASON_LENGTH]
    if not values.keys() & {"notice", "provider_id"}:
        raise problems.invalid_field(
            names.get("id", "id"), "bad_schema", "give the id of the message, ours or your own"
        )
    values |= {"sender": sender, "at": context.require_clock().now()}
    try:
        return Receipt.from_plain(values)
    except msgspec.ValidationError as error:
        reported_names = {RECEIPT_FIELDS[own_name]: gateway_name for own_name, gateway_name in names.items()}
        advice = {"state": f"choose one of {', '.join(states)}"}
        errors = tuple(
            {
                "field": reported_names.get(cause.field, cause.field),
                "reason": "bad_schema",
                "detail": advice.get(cause.field, cause.message),
            }
            for cause in validation_errors.find_errors(Receipt, values)
        )
        raise Problem(400, "The report cannot be used", errors=errors) from error
