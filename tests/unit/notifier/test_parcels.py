"""Which notices go now, which gather, and which go together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.notifier.digest import Digest, parcel
from services.notifier.domain.obsolescence import TicketSnapshot
from tests.unit.notifier.made import taken

MINUTE = datetime(2026, 3, 12, 1, 1, tzinfo=UTC)


def test_up_to_a_reader_s_share_goes_now_and_the_rest_gathers() -> None:
    waiting = [taken() for _ in range(5)] + [taken("b@x")]
    now, held = parcel(waiting, {"a@x": 1})
    assert [each.first.address for each in now] == ["a@x", "a@x", "b@x"]
    assert held == waiting[2:5]


def test_what_has_gathered_goes_in_one_letter_without_what_is_over() -> None:
    waiting = [
        taken(held_until=MINUTE),
        taken(held_until=MINUTE),
        taken(held_until=MINUTE, standing=TicketSnapshot("closed", 1), until="answered"),
    ]
    now, held = parcel(waiting, {"a@x": 9})
    assert held == []
    assert [len(each.notices) for each in now] == [1, 2]
    assert now[1].digest


def test_customers_get_every_letter() -> None:
    waiting = [taken(over=0) for _ in range(30)]
    now, held = parcel(waiting, {"a@x": 30})
    assert (len(now), held) == (30, [])


def test_a_letter_of_several_has_an_id_of_its_own_whatever_their_order() -> None:
    first, second = replace(taken(), id=UUID(int=1)), replace(taken(), id=UUID(int=2))
    assert Digest([first]).id == first.id
    assert Digest([first, second]).id not in {first.id, second.id}
    assert Digest([first, second]).id == Digest([first, second]).id


def test_what_gathered_for_one_instant_stays_together_when_it_comes_again_with_later_ones() -> None:
    first = [taken(held_until=MINUTE), taken(held_until=MINUTE)]
    (before,), _ = parcel(first, {})
    later = [taken(held_until=MINUTE + timedelta(minutes=1)) for _ in range(2)]
    again, _ = parcel([*later, *reversed(first)], {})
    assert before.id in {each.id for each in again}


def test_each_turn_is_handed_over_under_another_id() -> None:
    notice = taken(over=0)
    ids = {Digest([replace(notice, turn=turn)]).id for turn in range(3)}
    assert len(ids) == 3
    assert notice.id in ids
