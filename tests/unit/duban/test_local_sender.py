"""`duban up` returns only when the command that it prints works."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy.local.errors import LocalError
from duban import local_sender

URL = "http://intake"


def answering(answers: Iterator[int | Exception]) -> Callable[..., httpx.Response]:
    """Return what stands for `httpx.get` and gives one answer after the other."""

    def get(url: str, *, headers: dict[str, str], timeout: float) -> httpx.Response:
        assert url.startswith(URL)
        assert headers == {"Authorization": "Bearer k"}
        assert timeout > 0
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    return get


def test_a_new_key_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(httpx, "get", answering(iter([httpx.ConnectError("no"), 401, 503, 401, 404])))
    local_sender.wait_for_key(URL, "k", pause=pauses.append)
    assert len(pauses) == 4


def test_a_key_that_is_never_served_is_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(httpx, "get", answering(iter(lambda: 401, 0)))
    with pytest.raises(LocalError, match=r"\(401\): look at `duban logs intake`"):
        local_sender.wait_for_key(URL, "k", pause=pauses.append)
    assert sum(pauses) == pytest.approx(local_sender.KEY_WITHIN)
