"""Keeps the page /docs and the document /openapi.json behind a key where the deployment wants that."""

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.intake import problems
from services.intake.senders import SenderRegistry
from services.intake.settings import IntakeSettings
from services.shared.runtime.errors import Problem

PATHS = frozenset({"/docs", "/openapi.json", "/docs/oauth2-redirect"})
"""What describes the interface. The page's scripts and styles are the same everywhere, and stay open."""
UNAUTHORISED = 401
CHALLENGE = 'Basic realm="Duban", charset="UTF-8"'
"""By it a browser asks for a name and a password; the password is the key."""


def need_key(settings: IntakeSettings) -> bool:
    """Return whether the descriptions need a key: as it is set, else in production."""
    if settings.api_docs is not None:
        return settings.api_docs == "key"
    return settings.environment == "production"


class DescriptionGate:
    """Asks for a key before the interface is described; any key will do, also as a password of the Basic scheme."""

    def __init__(self, app: ASGIApp, senders: SenderRegistry) -> None:
        self._app = app
        self._senders = senders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "http" and scope["path"].rstrip("/") in PATHS:
            try:
                self._senders.authenticate(Headers(scope=scope).get("Authorization"))
            except Problem as error:
                response = problems.document(error)
                if error.status == UNAUTHORISED:
                    response.headers["WWW-Authenticate"] = CHALLENGE
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def install(app: FastAPI, senders: SenderRegistry, settings: IntakeSettings) -> None:
    """Put the gate before the application, if its descriptions need a key."""
    if need_key(settings):
        app.add_middleware(DescriptionGate, senders=senders)
