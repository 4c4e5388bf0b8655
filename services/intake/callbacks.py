"""HTTP routes for agents who call customers back (R5.3): list the calls that are due, and take the next one.

How a call ended is reported by a command: POST /v1/tickets/{number}/commands with record_callback.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Header, Query
from fastapi.responses import JSONResponse

from schemas.command import Actor, Command
from schemas.customer_actions import StartCallback
from services.domain.authority.judge import CALLBACK_ROLE
from services.domain.authority.reach import ANY
from services.domain.ids import command_id
from services.domain.policy.pack import Pack
from services.intake import access_log, actors, commands, outcomes, problems
from services.intake.access_log import Sought
from services.intake.http_context import HttpContext
from services.intake.reading import NO_STORE, Claim, PresentedDocument, Reader, ReadingClaim, identify_reader
from services.intake.senders import Sender
from services.shared.kafka.records import outgoing
from services.shared.runtime.errors import Problem, Retryable

DECISION_WAIT_SECONDS = 5.0
"""Real seconds to wait for the ledger's decision that a call is taken."""
MAX_CANDIDATES = 20
"""Due calls that are tried in order before the answer is that none is due, so that a refused one blocks no other."""

PackFilter = Annotated[str | None, Query(max_length=64, description="only calls of this policy pack")]
CentreFilter = Annotated[
    str | None,
    Query(max_length=64, description="only calls of this centre: headquarters calls escalated cases and appeals"),
]


def install(app: FastAPI, context: HttpContext) -> None:
    """Add the routes to the application."""

    @app.get("/v1/callbacks", tags=["callbacks"])
    async def get_callbacks(
        claim: Claim,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        pack: PackFilter = None,
        centre: CentreFilter = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """List the calls of the key's centres that are due and not taken, within the customers' calling hours.

        Whom to call is masked until the call is taken, unless the key shows personal data.
        """
        sender = context.senders.authenticate(authorization)
        sender.require_action("read")
        require_callback_role(sender)
        context.check_reading_rate(sender)
        reader = identify_reader(context, sender, claim)
        reach = _reach(sender, pack, centre)

        def list_calls() -> list[dict[str, Any]]:
            calls = outcomes.due_calls(context.database, reader.now, limit, **reach)
            return _record(context, reader, "callbacks", "list", [reader.present_call(call) for call in calls])

        return JSONResponse({"callbacks": await context.query(list_calls)}, headers=NO_STORE)

    @app.post("/v1/callbacks/next", tags=["callbacks"])
    async def take_next(
        agent: Annotated[str, Query(min_length=1, max_length=100, description="the agent who calls")],
        pack: PackFilter = None,
        centre: CentreFilter = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """Take the next call that is due; no other agent gets it for half an hour. 404: no call is due."""
        sender = context.senders.authenticate(authorization)
        sender.require_action("commands")
        context.check_rate(sender)
        actors.require_person(agent, sender, field="agent")
        reader = identify_reader(context, sender, ReadingClaim(agent, None))
        commands.require_may("start_callback", sender)
        if not await context.query(lambda: _calls_back(agent, sender, context.packs)):
            require_callback_role(sender)
        reach = _reach(sender, pack, centre)
        calls = await context.query(lambda: outcomes.due_calls(context.database, reader.now, MAX_CANDIDATES, **reach))
        for call in calls:
            if await _try_take(context, call, agent, sender):
                return JSONResponse(await context.query(partial(_show_taken, context, reader, call)), headers=NO_STORE)
        raise Problem(404, "No call is due", "ask again later; GET /v1/callbacks lists what is due")


def _record(
    context: HttpContext, reader: Reader, route: str, sought: Sought, presented: list[PresentedDocument]
) -> list[dict[str, Any]]:
    """Return calls as the reader sees them, once it is recorded that they do.

    Raises:
        Retryable: the database is unavailable, or cannot record it.

    """
    if presented:
        record = reader.record(route, sought, presented)
        access_log.write(context.database, record)
        context.metrics.reads.labels(route, record.fields).inc()
    return [each.body for each in presented]


def _show_taken(context: HttpContext, reader: Reader, call: dict[str, Any]) -> dict[str, Any]:
    """Return a call that was just taken, with the phone for whoever calls customers back."""
    (shown,) = _record(context, reader, "callback", "call", [reader.present_call(call, taken=True)])
    return shown


def require_callback_role(sender: Sender) -> None:
    """Check that a key is for those who call customers back.

    Raises:
        Problem: 403 when it is not.

    """
    if CALLBACK_ROLE not in sender.roles:
        raise problems.forbidden(
            "Authorization",
            f"calls are for those who call customers back: ask for a key with the role {CALLBACK_ROLE}",
        )


def _calls_back(agent: str, sender: Sender, packs: Mapping[str, Pack]) -> bool:
    """Return whether the key, or a pack of the key, says that the agent calls customers back."""
    if CALLBACK_ROLE in sender.roles:
        return True
    try:
        persons = [packs[name].persons.get(agent) for name in packs if sender.reaches_pack(name)]
    except Retryable:
        return False
    return any(person is not None and CALLBACK_ROLE in person.roles for person in persons)


def _reach(sender: Sender, pack: str | None, centre: str | None) -> dict[str, Sequence[str] | None]:
    """Return the packs and centres whose calls a request is about: those of the key, or the one that it names.

    Raises:
        Problem: 403 when the key does not reach the one that it names.

    """
    return {
        "packs": _within("pack", pack, sender.packs),
        "centres": _within("centre", centre, sender.units),
    }


def _within(name: str, wanted: str | None, own: Sequence[str]) -> Sequence[str] | None:
    if ANY in own:
        return [wanted] if wanted is not None else None
    if wanted is not None and wanted not in own:
        raise problems.forbidden(
            name,
            f"the key is for {', '.join(own) or 'none'}, not for {wanted}: leave {name} out, or ask for another key",
        )
    return [wanted] if wanted is not None else own


async def _try_take(context: HttpContext, call: dict[str, Any], agent: str, sender: Sender) -> bool:
    """Ask the ledger for a call; False when another agent was first or the call is no longer wanted.

    Raises:
        Problem: 503 when the ledger does not decide in time, so that no agent ends up with two calls.

    """
    clock, ticket = context.require_clock(), UUID(call["ticket_id"])
    command = Command(
        id=command_id(ticket, "start_callback", call["version"], agent),
        ticket_id=ticket,
        at=clock.now(),
        actor=Actor(kind="agent", name=agent, unit=call["centre"], key=sender.name),
        expected_version=call["version"],
        action=StartCallback(),
        authority=sender.authority,
    )
    await context.publish([outgoing(command, "intake")])
    decision = await context.wait_for(
        DECISION_WAIT_SECONDS, lambda: outcomes.command_outcome(context.database, command.id), bool
    )
    if decision is None:
        raise problems.unavailable("the call has not been assigned yet: ask again")
    return bool(decision["outcome"] == "done")
