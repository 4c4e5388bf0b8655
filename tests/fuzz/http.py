"""Intake's HTTP door on the running system, by its own OpenAPI document: no answer is a failure of ours."""

import subprocess
import sys
import tempfile

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance")


def play(url: str, key: str, seed: int, *, seconds: int) -> int:
    """Let schemathesis try the door for some seconds; returns its exit code, and prints what it found."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}", "--seed", str(seed), "--max-time", str(seconds)),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure"),
        *("--max-failures", "20", "--no-color", "--generation-database", "none", "--warnings", "off"),
        # A caller may ask us to wait for half a minute; lines of a batch are what the single door takes, many times.
        *("--request-timeout", "40", "--exclude-path", "/v1/contacts/batch"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, check=False, cwd=folder).returncode
