"""`duban explain`: what the rules make of a contact, and why, without a stack.

Kept apart from the other commands and their libraries: an answer to a question has to come at once.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from duban.policy_simulation import PolicySimulation, contact_of
from schemas.action import Dispatch
from schemas.contact import Contact
from schemas.ticket import Reason, SlaTimer, Ticket
from services.domain.policy import loading
from services.domain.policy.loading import PolicyError
from services.domain.policy.pack import Pack
from services.shared.runtime import package_data


@dataclass(frozen=True)
class Explanation:
    """A contact as a ticket, and the same once it is with the department that the rules name."""

    pack: Pack
    opened: Ticket
    dispatched: Ticket | None

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs."""
        told = self.opened.classification
        return {
            "pack": self.pack.header.name,
            "version": self.pack.header.version,
            "classification": told.to_plain(),
            "centre": self.opened.centre,
            "flags": list(self.opened.flags),
            "promised_at": self.opened.promised_at.isoformat() if self.opened.promised_at else None,
            "clocks": [self._clock(each) for each in self.opened.clocks if each.stopped_at is None],
            "once_dispatched": [self._clock(each) for each in self._later()],
        }

    def _later(self) -> list[SlaTimer]:
        if self.dispatched is None:
            return []
        known = {each.key for each in self.opened.clocks}
        return [each for each in self.dispatched.clocks if each.key not in known]

    def _clock(self, clock: SlaTimer) -> dict[str, Any]:
        rule = self.pack.limits.by_name.get(clock.name)
        return {
            "clock": clock.name,
            "title": rule.title.en if rule is not None else clock.name,
            "calendar": clock.calendar,
            "starts": clock.started_at.isoformat(),
            "due": clock.due_at.isoformat(),
            "rule": clock.rule,
            "source": clock.source,
            "provisional": clock.provisional,
            "thresholds": [
                {"name": each.name, "at": each.at.isoformat(), "notifies": list(each.notifies)}
                for each in clock.thresholds
            ],
        }

    def as_text(self) -> str:
        """Return everything for people, times in the pack's zone."""
        told, pack = self.opened.classification, self.pack
        zone = ZoneInfo(pack.header.zone)

        def local(at: datetime) -> str:
            return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"

        lines = [f"{pack.header.title.en} ({pack.header.title.zh}), policy {pack.header.name} {pack.header.version}"]
        lines += ["", "What it is, and by which rule"]
        lines += [f"  {_reason(each)}" for each in told.reasons]
        lines += [f"  goes to       {' → '.join(told.path)}" + (f"  ({told.triage})" if told.triage else "")]
        if self.opened.flags:
            lines.append(f"  flags         {', '.join(self.opened.flags)}")
        for title, clocks in (
            ("Clocks that run", [each for each in self.opened.clocks if each.stopped_at is None]),
            (f"Once it is dispatched to {told.department}", self._later()),
        ):
            if not clocks:
                continue
            lines += ["", title]
            for each in clocks:
                mark = "  (provisional: that year's holidays are not known yet)" if each.provisional else ""
                lines.append(
                    f"  {each.name:14}until {local(each.due_at)}{mark}  by {each.rule} [{each.source}]; {each.calendar}"
                )
                lines += [
                    f"    {point.name:14}at    {local(point.at)}  tells {', '.join(point.notifies) or 'nobody'}"
                    for point in each.thresholds
                ]
        return "\n".join(lines)


def _reason(reason: Reason) -> str:
    matched = f", {reason.matched!r} was found" if reason.matched else ""
    return f"{reason.subject:14}{reason.value}  by {reason.rule}{matched} [{reason.source}]"


def explain(contact: Contact, pack: Pack) -> Explanation:
    """Return what the rules make of a contact."""
    told = PolicySimulation(pack)
    told.receive(contact)
    opened = told.ticket
    assert opened is not None
    department = opened.classification.department
    dispatched = None
    if department is not None and department != opened.unit and opened.open:
        told.act(Dispatch(unit=department), contact.received_at, opened.centre)
        dispatched = told.ticket if told.refusal is None else None
    return Explanation(pack, opened, dispatched)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="duban explain", description="What the rules make of a contact, and why; nothing needs to run for it."
    )
    parser.add_argument("file", nargs="?", help="a contact as JSON (- for standard input); fields may be left out")
    parser.add_argument("--text", help="what the customer says, instead of a file")
    parser.add_argument("--channel", default="web")
    parser.add_argument("--level", help="customer level")
    parser.add_argument("--pack", default="", help="a policy pack; otherwise the contact's own, or carrier")
    parser.add_argument("--at", help="when our door had it, ISO 8601; otherwise the contact's own time, or now")
    parser.add_argument("--policies", type=Path, default=package_data.policies(), help="the folder of the packs")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _told(options: argparse.Namespace) -> dict[str, Any]:
    if options.text is not None:
        customer = {"phone": "+8613800000000"} | ({"level": options.level} if options.level else {})
        return {"text": options.text, "channel": options.channel, "customer": customer}
    if options.file is None:
        raise PolicyError("give a file with a contact, or --text")
    content = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
    told = json.loads(content)
    if not isinstance(told, dict):
        raise PolicyError(f"{options.file}: write one JSON object")
    return told


def main(arguments: Sequence[str]) -> int:
    """Explain one contact; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        told = _told(options)
        name = options.pack or str(told.get("policy") or "carrier")
        at = options.at or told.get("received_at") or told.get("at") or datetime.now(UTC).isoformat()
        kept = {key: value for key, value in told.items() if key not in {"id", "sender", "policy", "received_at", "at"}}
        contact = contact_of({**kept, "at": at}, name, "explained")
        explained = explain(contact, loading.load_one(options.policies, name))
    except (PolicyError, OSError, msgspec.ValidationError, json.JSONDecodeError) as error:
        print(f"duban: {error}", file=sys.stderr)
        return 1
    print(json.dumps(explained.as_json(), ensure_ascii=False, indent=1) if options.json else explained.as_text())
    return 0
