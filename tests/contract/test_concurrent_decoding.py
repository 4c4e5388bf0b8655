"""Threads of a service decode the same documents at once, from the first on."""

import subprocess
import sys

SCRIPT = """
import threading
from schemas.base import Model

def type_that_takes_its_time():
    # Resolving Outer has come as far as Inner, and another thread reads a document of it.
    other.start()
    other.join(0.3)
    return int

class Inner(Model):
    value: "type_that_takes_its_time()"

class Outer(Model):
    inner: Inner

def read():
    found.append(Outer.{method}({document!r}))

found = []
other = threading.Thread(target=read)
read()
other.join()
assert found[0] == found[1] == Outer(inner=Inner(value=1)), found
"""


def _run(method: str, document: object) -> None:
    command = [sys.executable, "-c", SCRIPT.format(method=method, document=document)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr or f"ended with code {completed.returncode}"


def test_two_threads_read_the_first_document_of_a_kind_at_once() -> None:
    _run("from_json", b'{"inner": {"value": 1}}')
    _run("from_record", b'{"inner": {"value": 1}}')
    _run("from_plain", {"inner": {"value": 1}})
