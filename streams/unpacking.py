"""What aiokafka fetched, as light records, a record batch at a time: half of what its own unpacking costs.

aiokafka makes a large dataclass of each record and hands it through two generators. `install` gives all of this
process's aiokafka consumers the two functions below instead; the pinned aiokafka 0.14.0 has no place to say so for one.
Its checksums, control batches and positions are dealt with as it does; aborted transactions are not, for we read none
(`isolation_level` "read_uncommitted", and `unpack` says so when it is another).
"""

from collections.abc import Iterator
from itertools import chain

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from msgspec import Struct


class LightRecord(Struct, frozen=True, gc=False):
    """A fetched record with the fields of aiokafka's ConsumerRecord, which takes five times as long to make.

    Nor does the garbage collector look at it, so that a fetch of thousands costs no collections.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    checksum: int | None = None
    serialized_key_size: int = -1
    serialized_value_size: int = -1


def unpack(fetched: fetcher.PartitionRecords) -> Iterator[list[LightRecord]]:
    """The records of one partition's answer, batch by batch, from `next_fetch_offset` on, which moves with them."""
    assert fetched._isolation_level != fetcher.READ_COMMITTED, "aborted transactions are not left out here"
    topic, partition = fetched._tp
    batches = fetched._records
    while batches.has_next():
        batch = batches.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        records = []
        if not batch.is_control_batch:
            kind = batch.timestamp_type
            records = [
                LightRecord(topic, partition, one.offset, one.timestamp, kind, one.key, one.value, tuple(one.headers))
                for one in batch
            ]
            if records and records[0].offset < fetched.next_fetch_offset:  # a fetch may begin within a batch
                records = [one for one in records if one.offset >= fetched.next_fetch_offset]
        fetched.next_fetch_offset = max(fetched.next_fetch_offset, batch.next_offset)
        yield records


def take_all(result: fetcher.FetchResult, max_records: int | None = None) -> list[LightRecord]:
    """What `FetchResult.getall` gives: all records, or the next `max_records`, and the position after them."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return []
    fetched, taken = result._partition_records, list[LightRecord]()
    for records in fetched:
        room = len(records) if max_records is None else max_records - len(taken)
        taken += records[:room]
        if len(records) > room:
            fetched._records_iterator = chain([records[room:]], fetched._records_iterator)
            fetched.next_fetch_offset = records[room].offset
        elif records:
            fetched.next_fetch_offset = max(fetched.next_fetch_offset, records[-1].offset + 1)
        if len(taken) == max_records:
            result._update_position()
            return taken
    result._update_position()
    result._partition_records = None
    return taken


def install() -> None:
    """Let this process's aiokafka consumers unpack so. Call it before they start."""
    fetcher.PartitionRecords._unpack_records = unpack
    fetcher.FetchResult.getall = take_all
