"""What /docs says of the bodies: the schemas of the contract, as a sender writes them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas import json_schema
from schemas.command import Action, Actor
from schemas.contact import Contact
from services.intake.domain.splitter import MBOX, XLSX
from services.intake.domain.submission import RESERVED_FIELDS

TEMPLATE = "#/components/schemas/{name}"


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _lines(status: str, told: str) -> dict[str, Any]:
    line = {"type": "string", "description": "one JSON object a line: line, status, and reference or errors"}
    return {status: {"description": told, "content": {"application/x-ndjson": {"schema": line}}}}


CONTACT = _body("application/json", {"$ref": "#/components/schemas/Submission"})
BATCH = _body("application/x-ndjson", {"type": "string", "description": "one Submission a line"}) | {
    "responses": _lines("200", "a result for each line, in order")
}
TEXT_TYPES = ("application/x-www-form-urlencoded", "application/x-ndjson", "text/xml", "text/csv", "text/plain")
NATIVE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "description": "a message in the channel's own words"}},
            **{each: {"schema": {"type": "string"}} for each in TEXT_TYPES},
            **{each: {"schema": {"type": "string", "format": "binary"}} for each in ("message/rfc822", MBOX, XLSX)},
        },
    },
    "responses": {
        "200": {
            "description": "a file: a result for each message; WeChat: success",
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/plain": {"schema": {"type": "string"}},
            },
        }
    },
}
ATTACHMENT = _body(
    "application/octet-stream", {"type": "string", "format": "binary", "description": "the attachment's bytes"}
)
RECEIPT = _body(
    "application/json",
    {
        "type": "object",
        "required": ["state"],
        "anyOf": [{"required": ["id"]}, {"required": ["provider_id"]}],
        "properties": {
            "id": {"type": "string", "format": "uuid", "description": "under which the notice was handed over"},
            "provider_id": {"type": "string", "maxLength": 200, "description": "the gateway's own id of it"},
            "state": {"enum": ["delivered", "failed"]},
            "reason": {"type": "string", "maxLength": 200},
        },
    },
)
COMMAND = _body(
    "application/json",
    {
        "type": "object",
        "required": ["action"],
        "additionalProperties": False,
        "properties": {
            "action": {"$ref": "#/components/schemas/Action"},
            "actor": {"$ref": "#/components/schemas/Actor"},
            "expected_version": {"type": "integer", "minimum": 1},
        },
    },
)


def _schemas() -> dict[str, Any]:
    (_, _, action), schemas = json_schema.components([Contact, Actor, Action], template=TEMPLATE)
    contact = schemas.pop("Contact")
    contact["title"] = "Submission"
    contact["properties"] = {name: told for name, told in contact["properties"].items() if name not in RESERVED_FIELDS}
    contact["required"] = ["customer"]
    return schemas | {"Submission": contact, "Action": action}


PROBLEM = {
    "type": "object",
    "description": "RFC 9457: what is wrong, and for each field at fault the reason and what to do",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason", "detail"],
                "properties": {name: {"type": "string"} for name in ("field", "reason", "detail")},
            },
        },
    },
}
PROBLEMS = {
    "400": "a field is at fault",
    "401": "no key, or an unknown one",
    "403": "the key does not allow this",
    "404": "there is no such channel, ticket, contact or command",
    "409": "another command came under this Idempotency-Key",
    "413": "too large",
    "429": "too many messages of this key: see Retry-After",
    "503": "try again later, see Retry-After; what is sent again is not counted twice",
}


def _with_problems(document: dict[str, Any]) -> None:
    """Say of every operation how it fails, and that it needs a key."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"] |= {
                code: {"description": told, "content": content} for code, told in PROBLEMS.items()
            }
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`duban sender add` makes one"}
    }
    document["security"] = [{"key": []}]
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= {"Problem": PROBLEM, **_schemas()}


def install(app: FastAPI) -> None:
    """Make the application describe itself with the contract's schemas."""

    def json_schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _with_problems(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = json_schema  # type: ignore[method-assign]
