"""Judges how the rules classify labelled texts: right, left to a person, or wrong (README.md)."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deploy.tools.checkout import PROJECT
from duban.rehearsal_input import build_contact
from schemas.ticket import Classification
from services.domain.classify import classify
from services.domain.policy.pack import Pack

OWN = PROJECT / "tests/complaints"
GENERATIONS = frozenset({"gsm", "wcdma", "lte", "nr"})
MOBILE = "mobile"
"""Mobile service whose generation is not told: right where every generation is."""
FACTS = ("kind", "business_type", "problem_type", "validity")
COUNTED_APART = ("tier", "origin")

Verdict = Literal["right", "triage", "wrong"]


@dataclass(frozen=True, slots=True)
class JudgedText:
    """What the rules made of a labelled text.

    Attributes:
        label: as the file has it.
        found: what the rules made of it.

    """

    label: Mapping[str, Any]
    found: Classification

    @property
    def expected(self) -> Mapping[str, Any]:
        """What is right."""
        expected: Mapping[str, Any] = self.label["expect"]
        return expected

    @property
    def missing(self) -> frozenset[str]:
        """Signals that were not raised."""
        return frozenset(self.expected["signals"]) - frozenset(self.found.signals)

    @property
    def false(self) -> frozenset[str]:
        """Signals that were raised and must not be."""
        return frozenset(self.expected["not_signals"]) & frozenset(self.found.signals)

    def amiss(self, facts: Iterable[str] = FACTS) -> tuple[str, ...]:
        """Return the facts that are not among those expected."""
        return tuple(
            fact
            for fact in facts
            if fact in self.expected and getattr(self.found, fact) not in accepted(self.expected[fact])
        )

    @property
    def verdict(self) -> Verdict:
        """Whether it is right, left to a person, or wrong."""
        amiss = self.amiss()
        if self.missing or self.false:
            return "wrong"
        if not amiss:
            return "right"
        left_open = all(
            fact in {"business_type", "problem_type"} and getattr(self.found, fact) is None for fact in amiss
        )
        return "triage" if left_open else "wrong"

    @property
    def left(self) -> str:
        """To whom a text was left: a person at the centre, or the owner of the business."""
        return "manual triage" if self.found.business_type is None else "owner of the business"

    def line(self) -> str:
        """Return what is not right in one line."""
        found = ", ".join(f"{fact} {getattr(self.found, fact)}" for fact in self.amiss())
        signals = [f"missing {each}" for each in sorted(self.missing)] + [
            f"false {each}" for each in sorted(self.false)
        ]
        return f"{self.label['id']} {self.verdict}: {'; '.join(filter(None, (found, *signals)))} | {self.label['text']}"


def accepted(codes: Collection[str | None] | None) -> Collection[str | None]:
    """Return the codes that are right; None among them: giving none is."""
    if codes is None:
        return (None,)
    return (*codes, MOBILE) if set(codes) >= GENERATIONS else codes


def load(path: Path) -> list[dict[str, Any]]:
    """Return the labelled texts of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def load_own(packs: Iterable[str]) -> list[dict[str, Any]]:
    """Return the project's own texts, pack by pack."""
    return [label for pack in packs for label in load(OWN / f"{pack}.jsonl")]


def judge(labels: Iterable[Mapping[str, Any]], packs: Mapping[str, Pack]) -> Iterator[JudgedText]:
    """Classify labelled texts."""
    for label in labels:
        pack = packs[label["pack"]]
        contact = build_contact(
            {
                "channel": label["channel"],
                "text": label["text"],
                "at": "2026-03-12T09:00:00+08:00",
                "customer": {"phone": "13900000001"},
            },
            pack.header.name,
            label["id"],
        )
        yield JudgedText(label, classify(contact, pack))


def half(label: Mapping[str, Any]) -> Literal["A", "B"]:
    """Return the half to which a text belongs for good: words are written by looking at A alone."""
    return "B" if hashlib.sha256(label["id"].encode()).digest()[-1] % 2 else "A"
