"""Posting to intake: what passes is waited out with a bound, what does not pass is returned or reported at once."""

import httpx
import pytest

from duban.patient_client import MAX_WAIT, PatientClient, unavailable
from services.shared.runtime.errors import DubanError


class Responses:
    """Stands for intake: gives one response after the other, the last one for ever."""

    def __init__(self, *responses: httpx.Response) -> None:
        self._left = list(responses)
        self.waits: list[float] = []

    def __call__(self, _: httpx.Request) -> httpx.Response:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]

    def post(self) -> httpx.Response:
        http = httpx.Client(base_url="http://intake", transport=httpx.MockTransport(self))
        return PatientClient(http, self.waits.append).post("/v1/contacts/batch", b"x", "text/plain", {})


@pytest.mark.requirement("R7.1")
def test_a_busy_intake_is_asked_again_when_it_says() -> None:
    door = Responses(
        httpx.Response(429, headers={"Retry-After": "17"}), httpx.Response(502, text="<html>"), httpx.Response(200)
    )
    assert door.post().status_code == 200
    assert door.waits == [17, 2]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(503, text="<html>proxy</html>"),
        httpx.Response(502),
        httpx.Response(429, json={"title": "Too many"}, headers={"Retry-After": "3600"}),
    ],
)
def test_waiting_has_a_bound(response: httpx.Response) -> None:
    door = Responses(response)
    with pytest.raises(DubanError, match="run the same command again"):
        door.post()
    assert sum(door.waits) <= MAX_WAIT


@pytest.mark.parametrize("status", [200, 400, 401, 403, 413, 500])
def test_any_other_response_is_returned_at_once(status: int) -> None:
    door = Responses(httpx.Response(status))
    assert door.post().status_code == status
    assert door.waits == []


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b""])
def test_a_page_that_is_no_problem_document_is_named_by_its_status(body: bytes) -> None:
    assert "HTTP 504" in str(unavailable(httpx.Response(504, content=body)))
