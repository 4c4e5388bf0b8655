"""The search: breadth first from every opening, to where no move leads to anything new."""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from duban.proving.acts import Acts
from duban.proving.checks import Checks
from duban.proving.coverage import Coverage
from duban.proving.findings import Finding, crash
from duban.proving.moves import Move
from duban.proving.openings import Opening, Openings
from duban.proving.states import States
from duban.proving.steps import NO_TIME, opened, reduced, take, waited
from duban.proving.time_moves import time_moves
from schemas.ticket import Ticket
from services.domain.policy.pack import Pack

PLACES = frozenset({"where", "who", "back"})
"""Parts of the vector in which time changes nothing."""


@dataclass(slots=True)
class Node:
    """A state that was reached, with the shortest way to it.

    Attributes:
        ticket: one ticket in this state.
        opening: the contact that opened it.
        parent: the state before; None where the ticket was opened.
        move: that led here.
        depth: number of moves.
        waited: how long the ticket has waited in this run.
        new: the parts of the vector that were never seen before.

    """

    ticket: Ticket
    opening: Opening
    parent: "Node | None" = None
    move: Move | None = None
    depth: int = 0
    waited: timedelta = NO_TIME
    new: frozenset[str] = frozenset()

    def moves(self) -> list[Move]:
        """Return the moves that led here, the first one first."""
        found: list[Move] = []
        node: Node | None = self
        while node is not None and node.move is not None:
            found.append(node.move)
            node = node.parent
        return found[::-1]


@dataclass(frozen=True)
class Found:
    """A finding with the shortest way to it.

    Attributes:
        finding: what is wrong.
        opening: the contact that opens the ticket.
        moves: what happens then; the last of them shows what is wrong.

    """

    finding: Finding
    opening: Opening
    moves: tuple[Move, ...]


@dataclass
class Search:
    """One search of a pack's states.

    Attributes:
        pack: the policy pack.
        openings: contacts with which it begins.
        acts: what may be done.
        states: computes state vectors.
        checks: what is looked for.
        exempt: findings that do not count; the search goes on from them.
        first: whether it ends with the first finding that counts.
        depth: most moves of a story; None: to the fix-point.
        found: by what makes findings the same, the shortest first.
        states_seen: states from which every move was taken.
        decisions: that were taken.

    """

    pack: Pack
    openings: Openings
    acts: Acts
    states: States
    checks: Checks
    exempt: frozenset[tuple[str, str]] | set[tuple[str, str]] = frozenset()
    first: bool = False
    depth: int | None = None
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    states_seen: int = 0
    decisions: int = 0
    coverage: Coverage = field(init=False)
    _seen: set[Hashable] = field(default_factory=set)
    _tried: set[Hashable] = field(default_factory=set)
    _closed: set[Hashable] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.coverage = Coverage(self.pack)

    def run(self) -> None:
        """Search until nothing new is reached, or until the first finding if no more are wanted."""
        queue: deque[Node] = deque()
        for opening in self.openings.contacts():
            self._open(opening, queue)
        while queue and not (self.first and self.violated):
            self._expand(queue.popleft(), queue)

    @property
    def violated(self) -> bool:
        """Whether anything was found that counts."""
        return any(key not in self.exempt for key in self.found)

    def _open(self, opening: Opening, queue: deque[Node]) -> None:
        self.decisions += 1
        try:
            step = opened(opening, self.pack)
        except Exception as error:  # noqa: BLE001 - whatever the rules raise is what is looked for
            finding = crash("open", error)
            self.found.setdefault(finding.key, Found(finding, opening, ()))
            return
        self.coverage.add_events(step.events)
        findings = list(self.checks.of(step, Move.of(step.act), NO_TIME))
        self._reach(Node(reduced(step.after), opening), findings, queue)

    def _expand(self, node: Node, queue: deque[Node]) -> None:
        self.states_seen += 1
        for move in self._moves(node):
            steps = take(node.ticket, move, self.pack)
            self.decisions += len(steps)
            if not steps:
                continue
            total, findings = node.waited, list[Finding]()
            for step in steps:
                findings += self.checks.of(step, move, total)
                total = waited(total, [step])
                self.coverage.add(step)
            after = steps[-1].after
            if move.former or (after is steps[-1].before and len(steps) == 1):
                self._report(Node(after, node.opening, node, move, node.depth + 1), findings)
            else:
                self._reach(Node(reduced(after), node.opening, node, move, node.depth + 1, total), findings, queue)

    def _reach(self, node: Node, findings: list[Finding], queue: deque[Node]) -> None:
        """Go on from a state if it is new and nothing is wrong with it."""
        if not findings and node.ticket.open:
            findings += self._obstacle(node.ticket)
        self._report(node, findings)
        counting = [finding for finding in findings if finding.key not in self.exempt]
        if not counting and (self.depth is None or node.depth < self.depth) and self._is_new(node):
            queue.append(node)

    def _report(self, node: Node, findings: list[Finding]) -> None:
        for finding in findings:
            if finding.key not in self.found:
                self.found[finding.key] = Found(finding, node.opening, tuple(node.moves()))

    def _obstacle(self, ticket: Ticket) -> Iterator[Finding]:
        facts = self.pack.facts_of(ticket)
        key = (self.states.closing(ticket, facts), self.states.who(ticket, facts))
        if key not in self._closed:
            self._closed.add(key)
            finding = self.checks.obstacle(ticket)
            if finding is not None:
                yield finding

    def _moves(self, node: Node) -> Iterator[Move]:
        ticket = node.ticket
        yield from self.acts.moves(ticket, node.new)
        if not node.new <= PLACES:
            yield from time_moves(ticket)
        where = (ticket.status, self.states.roles.role(ticket.unit), ticket.survey is not None)
        if where not in self._tried:
            self._tried.add(where)
            yield from self.acts.inert(ticket)
            yield from self.acts.former(ticket)
            yield from self.acts.forbidden(ticket)

    def _is_new(self, node: Node) -> bool:
        views = set(self.states.views(node.ticket, node.waited)) - self._seen
        if not views:
            return False
        self._seen |= views
        node.new = frozenset(str(view[0]) for view in views)
        return True
