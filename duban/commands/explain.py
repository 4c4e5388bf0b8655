"""`duban explain`: how the rules classify a contact, which SLA timers start, and why; needs no running system.

Uses argparse and none of the libraries of the other commands, so that the answer comes at once.
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

from duban.policy_simulation import PolicySimulation
from duban.rehearsal_input import build_contact
from schemas.action import Dispatch
from schemas.contact import Contact
from schemas.ticket import Reason, SlaTimer, Ticket
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.domain.policy.pack import Pack
from services.shared.runtime import package_data
from services.shared.runtime.errors import DubanError

REPLACED = frozenset({"id", "sender", "policy", "received_at", "at"})
"""Fields of a contact that are set here, whatever the file says."""


@dataclass(frozen=True)
class Explanation:
    """A contact as an opened ticket, and the same ticket dispatched to the department that the rules name."""

    pack: Pack
    opened: Ticket
    dispatched: Ticket | None

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as a JSON object."""
        return {
            "pack": self.pack.header.name,
            "version": self.pack.header.version,
            "classification": self.opened.classification.to_plain(),
            "centre": self.opened.centre,
            "flags": list(self.opened.flags),
            "promised_at": self.opened.promised_at.isoformat() if self.opened.promised_at else None,
            "clocks": [self._timer_json(timer) for timer in self._running()],
            "once_dispatched": [self._timer_json(timer) for timer in self._started_by_dispatch()],
        }

    def _running(self) -> list[SlaTimer]:
        return [timer for timer in self.opened.clocks if timer.stopped_at is None]

    def _started_by_dispatch(self) -> list[SlaTimer]:
        if self.dispatched is None:
            return []
        known = {timer.key for timer in self.opened.clocks}
        return [timer for timer in self.dispatched.clocks if timer.key not in known]

    def _timer_json(self, timer: SlaTimer) -> dict[str, Any]:
        rule = self.pack.limits.by_name.get(timer.name)
        return {
            "clock": timer.name,
            "title": rule.title.en if rule is not None else timer.name,
            "calendar": timer.calendar,
            "starts": timer.started_at.isoformat(),
            "due": timer.due_at.isoformat(),
            "rule": timer.rule,
            "source": timer.source,
            "provisional": timer.provisional,
            "thresholds": [
                {"name": threshold.name, "at": threshold.at.isoformat(), "notifies": list(threshold.notifies)}
                for threshold in timer.thresholds
            ],
        }

    def as_text(self) -> str:
        """Return the explanation as text; times in the pack's zone."""
        classification, header = self.opened.classification, self.pack.header
        lines = [f"{header.title.en} ({header.title.zh}), policy {header.name} {header.version}"]
        lines += ["", "What it is, and by which rule"]
        lines += [f"  {_reason(reason)}" for reason in classification.reasons]
        triage = f"  ({classification.triage})" if classification.triage else ""
        lines.append(f"  goes to       {' → '.join(classification.path)}{triage}")
        if self.opened.flags:
            lines.append(f"  flags         {', '.join(self.opened.flags)}")
        lines += self._timers_text("Clocks that run", self._running())
        lines += self._timers_text(f"Once it is dispatched to {classification.department}", self._started_by_dispatch())
        return "\n".join(lines)

    def _timers_text(self, title: str, timers: Sequence[SlaTimer]) -> list[str]:
        zone = ZoneInfo(self.pack.header.zone)

        def local(at: datetime) -> str:
            return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"

        lines = ["", title] if timers else []
        for timer in timers:
            mark = "  (provisional: that year's holidays are not known yet)" if timer.provisional else ""
            source = f"by {timer.rule} [{timer.source}]; {timer.calendar}"
            lines.append(f"  {timer.name:14}until {local(timer.due_at)}{mark}  {source}")
            lines += [
                f"    {threshold.name:14}at    {local(threshold.at)}"
                f"  notifies {', '.join(threshold.notifies) or 'nobody'}"
                for threshold in timer.thresholds
            ]
        return lines


def _reason(reason: Reason) -> str:
    matched = f", {reason.matched!r} was found" if reason.matched else ""
    return f"{reason.subject:14}{reason.value}  by {reason.rule}{matched} [{reason.source}]"


def explain(contact: Contact, pack: Pack) -> Explanation:
    """Return how a pack's rules classify a contact and which SLA timers they start."""
    simulation = PolicySimulation(pack)
    simulation.receive(contact)
    opened = simulation.ticket
    assert opened is not None
    department = opened.classification.department
    dispatched = None
    if department is not None and department != opened.unit and opened.open:
        simulation.act(Dispatch(unit=department), contact.received_at, opened.centre)
        dispatched = simulation.ticket if simulation.refusal is None else None
    return Explanation(pack, opened, dispatched)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="duban explain",
        description="Show how the rules classify a contact, which SLA timers start, and why; needs no running system.",
    )
    parser.add_argument(
        "file", nargs="?", help="a contact as JSON (- for standard input); optional fields may be left out"
    )
    parser.add_argument("--text", help="the text of the complaint, instead of a file")
    parser.add_argument("--channel", default="web", help="channel of the contact, with --text")
    parser.add_argument("--level", help="customer level")
    parser.add_argument("--pack", default="", help="a policy pack; default: the contact's own, or carrier")
    parser.add_argument("--at", help="when it was received, ISO 8601; default: the contact's own time, or now")
    parser.add_argument("--policies", type=Path, default=package_data.policies(), help="the folder of the policy packs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _contact_fields(options: argparse.Namespace) -> dict[str, Any]:
    if options.text is not None:
        customer = {"phone": "+8613800000000"} | ({"level": options.level} if options.level else {})
        return {"text": options.text, "channel": options.channel, "customer": customer}
    if options.file is None:
        raise PolicyError("give a file with a contact, or --text")
    content = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
    fields = json.loads(content)
    if not isinstance(fields, dict):
        raise PolicyError(f"{options.file}: write one JSON object")
    return fields


def main(arguments: Sequence[str]) -> int:
    """Explain one contact; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        fields = _contact_fields(options)
        name = options.pack or str(fields.get("policy") or "carrier")
        at = options.at or fields.get("received_at") or fields.get("at") or datetime.now(UTC).isoformat()
        kept = {key: value for key, value in fields.items() if key not in REPLACED}
        contact = build_contact({**kept, "at": at}, name, "explained")
        explanation = explain(contact, loading.load_one(options.policies, name))
    except (DubanError, PolicyError, OSError, json.JSONDecodeError) as error:
        print(f"duban: {error}", file=sys.stderr)
        return 1
    print(json.dumps(explanation.as_json(), ensure_ascii=False, indent=1) if options.json else explanation.as_text())
    return 0
