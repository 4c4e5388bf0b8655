"""Which notices go now, which gather, and which go together."""

from dataclasses import replace
from uuid import UUID, uuid4

from services.notifier.parcels import Parcel, parcel
from services.notifier.store import Taken


def taken(
    address: str = "a@x", *, over: int = 3, held: bool = False, status: str = "handling", until: str = "always"
) -> Taken:
    return Taken(
        id=uuid4(),
        event_id=uuid4(),
        ticket_id=uuid4(),
        ticket_number="TS1",
        audience="unit.network",
        template="warning",
        language="zh",
        ways=[["mail", address]],
        way=0,
        means="mail",
        address=address,
        urgency=1,
        until=until,
        paper=False,
        digest_over=over,
        held=held,
        context={},
        state="queued",
        attempts=1,
        settled_at=None,
        provider_id=None,
        error=None,
        ticket_status=status,
    )


def test_up_to_a_reader_s_share_goes_now_and_the_rest_gathers() -> None:
    waiting = [taken() for _ in range(5)] + [taken("b@x")]
    now, held = parcel(waiting, {"a@x": 1})
    assert [each.first.address for each in now] == ["a@x", "a@x", "b@x"]
    assert held == waiting[2:5]


def test_what_has_gathered_goes_in_one_letter_without_what_is_over() -> None:
    waiting = [taken(held=True), taken(held=True), taken(held=True, status="closed", until="answered")]
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
    assert Parcel([first]).id == first.id
    assert Parcel([first, second]).id not in {first.id, second.id}
    assert Parcel([first, second]).id == Parcel([first, second]).id


def test_when_a_notice_is_no_longer_true() -> None:
    assert not taken(status="closed").obsolete
    assert taken(status="answered", until="answered").obsolete
    assert not taken(status="answered", until="closed").obsolete
    assert taken(status="withdrawn", until="closed").obsolete
