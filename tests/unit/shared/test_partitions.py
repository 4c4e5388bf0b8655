"""Where a record goes: every client has to choose the same partition, or a ticket's records lose their order."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner

from services.shared.kafka.producer import partition


class Cluster:
    """What a client knows of one topic."""

    def __init__(self, partitions: set[int]) -> None:
        self._partitions = partitions

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, _: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@given(key=st.binary(max_size=64), count=st.integers(1, 200))
def test_a_key_goes_where_the_library_would_send_it(key: bytes, count: int) -> None:
    every = range(count)
    assert partition(key, every) == DefaultPartitioner().partition("t", key, key, b"", b"", Cluster(set(every)))
