"""Makes a batch that no client can read one record, which becomes a dead letter, so that reading goes on behind it.

A foreign producer chooses its own codec, and a disk may damage what it keeps. Both client libraries raise an error in
the middle of their parsing then: kafka-python's poll never returns after it, aiokafka fetches the same batch for ever.
Neither offers a hook, so `install` replaces the class with which they take a response apart.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import aiokafka.consumer.fetcher
import kafka.consumer.fetcher

_OVERHEAD = struct.Struct(">qi")
"""Base offset and length, with which every batch begins."""
_MAGIC_AT = 16
_LAST_OFFSET_DELTA_AT = 23
_RECORD_COUNT_AT = 57
_HEADER_BYTES = 61
_MAGIC = 2
"""Version of the message format since Kafka 0.11."""
_MAX_ERROR = 150
"""Characters of an error that are kept."""


class RawBatch(bytes):
    """The bytes of a batch that cannot be read, as the value of the one record that stands for it.

    Attributes:
        first_offset: of the batch; the record has the offset of its last one.
        error: why it cannot be read.

    """

    first_offset: int
    error: str

    def __new__(cls, content: bytes, first_offset: int, error: str) -> Self:
        """Keep the bytes together with where the batch begins, and why it cannot be read."""
        batch = super().__new__(cls, content)
        batch.first_offset = first_offset
        batch.error = error
        return batch


@dataclass(slots=True)
class _Record:
    """The record that stands for a batch, with what the clients look at."""

    offset: int
    value: RawBatch
    key: bytes | None = None
    timestamp: int = -1
    timestamp_type: int = 0
    checksum: int | None = None
    headers: tuple[()] = ()

    @property
    def size_in_bytes(self) -> int:
        return len(self.value)

    def validate_crc(self) -> bool:
        return True


class _Batch:
    """A batch whose records are known: those that were read, or the one that stands for it."""

    def __init__(self, records: list[Any], next_offset: int, batch: Any = None) -> None:
        self._records = records
        self._batch = batch
        self.next_offset = next_offset
        self.is_control_batch = False

    def validate_crc(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(self._records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name) if self._batch is not None else _ABSENT[name]


_ABSENT: dict[str, Any] = {"magic": _MAGIC, "leader_epoch": -1, "producer_id": None, "is_transactional": False}
"""What the clients ask about a batch, of one that cannot be read."""


class ReadableRecords:
    """The batches of a response, in place of the clients' own class; one that cannot be read is a single record."""

    def __init__(self, content: bytes, parse: Callable[[bytes], Any]) -> None:
        self._parse = parse
        self._content = content
        self._records = parse(content)
        self._position = 0

    def size_in_bytes(self) -> int:
        """Return the bytes of the response, also of a batch of which only the beginning is there."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Return whether there is another whole batch."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """Return the next batch, all of whose records can be read; None behind the last."""
        if not self.has_next():
            return None
        _, length = _OVERHEAD.unpack_from(self._content, self._position)
        end, intact = self._position + _OVERHEAD.size + int(length), False
        try:
            batch = self._records.next_batch()
            intact = batch.validate_crc()
            if not intact:
                return self._unreadable(end, "its checksum is wrong", intact=False)
            known = batch if batch.is_control_batch else _Batch(list(batch), batch.next_offset, batch)
        except Exception as error:  # noqa: BLE001 - the codecs of five packages raise what they like
            return self._unreadable(end, f"{type(error).__name__}: {error}"[:_MAX_ERROR], intact=intact)
        self._position = end
        return known

    def _unreadable(self, end: int, error: str, *, intact: bool) -> _Batch:
        content = bytes(memoryview(self._content)[self._position : end])
        # The client's reader may stand before the batch still, so another one begins behind it.
        self._content, self._position = bytes(memoryview(self._content)[end:]), 0
        self._records = self._parse(self._content)
        following = _first_offset(self._content) if self.has_next() else None
        last = _last_offset(content, following, intact=intact)
        return _Batch([_Record(last, RawBatch(content, _first_offset(content), error))], last + 1)


def _first_offset(content: bytes) -> int:
    return int(_OVERHEAD.unpack_from(content)[0])


def _last_offset(content: bytes, following: int | None, *, intact: bool) -> int:
    """Return the last offset of a batch; of a damaged header only what another field confirms is believed.

    Args:
        content: the batch.
        following: first offset of the batch behind it; None when the response ends with it.
        intact: whether its checksum is right.

    """
    first = _first_offset(content)
    if len(content) >= _HEADER_BYTES and content[_MAGIC_AT] == _MAGIC:
        (delta,) = struct.unpack_from(">i", content, _LAST_OFFSET_DELTA_AT)
        (count,) = struct.unpack_from(">i", content, _RECORD_COUNT_AT)
        if following is not None:
            believed = 0 <= delta < following - first
        else:
            believed = intact or (delta >= 0 and count == delta + 1)
        if believed:
            return first + int(delta)
    return following - 1 if following is not None and following > first else first


def install() -> None:
    """Let the consumers of both libraries, and so those of Faust, read with `ReadableRecords`; safe to repeat."""
    for module in (kafka.consumer.fetcher, aiokafka.consumer.fetcher):
        parse = module.MemoryRecords
        if not getattr(parse, "readable", False):
            module.MemoryRecords = _reader(parse)


def _reader(parse: Callable[[bytes], Any]) -> Callable[[bytes], ReadableRecords]:
    def read(content: bytes) -> ReadableRecords:
        return ReadableRecords(content, parse)

    read.readable = True  # type: ignore[attr-defined]
    return read
