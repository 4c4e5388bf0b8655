"""Where a record goes: every client has to choose the same partition, or a ticket's records lose their order."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner

from services.shared.publisher import ByKey


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
    cluster = Cluster(set(range(count)))
    library, ours = (each.partition("t", key, key, b"", b"", cluster) for each in (DefaultPartitioner(), ByKey()))
    assert ours == library


@given(count=st.integers(1, 20))
def test_a_record_without_a_key_goes_somewhere(count: int) -> None:
    cluster = Cluster(set(range(count)))
    assert ByKey().partition("t", None, None, None, b"", cluster) in range(count)
