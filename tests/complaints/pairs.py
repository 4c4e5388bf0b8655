"""Plays pairs of contacts: where the second goes when the first is a ticket already. Run as a module, it prints all.

A pair says what the first contact and the state of its ticket are, what the second contact is, and what a manager of a
complaint centre expects of it: `remind`, `note`, `reopen`, `new_linked` or `new`; `also` holds what is as good.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from deploy.tools.checkout import PROJECT
from duban.rehearsal_input import build_contact
from schemas.contact import Contact
from schemas.ticket import Status
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.router.domain.candidate import CandidateTicket
from services.router.domain.decision import RoutingDecision
from services.router.domain.earlier_contact import EarlierContact, named_tickets, writer_of
from services.router.domain.message import CONVERSATION
from services.router.domain.route import route

OWN = PROJECT / "tests/complaints/pairs.jsonl"
GIVEN = PROJECT.parent / "shared/complaints/pairs.jsonl"
"""Pairs that the customer labelled; not part of the tree."""
STATUSES = {"open": Status.HANDLING, "answered": Status.ANSWERED, "closed": Status.CLOSED}
OWN_LIMITS = frozenset({"escalated", "appeal", "service_request"})
"""Kinds with limits of their own, which no open ticket may swallow (DECISIONS 42)."""
NEW = frozenset({"new", "new_linked"})


@dataclass(frozen=True, slots=True)
class PlayedPair:
    """What became of the second contact of a pair.

    Attributes:
        pair: as the file has it.
        outcome: remind, note, reopen, new_linked or new.
        decision: of the router about the second contact.

    """

    pair: Mapping[str, Any]
    outcome: str
    decision: RoutingDecision

    @property
    def verdict(self) -> str:
        """Whether the outcome is `right`, `acceptable` or `wrong`."""
        if self.outcome == self.pair["expect"]:
            return "right"
        return "acceptable" if self.outcome in self.pair.get("also", ()) else "wrong"

    @property
    def worst(self) -> str | None:
        """Which of the two worst kinds of error it is, if it is one."""
        if self.verdict != "wrong" or self.outcome in NEW:
            return None
        if self.decision.classification.kind in OWN_LIMITS:
            return "kind swallowed"
        return "joined to another customer's ticket" if self.pair["expect"] in NEW else None


def load(path: Path) -> list[dict[str, Any]]:
    """Return the pairs of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def play_all(pairs: Iterable[Mapping[str, Any]], packs: Mapping[str, Pack]) -> Iterator[PlayedPair]:
    """Play pairs, each on its own."""
    for pair in pairs:
        yield play(pair, packs[pair["pack"]])


def play(pair: Mapping[str, Any], pack: Pack) -> PlayedPair:
    """Route both contacts of a pair, the second with the first one's ticket in the state that the pair says."""
    first = build_contact(pair["first"], pack.header.name, "first")
    second = build_contact(pair["second"], pack.header.name, "second")
    ticket = _ticket(pair, first, second, pack)
    earlier = EarlierContact(ticket, writer_of(first))
    numbered = {pair["first_ticket_number"]: earlier} if "first_ticket_number" in pair else {}
    candidates = named_tickets(second, {}, numbered)
    if earlier.may_be_of(writer_of(second)):
        candidates.append(earlier.candidate_for(writer_of(second)))
    decision = route(second, candidates, pack, second.received_at)
    return PlayedPair(pair, _outcome(decision, ticket), decision)


def _ticket(pair: Mapping[str, Any], first: Contact, second: Contact, pack: Pack) -> CandidateTicket:
    """Return the first contact's ticket in the state that the pair says."""
    opened = route(first, [], pack, first.received_at)
    status = STATUSES[pair["first_ticket_state"]]
    closed = second.received_at - timedelta(days=pair.get("days_since", 0)) if status is Status.CLOSED else None
    return CandidateTicket(
        opened.ticket_id,
        status,
        closed,
        opened.classification.business_type,
        opened.classification.problem_type,
        first.text,
        person="perhaps",
        asked=pair.get("asked", False),
        kind=opened.classification.kind,
        channel=first.channel,
        conversation=first.details.get(CONVERSATION),
        last_at=first.received_at,
    )


def _outcome(decision: RoutingDecision, ticket: CandidateTicket) -> str:
    if decision.disposition == "open":
        linked = ticket.ticket_id in {link.ticket_id for link in decision.links}
        return "new_linked" if linked else "new"
    if decision.disposition == "remind":
        over = ticket.status in {Status.ANSWERED, Status.CLOSED}
        return "reopen" if decision.disputed and over else "remind"
    return "note"


def report(played: Iterable[PlayedPair]) -> str:
    """Return the counts of some pairs, and every pair that is not right."""
    played = list(played)
    verdicts = Counter(each.verdict for each in played)
    worst = Counter(each.worst for each in played if each.worst is not None)
    lines = [
        f"{each.pair['id']} {each.verdict}: {each.outcome} for {each.pair['expect']} ({each.pair['topic']}): "
        f"{each.decision.reason}"
        for each in played
        if each.verdict != "right"
    ]
    counts = ", ".join(f"{verdicts[each]} {each}" for each in ("right", "acceptable", "wrong"))
    lines.append(f"{len(played)} pairs: {counts}")
    lines += [f"worst: {worst[each]} {each}" for each in ("joined to another customer's ticket", "kind swallowed")]
    return "\n".join(lines)


def main() -> None:
    """Print how the pairs of some files come out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=[path for path in (GIVEN, OWN) if path.exists()])
    packs = loading.load(PROJECT / "policies")
    for path in parser.parse_args().files:
        print(f"{path.name} ({path.parent.parent.name}):", report(play_all(load(path), packs)), sep="\n")


if __name__ == "__main__":
    main()
