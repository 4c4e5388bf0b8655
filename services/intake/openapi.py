"""What /docs says of the bodies: the schemas of the contract, as a sender writes them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from schemas.command import Action, Actor
from schemas.contact import Contact
from services.intake.domain.submission import OURS

TEMPLATE = "#/components/schemas/{model}"


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


CONTACT = _body("application/json", {"$ref": "#/components/schemas/Submission"})
BATCH = _body("application/x-ndjson", {"type": "string", "description": "one Submission a line"})
NATIVE = _body("application/json", {"type": "object", "description": "a record in the channel's own words"})
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
    _, definitions = models_json_schema([(Contact, "validation"), (Actor, "validation")], ref_template=TEMPLATE)
    schemas: dict[str, Any] = definitions["$defs"]
    contact = schemas.pop("Contact")
    contact["title"] = "Submission"
    contact["properties"] = {name: told for name, told in contact["properties"].items() if name not in OURS}
    contact["required"] = ["customer"]
    action = TypeAdapter(Action).json_schema(ref_template=TEMPLATE)
    schemas |= action.pop("$defs")
    return schemas | {"Submission": contact, "Action": action}


def install(app: FastAPI) -> None:
    """Make the application describe itself with the contract's schemas."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            document.setdefault("components", {}).setdefault("schemas", {}).update(_schemas())
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
