"""Posts to intake and waits while it, or a proxy in front of it, asks to come back later."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from services.shared.runtime.errors import DubanError

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between two attempts where the response does not say how long."""
MAX_WAIT = 600.0
"""Seconds that one request waits in all."""
_BUSY = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE})
"""Refusals that pass by themselves: too many messages, a restart, the broker is away. No other is tried again."""


@dataclass(frozen=True, slots=True)
class PatientClient:
    """An HTTP client of intake that waits out refusals that pass.

    Attributes:
        http: the client, with address and key.
        sleep: waits for some seconds.

    """

    http: httpx.Client
    sleep: Callable[[float], None] = time.sleep

    def post(self, path: str, body: bytes, media_type: str, params: Mapping[str, str]) -> httpx.Response:
        """Post a body and return the response once it is none that passes; sending a message twice is harmless.

        Raises:
            DubanError: intake does not answer, or is busy for longer than `MAX_WAIT`.

        """
        waited, wait = 0.0, FIRST_WAIT
        while True:
            try:
                response = self.http.post(path, content=body, params=params, headers={"Content-Type": media_type})
            except httpx.HTTPError as error:
                raise DubanError(
                    f"intake does not answer ({type(error).__name__}): run the same command again later"
                ) from error
            if response.status_code not in _BUSY:
                return response
            pause = _retry_after(response) or wait
            if waited + pause > MAX_WAIT:
                raise unavailable(response)
            self.sleep(pause)
            waited, wait = waited + pause, min(2 * wait, LONGEST_WAIT)


def unavailable(response: httpx.Response) -> DubanError:
    """Return the error for a response that neither accepts nor refuses the messages."""
    problem = problem_of(response)
    detail = f"{problem['title']}: {problem.get('detail', '')}".rstrip(": ")
    return DubanError(f"intake: {detail}: run the same command again later")


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document of a response; a proxy's own page has only its status for a title."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    title = f"HTTP {response.status_code}"
    return {"title": title, **problem} if isinstance(problem, dict) else {"title": title}


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header; None without one, or for a date."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() and int(value) else None
