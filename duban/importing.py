"""Files of contacts, row by row through intake's batch door: resumable, with a report of what was refused."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from services.shared.errors import DubanError

BATCH = 200
ENCODINGS = ("utf-8-sig", "gb18030")
COLUMNS = ("row", "field", "reason", "what to do", "content")


class Import:
    """One file's way in.

    Attributes:
        total: rows of the file.
        done: rows that are through, by this run and those before.
        accepted, refused: rows of this run.
        skipped: rows that a run before has done.
        report: where the refused rows are told.

    """

    def __init__(self, file: Path, channel: str, client: httpx.Client, *, anew: bool = False) -> None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise DubanError(f"{file} cannot be read ({error.strerror})") from error
        self._rows = rows(content, file.suffix.lower())
        self._client = client
        self._channel = channel
        self._native = channel in {"store", "hotline"}
        self._digest = hashlib.sha256(content).hexdigest()
        self._place = file.with_name(file.name + ".progress")
        self.report = file.with_name(file.name + ".refused.csv")
        self.total = len(self._rows)
        self.skipped = 0 if anew else self._before()
        self.done = self.skipped
        self.accepted = self.refused = 0

    def run(self) -> Iterator[int]:
        """Send what is left; yields the number of rows that are through.

        Raises:
            DubanError: intake does not take the file; what is through is remembered.

        """
        fresh = self.skipped == 0
        while self.done < self.total:
            batch = self._rows[self.done : self.done + BATCH]
            results = self._send(batch)
            faults = [
                (self.done + int(each["line"]), error, batch[int(each["line"]) - 1])
                for each in results
                if each["status"] != httpx.codes.ACCEPTED
                for error in each["errors"] or [{"field": "", "reason": each["title"], "detail": ""}]
            ]
            self._tell(faults, fresh=fresh)
            fresh = False
            refused = len({number for number, _, _ in faults})
            self.refused += refused
            self.accepted += len(batch) - refused
            self.done += len(batch)
            self._place.write_text(json.dumps({"sha256": self._digest, "done": self.done}), encoding="utf-8")
            yield self.done
        self._place.unlink(missing_ok=True)

    def _send(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        path = f"/v1/channels/{self._channel}" if self._native else "/v1/contacts/batch"
        lines = (each if self._native else {"channel": self._channel, **each} for each in batch)
        body = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines)
        try:
            answer = self._client.post(path, content=body.encode(), headers={"Content-Type": "application/x-ndjson"})
        except httpx.HTTPError as error:
            raise DubanError(
                f"intake does not answer ({type(error).__name__}): run the same command again later"
            ) from error
        if not answer.is_success:
            told = answer.json()
            raise DubanError(f"intake: {told.get('title')}: {told.get('detail', '')}: run the same command again later")
        return [json.loads(line) for line in answer.text.splitlines()]

    def _before(self) -> int:
        try:
            told = json.loads(self._place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        return int(told["done"]) if told.get("sha256") == self._digest else 0

    def _tell(self, faults: list[tuple[int, dict[str, str], dict[str, Any]]], *, fresh: bool) -> None:
        if fresh:
            self.report.unlink(missing_ok=True)
        if not faults:
            return
        new = not self.report.exists()
        # With a byte order mark, so that office programs read it as UTF-8.
        with self.report.open("a", encoding="utf-8-sig" if new else "utf-8", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(COLUMNS)
            for number, error, row in faults:
                writer.writerow(
                    (number, error["field"], error["reason"], error["detail"], json.dumps(row, ensure_ascii=False))
                )


def rows(content: bytes, suffix: str) -> list[dict[str, Any]]:
    """Return the rows of a file.

    Raises:
        DubanError: it is of no kind that can be read; says what to do.

    """
    text = _decoded(content)
    if suffix in {".ndjson", ".jsonl", ".json"}:
        found = []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise DubanError(
                        f"line {number} is no JSON object: mend it, or remove it, and run again"
                    ) from error
                found.append(row)
        return found
    if suffix == ".csv":
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey="_more", restval="")
        if not reader.fieldnames:
            raise DubanError("the file is empty: its first line has to name the columns")
        return [dict(each) for each in reader]
    raise DubanError(f"files that end with {suffix or 'nothing'} cannot be imported: give a .csv or an .ndjson")


def _decoded(content: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DubanError("the file is neither UTF-8 nor GB18030: save it as UTF-8")
