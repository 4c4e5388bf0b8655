"""Keys expire and overlap, and the door knows them when the database is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from services.intake.senders import LAST_USE_INTERVAL, Sender, SenderRegistry, hash_key, sender_of
from services.shared.kafka import bars
from services.shared.runtime.errors import Problem, Retryable

NOW = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Keys:
    """Stands for the database: the rows of keys, what was written of their last use, and whether it can be reached."""

    def __init__(self, *rows: tuple[Any, ...]) -> None:
        self.rows, self.available = rows, True
        self.bars: tuple[tuple[Any, ...], ...] = ()
        self.query = ""
        self.saved: list[dict[bytes, datetime]] = []

    @contextmanager
    def transaction(self) -> Iterator["Keys"]:
        if not self.available:
            raise Retryable("the database is unavailable")
        yield self

    def execute(self, query: str, values: dict[str, list[Any]] | None = None) -> "Keys":
        self.query = query
        if values is not None:
            self.saved.append(dict(zip(values["hashes"], values["times"], strict=True)))
        return self

    def fetchall(self) -> tuple[tuple[Any, ...], ...]:
        return self.bars if self.query == bars.queries["bars"] else self.rows


class Registry(SenderRegistry):
    """The keys at a time that a test sets."""

    def __init__(self, keys: Keys) -> None:
        self.time = NOW
        super().__init__(cast("Any", keys), lambda: self.time)
        self.refresh()

    def status(self, key: str) -> int:
        try:
            self.authenticate(f"Bearer {key}")
        except Problem as problem:
            return problem.status
        return 200


def row(key: str, *, until: datetime | None = None, expires: datetime | None = None) -> tuple[Any, ...]:
    lists: list[list[str]] = [["carrier"], ["web"], ["contacts"], [], [], [], []]
    packs, channels, actions, units, roles, may, persons = lists
    rights = (packs, "carrier", channels, actions, units, roles, may, None, persons, None, expires)
    return ("web", hash_key(key), until, *rights)


def test_a_key_ends_when_it_expires_even_if_the_database_is_away() -> None:
    """Doors S9: keys did not expire."""
    keys = Keys(row("k", expires=NOW + DAY))
    registry = Registry(keys)
    assert registry.status("k") == 200
    keys.available, registry.time = False, NOW + DAY
    with pytest.raises(Problem) as raised:
        registry.authenticate("Bearer k")
    assert (raised.value.status, raised.value.reason) == (401, "expired_key")
    assert "duban sender change" in raised.value.detail


def test_a_replaced_key_is_valid_until_its_overlap_ends() -> None:
    registry = Registry(Keys(row("new"), row("old", until=NOW + DAY)))
    assert (registry.status("new"), registry.status("old"), registry.status("other")) == (200, 200, 401)
    registry.time = NOW + DAY
    assert (registry.status("new"), registry.status("old")) == (200, 401)


def test_the_last_use_is_written_once_a_minute_and_waits_for_the_database() -> None:
    keys = Keys(row("k"))
    registry = Registry(keys)
    registry.save_last_used()
    assert keys.saved == []
    for _ in range(3):
        registry.status("k")
        registry.save_last_used()
    assert keys.saved == [{hash_key("k"): NOW}]
    registry.time = later = NOW + LAST_USE_INTERVAL
    registry.status("k")
    keys.available = False
    with pytest.raises(Retryable):
        registry.save_last_used()
    keys.available = True
    registry.time = later + DAY
    registry.status("other")
    registry.save_last_used()
    assert keys.saved[1:] == [{hash_key("k"): later}]


def test_a_key_of_before_reaches_the_pack_of_its_policy_and_no_unit() -> None:
    sender = sender_of("crm", [], "bus", ["*"], ["commands", "read"], [], [], [], None, [], None, None)
    assert (sender.packs, sender.policy, sender.authority.units) == (("bus",), "bus", ())
    assert (sender.reaches_pack("bus"), sender.reaches_pack("carrier"), sender.reaches_pack(None)) == (
        True,
        False,
        False,
    )


def test_all_packs_are_reached_only_if_that_is_written() -> None:
    assert Sender("crm", ("carrier", "*"), (), ("read",)).reaches_pack("bus")


def test_a_key_for_all_channels_takes_no_phone_for_the_name_of_one() -> None:
    """Doors S16: channels are labels of metrics and stand in logs."""
    sender = Sender("crm", ("carrier",), ("*", "10086_hall"), ("contacts",))
    assert [sender.resolve_channel(name) for name in ("kiosk", "10086_hall")] == ["kiosk", "10086_hall"]
    with pytest.raises(Problem) as raised:
        sender.resolve_channel("13900000001")
    assert (raised.value.status, raised.value.errors[0]["field"]) == (400, "channel")


def test_a_barred_sender_is_answered_429_until_its_bar_ends() -> None:
    """DECISIONS 41; whoever writes to a channel's topic passes no door, so that bar keeps no key out."""
    keys = Keys(row("k"))
    keys.bars = (("web", "contacts", NOW, NOW + timedelta(minutes=30), 1001), ("app", "channel.app", NOW, NOW + DAY, 7))
    registry = Registry(keys)
    with pytest.raises(Problem) as raised:
        registry.require_not_barred("web")
    assert (raised.value.status, raised.value.reason, raised.value.headers["Retry-After"]) == (429, "barred", "1800")
    registry.require_not_barred("app")
    registry.require_not_barred("other")
    registry.time = NOW + timedelta(minutes=30)
    registry.require_not_barred("web")
