"""`duban explain`: what the rules make of a contact and of what follows, and why; needs no running system.

Uses argparse and none of the libraries of the other commands, so that the answer comes at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from duban import explanation
from duban.case_file import ContactCase, parse_case
from duban.defaults import DEFAULT_PACK
from duban.explanation_text import as_text
from duban.rehearsal_input import RehearsalError, instant, received_at
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.shared.runtime import package_data
from services.shared.runtime.errors import DubanError

FILE_HELP = """a file (- for standard input) with a contact as JSON, of which every field but the text may be left out;
with commands after it: {"contact": {...}, "commands": [{"at": "2026-03-12T10:00:00+08:00", "unit":
"provincial_centre", "action": {"type": "dispatch", "unit": "network"}}]}; or NDJSON: the contact in the first line, a
command in each further one. A command with "contact" in the place of "action" is a further message of the customer"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="duban explain",
        description="Show what the rules make of a contact and of the commands after it: tier, priority, types, "
        "department, every clock, notices, callback and figures, each with its rule; needs no running system.",
    )
    parser.add_argument("file", nargs="?", help=FILE_HELP.replace("\n", " "))
    parser.add_argument("--text", help="the text of the complaint, instead of a file")
    parser.add_argument("--channel", default="web", help="channel of the contact, with --text")
    parser.add_argument("--level", help="customer level, with --text")
    parser.add_argument(
        "--policy", "--pack", default="", help="a policy pack; default: the contact's own, or carrier", metavar="PACK"
    )
    parser.add_argument(
        "--at",
        help="when it was received, ISO 8601 with offset; default: received_at or contacted_at of the contact, or now",
    )
    parser.add_argument("--until", help="the time to which the clocks run on; default: the last command")
    parser.add_argument("--policies", type=Path, default=package_data.policies(), help="the folder of the policy packs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _case(options: argparse.Namespace) -> ContactCase:
    if options.text is not None:
        customer = {"level": options.level} if options.level else {}
        return ContactCase({"text": options.text, "channel": options.channel, "customer": customer})
    if options.file is None:
        raise RehearsalError("give a file with a contact, or --text")
    try:
        content = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as error:
        raise RehearsalError(
            f"{options.file} cannot be read ({error.strerror}): name a file, or - for standard input"
        ) from error
    try:
        return parse_case(content)
    except RehearsalError as error:
        raise RehearsalError(f"{options.file}: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """Explain one case; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        case = _case(options)
        pack = loading.load_one(options.policies, options.policy or str(case.contact.get("policy") or DEFAULT_PACK))
        if options.until:
            case = replace(case, until=instant(options.until, "--until"))
        given = instant(options.at, "--at") if options.at else received_at(case.contact, pack.header.zone)
        found = explanation.explain(case, pack, given or datetime.now(UTC)).as_json()
    except (DubanError, PolicyError) as error:
        print(f"duban: {error}", file=sys.stderr)
        return 1
    try:
        print(json.dumps(found, ensure_ascii=False, indent=1) if options.json else as_text(found), flush=True)
    except BrokenPipeError:
        # The reader, such as head, has seen enough; nothing may be written when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
