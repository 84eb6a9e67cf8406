"""What is unpacked here is what aiokafka's own code unpacks, from the same bytes and in the same state."""

import dataclasses
import importlib.util
import struct
from types import ModuleType
from typing import Final

import faust
import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams import unpacking
from streams.coalescing import coalesce
from streams.unpacking import LightRecord, take_all, unpack

PLACE: Final = TopicPartition("in", 3)
LZ4: Final = 3
FIELDS: Final = [name for name in LightRecord.__struct_fields__ if "size" not in name]

Message = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]

MESSAGES = st.tuples(
    st.integers(0, 2**40),
    st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=90),
    st.lists(st.tuples(st.text("abc", max_size=3), st.none() | st.binary(max_size=3)), max_size=2),
)


def untouched() -> ModuleType:
    """aiokafka's module as it comes, whatever was changed in the one that is in use."""
    spec = importlib.util.spec_from_file_location("untouched_fetcher", fetcher.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


THEIRS: Final = untouched()


def batch(messages: list[Message], base: int) -> bytes:
    """A record batch as the broker keeps it."""
    builder = DefaultRecordBatchBuilder(2, LZ4, 0, -1, -1, -1, 1_000_000)
    for place, (timestamp_ms, key, value, headers) in enumerate(messages):
        builder.append(place, timestamp_ms, key, value, headers)
    content = bytearray(builder.build())
    struct.pack_into(">q", content, 0, base)  # not part of what the checksum covers
    return bytes(content)


def answer(parts: list[tuple[int, list[Message]]]) -> tuple[bytes, int]:
    """The bytes of record batches with gaps of those lengths before them, and the offset after the last."""
    content, offset = b"", 0
    for gap, messages in parts:
        content += batch(messages, offset + gap)
        offset += gap + len(messages)
    return content, offset


class _Assigned:
    """The position of a partition, as aiokafka's fetcher keeps it."""

    active, paused = True, False

    def __init__(self, position: int) -> None:
        self.position = position

    def state_value(self, _place: TopicPartition) -> "_Assigned":
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


def opened(module: ModuleType, content: bytes, start: int) -> fetcher.PartitionRecords:
    """An answer of the broker to a fetch from `start` on."""
    return module.PartitionRecords(PLACE, MemoryRecords(content), [], start, None, None, True, 0)


def told(records: list[LightRecord] | list[ConsumerRecord]) -> list[list[object]]:
    """What they say."""
    return [[getattr(record, name) for name in FIELDS] for record in records]


PARTS = st.lists(st.tuples(st.integers(0, 3), st.lists(MESSAGES, min_size=1, max_size=5)), min_size=1, max_size=4)


@given(PARTS, st.integers(0, 25), st.none() | st.integers(1, 6))
def test_all_is_unpacked_as_aiokafka_does_it(
    parts: list[tuple[int, list[Message]]], start: int, most: int | None
) -> None:
    content, end = answer(parts)
    start = min(start, answer(parts[:1])[1] - 1)  # a broker begins with the batch that holds what was asked for
    theirs = THEIRS.FetchResult(
        PLACE, assignment=_Assigned(start), partition_records=opened(THEIRS, content, start), backoff=0
    )
    expected = theirs.getall()
    ours, position = opened(THEIRS, content, start), _Assigned(start)
    ours._records_iterator = unpack(ours)
    result = THEIRS.FetchResult(PLACE, assignment=position, partition_records=ours, backoff=0)
    taken: list[LightRecord] = []
    while result.has_more():
        part = take_all(result, most)
        taken += part
        following = [one.offset for one in expected[len(taken) :]]
        assert (part[-1].offset if part else end - 1) < position.position <= (following[0] if following else end)
        assert most is None or len(part) == most or not result.has_more()
        assert most is None or len(part) <= most  # aiokafka counts down to zero, and not below
    assert told(taken) == told(expected)
    assert position.position == theirs._assignment.position == end


def test_a_batch_that_was_damaged_is_not_believed() -> None:
    content = bytearray(batch([(1_000, b"key", b"value", [])], 0))
    content[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="Invalid CRC"):
        list(unpack(opened(THEIRS, bytes(content), 0)))


def test_a_light_record_has_aiokafkas_fields() -> None:
    assert set(LightRecord.__struct_fields__) == {field.name for field in dataclasses.fields(ConsumerRecord)}


def test_a_worker_unpacks_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher.PartitionRecords, "_unpack_records", THEIRS.PartitionRecords._unpack_records)
    monkeypatch.setattr(fetcher.FetchResult, "getall", THEIRS.FetchResult.getall)
    coalesce(faust.App("light", broker="kafka://localhost:1", store="memory://"), frozenset({"in"}))
    assert fetcher.PartitionRecords._unpack_records is unpacking.unpack
    assert fetcher.FetchResult.getall is unpacking.take_all
