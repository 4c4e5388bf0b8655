"""Which notices are sent now, which are held, and which go together in one letter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.notifier.digest import Digest, group_into_digests
from services.notifier.domain.obsolescence import TicketSnapshot
from tests.unit.notifier.builders import leased_notice

MINUTE = datetime(2026, 3, 12, 1, 1, tzinfo=UTC)


def test_up_to_a_recipient_s_share_is_sent_now_and_the_rest_is_held() -> None:
    due = [leased_notice() for _ in range(5)] + [leased_notice("b@x")]
    digests, held = group_into_digests(due, {"a@x": 1})
    assert [digest.first.address for digest in digests] == ["a@x", "a@x", "b@x"]
    assert held == due[2:5]


def test_held_notices_go_in_one_letter_without_the_obsolete_ones() -> None:
    due = [
        leased_notice(held_until=MINUTE),
        leased_notice(held_until=MINUTE),
        leased_notice(held_until=MINUTE, snapshot=TicketSnapshot("closed", 1), until="answered"),
    ]
    digests, held = group_into_digests(due, {"a@x": 9})
    assert held == []
    assert [len(digest.notices) for digest in digests] == [1, 2]
    assert digests[1].is_combined


def test_customers_get_every_letter() -> None:
    due = [leased_notice(digest_over=0) for _ in range(30)]
    digests, held = group_into_digests(due, {"a@x": 30})
    assert (len(digests), held) == (30, [])


def test_a_combined_letter_has_an_id_of_its_own_whatever_the_order() -> None:
    first, second = replace(leased_notice(), id=UUID(int=1)), replace(leased_notice(), id=UUID(int=2))
    assert Digest([first]).id == first.id
    assert Digest([first, second]).id not in {first.id, second.id}
    assert Digest([first, second]).id == Digest([second, first]).id


def test_notices_held_until_one_instant_stay_together_when_leased_with_later_ones() -> None:
    first = [leased_notice(held_until=MINUTE), leased_notice(held_until=MINUTE)]
    (before,), _ = group_into_digests(first, {})
    later = [leased_notice(held_until=MINUTE + timedelta(minutes=1)) for _ in range(2)]
    again, _ = group_into_digests([*later, *reversed(first)], {})
    assert before.id in {digest.id for digest in again}


def test_each_generation_is_sent_under_another_id() -> None:
    notice = leased_notice(digest_over=0)
    ids = {Digest([replace(notice, generation=generation)]).id for generation in range(3)}
    assert len(ids) == 3
    assert notice.id in ids
