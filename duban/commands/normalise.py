"""`duban normalise`: parses a native message, or checks a manifest of samples; needs no running system."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from duban import sample_check
from duban.defaults import DEFAULT_PACK
from duban.normalisation import SeenMessages, normalise_message, with_settings
from duban.option_times import parse_instant
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from services.domain.policy import loading
from services.intake.channel_registry import MappingError, channels
from services.intake.domain.envelope import AttachmentBuffer, Envelope
from services.intake.domain.media import media_type_of
from services.shared.runtime.errors import DubanError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="normalise")(normalise)


def normalise(
    file: Annotated[
        Path | None, typer.Argument(help="a message, or a file of messages, as the channel sends it")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="the channel it came on, such as web_form")] = None,
    content_type: Annotated[str | None, typer.Option(help="its media type; default: by the file's name")] = None,
    received_at: Annotated[
        str | None, typer.Option(help="when it was received, ISO 8601 with offset; default: now")
    ] = None,
    policy: Annotated[str, typer.Option(help="the policy pack whose codes it must name")] = DEFAULT_PACK,
    folder: PolicyFolder = DEFAULT_POLICIES,
    settings: Annotated[list[str] | None, typer.Option("--set", help="a setting of the channel: key=value")] = None,
    mappings: Annotated[Path | None, typer.Option(help="a folder with mappings of your own")] = None,
    manifest: Annotated[Path | None, typer.Option(help="check every sample that this manifest.json lists")] = None,
) -> None:
    """Show what a native message is parsed into, as JSON: outcome, reason, field and the records."""
    try:
        table = channels(*([mappings] if mappings is not None else []))
    except MappingError as error:
        raise DubanError(str(error)) from error
    if manifest is not None:
        _print_results(sample_check.check_manifest(manifest, table))
        return
    if file is None or channel is None:
        raise DubanError("give a FILE and its --channel, or a --manifest")
    if channel not in table:
        raise DubanError(f"there is no channel {channel}: choose one of {', '.join(table)}")
    pack = loading.load_one(folder, policy)
    at = parse_instant(received_at, option="--received-at", zone="UTC") if received_at else datetime.now(UTC)
    try:
        body = file.read_bytes()
        envelope = Envelope(
            sender=channel,
            channel=channel,
            policy=policy,
            received_at=at,
            media_type=content_type or media_type_of(file.name, channel),
            body=body,
            attachments=AttachmentBuffer(read_stored=sample_check.read_beside(file)),
        )
        envelope = with_settings(envelope, dict(setting.split("=", 1) for setting in settings or ()))
    except OSError as error:
        raise DubanError(f"{file} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DubanError(f"--set: {error}: write key=value") from error
    print(json.dumps(normalise_message(table[channel], envelope, SeenMessages(), pack), ensure_ascii=False, indent=2))


def _print_results(results: list[sample_check.SampleResult]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table("file", "expected", "got", "reason", "field", "records", "", box=None, pad_edge=False)
    for result in results:
        got = result.got
        mark = "ok" if not result.differences else "[red]" + "; ".join(result.differences) + "[/red]"
        table.add_row(
            result.file,
            result.expected,
            got["outcome"],
            got.get("reason") or "",
            got.get("field") or "",
            str(len(got["records"])),
            mark,
        )
    console.print(table)
    wrong = sum(bool(result.differences) for result in results)
    console.print(f"{len(results)} samples, {wrong} different", highlight=False)
    if wrong:
        raise typer.Exit(1)
