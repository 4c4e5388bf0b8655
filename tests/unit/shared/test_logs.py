"""Log lines: JSON objects without personal data."""

import io
import json
import logging

import pytest

from services.shared.observability import logs


def test_a_log_line_is_a_json_object_and_an_error_its_frames_without_text(capsys: pytest.CaptureFixture[str]) -> None:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logs.configure("ledger", "info")
        stream = io.StringIO()
        logging.getLogger().handlers[0].setStream(stream)  # type: ignore[attr-defined]
        logs.get("test").info("event", ticket="t1")
        logging.getLogger("library").warning("from a library")
        for log_exception in (logs.get("test").exception, logging.getLogger("library").exception):
            try:
                raise ValueError("13800000101 said it is slow") from KeyError("李女士")
            except ValueError:
                log_exception("failed")
        first, second, *failures = [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    assert (first["event"], first["ticket"], first["service"], first["level"]) == ("event", "t1", "ledger", "info")
    assert second["event"] == "from a library"
    assert [(line["event"], line["trace"][0], line["trace"][-1]) for line in failures] == [
        ("failed", "ValueError", "KeyError")
    ] * 2
    assert "13800000101" not in stream.getvalue()
    assert "李女士" not in stream.getvalue()
    assert capsys.readouterr().err == ""
