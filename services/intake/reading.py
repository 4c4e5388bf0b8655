"""Who reads by a request, which tickets that shows, how much of them, and the record of it (R5.6, DECISIONS 35)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from fastapi import Depends, Header, Query

from schemas.ticket import Ticket
from services.domain.authority import reading as reading_rights
from services.domain.authority.judge import CALLBACK_ROLE
from services.domain.authority.reach import ANY
from services.domain.policy.outcome import CALL_LEASE
from services.domain.policy.pack import Pack
from services.domain.privacy.masking import mask_document
from services.intake import problems
from services.intake.access_log import AccessRecord, Fields, Sought
from services.intake.actors import require_person
from services.intake.http_context import HttpContext
from services.intake.senders import Sender
from services.shared.observability import logs

PERSON_HEADER = "X-Actor"
"""Header with the person who reads, percent-encoded UTF-8; the parameter `actor` does the same."""
MAX_LENGTH = 200
"""Characters of a person's name and of a purpose."""
NO_STORE = {"Cache-Control": "no-store"}
"""Headers of a response with a person's data, so that nobody on the way keeps it."""
CALLER_FIELDS = ("name", "phone", "phone_extension")
"""What whoever calls a customer back sees of the customer while the call is theirs (R5.3)."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class ReadingClaim:
    """What a request says about a reading.

    Attributes:
        person: who reads; None if not given.
        purpose: why; None if not given.

    """

    person: str | None
    purpose: str | None


def declare(
    x_actor: Annotated[
        str | None, Header(max_length=6 * MAX_LENGTH, description="the person who reads, percent-encoded UTF-8")
    ] = None,
    actor: Annotated[str | None, Query(max_length=MAX_LENGTH, description="the same as X-Actor")] = None,
    purpose: Annotated[str | None, Query(max_length=MAX_LENGTH, description="why; a search needs one")] = None,
) -> ReadingClaim:
    """Return what a request says about a reading, from its header and its parameters.

    Raises:
        Problem: 400 for a name that cannot be one.

    """
    person = (_decode(x_actor) if x_actor is not None else actor or "").strip()
    if not person.isprintable() or len(person) > MAX_LENGTH:
        raise problems.invalid_field(
            PERSON_HEADER, "bad_schema", f"write a name of at most {MAX_LENGTH} characters, percent-encoded in UTF-8"
        )
    return ReadingClaim(person or None, (purpose or "").strip() or None)


def _decode(header: str) -> str:
    """Return the text of a header: percent-encoded, or UTF-8 as it is."""
    text = unquote(header, errors="replace")
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


Claim = Annotated[ReadingClaim, Depends(declare)]


@dataclass(frozen=True, slots=True)
class PresentedDocument:
    """A ticket or a call as somebody sees it; `fields`: whether a person's data is masked in it."""

    body: dict[str, Any]
    fields: Fields


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads by a key.

    Attributes:
        sender: the key.
        claim: who reads, and why.
        packs: the policy packs in force, by name.
        now: business time.

    """

    sender: Sender
    claim: ReadingClaim
    packs: Mapping[str, Pack]
    now: datetime

    @property
    def shows_all(self) -> bool:
        """Whether the key shows every personal field."""
        return "personal" in self.sender.actions

    def may_read(self, ticket: Ticket) -> bool:
        """Return whether the key reaches a ticket.

        Raises:
            Retryable: the policy packs cannot be read.

        """
        pack = self.packs.get(ticket.policy.pack) if self._bounded else None
        return reading_rights.may_read(ticket, self.sender.authority, pack)

    def may_read_document(self, body: Mapping[str, Any]) -> bool:
        """Return whether the key reaches a ticket, given as the ledger's document; not if that cannot be understood.

        Raises:
            Retryable: the policy packs cannot be read.

        """
        try:
            # As a record, because the response and a newer version add fields that the model does not have.
            ticket = Ticket.from_record(msgspec.json.encode(body))
        except msgspec.ValidationError as error:
            log.warning("not_readable", ticket=str(body.get("id")), error=type(error).__name__)
            return False
        return self.may_read(ticket)

    @property
    def _bounded(self) -> bool:
        return bool(self.sender.units) and ANY not in self.sender.units

    def present(self, body: Mapping[str, Any]) -> PresentedDocument:
        """Return a ticket as this reader sees it."""
        return self._present(body, calling=self._is_calling(body))

    def present_call(self, call: Mapping[str, Any], *, taken: bool = False) -> PresentedDocument:
        """Return a due call as this reader sees it; `taken`: it is theirs now, so they see whom they call."""
        customer = {name: call[name] for name in CALLER_FIELDS if name in call}
        calling = taken and self._calls_back(str(call.get("pack")))
        presented = self._present({**call, "customer": customer}, calling=calling)
        person = presented.body.pop("customer")
        return replace(presented, body=presented.body | person)

    def _present(self, body: Mapping[str, Any], *, calling: bool) -> PresentedDocument:
        if self.shows_all:
            return PresentedDocument(dict(body), "personal")
        return PresentedDocument(
            mask_document(body, shown=CALLER_FIELDS if calling else ()), "personal" if calling else "masked"
        )

    def _is_calling(self, body: Mapping[str, Any]) -> bool:
        """Return whether the reader is calling the customer of a ticket at the moment."""
        since = body.get("calling_since")
        return (
            since is not None
            and body.get("calling") == self.claim.person is not None
            and self.now - datetime.fromisoformat(since) < CALL_LEASE
            and self._calls_back(body["policy"]["pack"])
        )

    def _calls_back(self, pack: str) -> bool:
        """Return whether the key or, by the pack, the person calls customers back."""
        if CALLBACK_ROLE in self.sender.roles:
            return True
        policy = self.packs.get(pack)
        person = policy.persons.get(self.claim.person or "") if policy is not None else None
        return person is not None and CALLBACK_ROLE in person.roles

    def record(
        self, route: str, sought: Sought, presented: Sequence[PresentedDocument], digest: bytes | None = None
    ) -> AccessRecord:
        """Return the record of what this reader is about to see."""
        return AccessRecord(
            key=self.sender.name,
            person=self.claim.person,
            route=route,
            sought=sought,
            tickets=tuple(str(each.body["number"]) for each in presented),
            fields="personal" if any(each.fields == "personal" for each in presented) else "masked",
            purpose=self.claim.purpose,
            digest=digest,
        )


def identify_reader(context: HttpContext, sender: Sender, claim: ReadingClaim, *, shows_person: bool = True) -> Reader:
    """Return who reads by a request; `shows_person`: whether what is read may hold a person's data.

    Raises:
        Problem: 400 when a key that shows personal data does not say who reads it; 403 for a person for whom the key
            does not act; 503 while the service is starting.

    """
    person = claim.person
    if person is None and len(sender.persons) == 1:
        person = sender.persons[0]
    if person is None and shows_person and "personal" in sender.actions:
        raise problems.invalid_field(
            PERSON_HEADER,
            "missing",
            "name the person who reads: this key shows personal data, which is recorded",
        )
    if person is not None:
        require_person(person, sender, field=PERSON_HEADER)
    return Reader(sender, ReadingClaim(person, claim.purpose), context.packs, context.require_clock().now())
