"""The OpenAPI document: request bodies with the contract's schemas, and the errors that every operation can return."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas import json_schema
from schemas.command import Action
from schemas.contact import Contact
from services.intake.domain import partial_actions
from services.intake.domain.message_parts import MBOX, XLSX
from services.intake.domain.submission import RESERVED_FIELDS

TEMPLATE = "#/components/schemas/{name}"


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _lines(status: str, description: str) -> dict[str, Any]:
    line = {"type": "string", "description": "one JSON object per line: line, status, and reference or errors"}
    return {status: {"description": description, "content": {"application/x-ndjson": {"schema": line}}}}


CONTACT = _body("application/json", {"$ref": "#/components/schemas/Submission"})
BATCH = _body("application/x-ndjson", {"type": "string", "description": "one Submission per line"}) | {
    "responses": _lines("200", "a result for each line, in order")
}
TEXT_TYPES = ("application/x-www-form-urlencoded", "application/x-ndjson", "text/xml", "text/csv", "text/plain")
NATIVE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "description": "a message in the channel's own format"}},
            **{type_: {"schema": {"type": "string"}} for type_ in TEXT_TYPES},
            **{type_: {"schema": {"type": "string", "format": "binary"}} for type_ in ("message/rfc822", MBOX, XLSX)},
        },
    },
    "responses": {
        "200": {
            "description": "for a file, a result for each message; for WeChat, the text success",
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
            "id": {
                "type": "string",
                "format": "uuid",
                "description": "id under which the notice was sent to the gateway",
            },
            "provider_id": {"type": "string", "maxLength": 200, "description": "the gateway's own id of the message"},
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
            "action": {"anyOf": [{"$ref": "#/components/schemas/Action"}, partial_actions.schema()]},
            "actor": {
                "type": "object",
                "description": "who acts: a person of a unit of the key; a portal sends kind customer alone",
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 200},
                    "unit": {"type": "string", "maxLength": 64, "description": "left out: the only unit of the key"},
                    "kind": {"enum": ["agent", "unit", "customer"], "default": "agent"},
                },
            },
            "customer": {
                "type": "object",
                "description": "only from a portal: the signed-in customer, who has to be the one of the ticket",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": {
                    name: {"type": "string", "minLength": 1, "maxLength": 200}
                    for name in ("phone", "number", "identity")
                },
            },
            "expected_version": {"type": "integer", "minimum": 1},
        },
    },
)


def _schemas() -> dict[str, Any]:
    """Return the schemas of the request bodies; Submission is Contact without the fields that intake sets."""
    (_, action), schemas = json_schema.components([Contact, Action], template=TEMPLATE)
    contact = schemas.pop("Contact")
    contact["title"] = "Submission"
    contact["properties"] = {
        name: schema for name, schema in contact["properties"].items() if name not in RESERVED_FIELDS
    }
    contact["required"] = ["customer"]
    return schemas | {"Submission": contact, "Action": action}


PROBLEM = {
    "type": "object",
    "description": "RFC 9457: what is wrong, and for each invalid field the reason and what to do",
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
    "400": "a field is invalid",
    "401": "no key, or an unknown one",
    "403": "the key does not allow this, or the unit may not do it on this ticket",
    "404": "there is no such channel, ticket, contact or command",
    "409": "another command was sent with this Idempotency-Key",
    "413": "too large",
    "429": "rate limit of this key exceeded: see Retry-After",
    "503": "try again later, see Retry-After; a repeated message is not counted twice",
}


def _with_problems(document: dict[str, Any]) -> None:
    """Add the error responses and the key to every operation."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"] |= {
                code: {"description": description, "content": content} for code, description in PROBLEMS.items()
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
    """Replace the application's OpenAPI document by one with the contract's schemas."""

    def build_document() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _with_problems(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = build_document  # type: ignore[method-assign]
