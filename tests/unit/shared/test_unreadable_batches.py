"""A batch that cannot be read is one record, and both client libraries go on behind it."""

import struct
from collections.abc import Callable
from itertools import islice
from typing import Any

import aiokafka.consumer.fetcher
import kafka.consumer.fetcher
import pytest
from aiokafka.consumer.fetcher import PartitionRecords as AioPartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from kafka.consumer.fetcher import Fetcher
from kafka.structs import TopicPartition

from services.shared.kafka import unreadable_batches
from services.shared.kafka.unreadable_batches import RawBatch

PARTITION = TopicPartition("t", 0)
_CODEC_AT = 22
_CRC_AT = 17
_DELTA_AT = 23
_UNKNOWN_CODEC = 7


def batch(first: int, *values: bytes) -> bytes:
    """Return a batch as a producer writes it and the broker keeps it."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000_000)
    for offset, value in enumerate(values):
        builder.append(offset, 0, b"k", value, [])
    built = bytearray(builder.build())
    struct.pack_into(">q", built, 0, first)
    return bytes(built)


def with_unknown_codec(content: bytes) -> bytes:
    """Return a batch whose producer has used a codec that nobody knows; its checksum is right."""
    changed = bytearray(content)
    changed[_CODEC_AT] = _UNKNOWN_CODEC
    struct.pack_into(">I", changed, _CRC_AT, _crc32c(bytes(changed[_CRC_AT + 4 :])))
    return bytes(changed)


def damaged(content: bytes, at: int = -1) -> bytes:
    """Return a batch one of whose bytes a disk has changed."""
    changed = bytearray(content)
    changed[at] ^= 0xFF
    return bytes(changed)


def _crc32c(content: bytes) -> int:
    from kafka.record.util import calc_crc32c  # noqa: PLC0415 - the library has no types

    return int(calc_crc32c(content))


def read_by_kafka_python(content: bytes) -> tuple[list[Any], int]:
    """Return the records of a response, and the offset that is fetched next."""
    records = Fetcher.PartitionRecords(10, PARTITION, kafka.consumer.fetcher.MemoryRecords(content))
    taken: list[Any] = []
    while records:
        taken += records.take(2)
    return taken, records.next_fetch_offset


def read_by_aiokafka(content: bytes) -> tuple[list[Any], int]:
    """Return the records of a response, and the offset that is fetched next."""
    responses = aiokafka.consumer.fetcher.MemoryRecords(content)
    records = AioPartitionRecords(PARTITION, responses, [], 10, None, None, check_crcs=True, isolation_level=0)
    return list(islice(records, 100)), records.next_fetch_offset


@pytest.fixture(params=[read_by_kafka_python, read_by_aiokafka])
def read(request: pytest.FixtureRequest) -> Callable[[bytes], tuple[list[Any], int]]:
    unreadable_batches.install()
    reader: Callable[[bytes], tuple[list[Any], int]] = request.param
    return reader


Read = Callable[[bytes], tuple[list[Any], int]]


def test_good_batches_are_read_as_ever(read: Read) -> None:
    records, following = read(batch(10, b"a", b"b") + batch(12, b"c"))
    assert [(each.offset, each.value) for each in records] == [(10, b"a"), (11, b"b"), (12, b"c")]
    assert following == 13


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize("spoil", [with_unknown_codec, damaged])
@pytest.mark.parametrize("behind", [b"", batch(13, b"z")])
def test_a_batch_that_cannot_be_read_is_one_record_with_its_bytes(
    read: Read, spoil: Callable[[bytes], bytes], behind: bytes
) -> None:
    """Promise 5."""
    bad = spoil(batch(11, b"b", b"c"))
    records, following = read(batch(10, b"a") + bad + behind)
    assert [each.offset for each in records[:2]] == [10, 12]
    raw = records[1].value
    assert isinstance(raw, RawBatch)
    assert (bytes(raw), raw.first_offset) == (bad, 11)
    assert [each.value for each in records[2:]] == ([b"z"] if behind else [])
    assert following == (14 if behind else 13)


@pytest.mark.parametrize("behind", [b"", batch(12, b"z")])
def test_a_damaged_number_of_offsets_skips_nothing_else(read: Read, behind: bytes) -> None:
    records, following = read(damaged(batch(10, b"a", b"b"), _DELTA_AT + 1) + behind)
    assert isinstance(records[0].value, RawBatch)
    # Without a batch behind it only its first offset is sure; the next fetch brings the rest of it.
    assert records[0].offset == (11 if behind else 10)
    assert [each.value for each in records[1:]] == ([b"z"] if behind else [])
    assert following == (13 if behind else 11)


def test_a_batch_without_a_whole_header_is_skipped(read: Read) -> None:
    stump = struct.pack(">qi", 10, 3) + b"abc"
    records, _ = read(stump + batch(11, b"b"))
    assert [each.offset for each in records] == [10, 11]
    assert records[0].value == stump
