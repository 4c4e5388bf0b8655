"""Fuzzes intake's HTTP API on the running system by its own OpenAPI document: no response is a server error."""

import subprocess
import sys
import tempfile

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance")


def run(url: str, key: str, seed: int, *, seconds: int) -> int:
    """Run schemathesis for some seconds; prints what it found and returns its exit code."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
        *(
            "--header",
            f"Authorization: Bearer {key}",
            "--header",
            "X-Actor: fuzz",
            "--seed",
            str(seed),
            "--max-time",
            str(seconds),
        ),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure"),
        *("--max-failures", "20", "--no-color", "--generation-database", "none", "--warnings", "off"),
        # A caller may ask us to wait for half a minute; a line of a batch is what the endpoint for one contact takes.
        *("--request-timeout", "40", "--exclude-path", "/v1/contacts/batch"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, check=False, cwd=folder).returncode
