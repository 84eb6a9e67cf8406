"""A Faust transport whose consumer hands over one partition's fetch as one message.

Faust pays about 100 µs for each message; here an input topic's fetched records arrive as ONE Faust message whose value
is a `Fetch` of aiokafka records and whose offset is the last one's. So do those of a changelog that is read back, as
the bare sequence of them. Internal topics stay as they were.

Acks of a coalesced topic are strictly in order (the agent sees to that), so the offset to commit is the last acked one
plus one, and Faust's gap tracking is not needed. This reaches into private methods of the pinned faust-streaming
0.15.3 and aiokafka 0.14.0; `tests/streams/test_coalescing.py` guards their shape.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

import aiokafka
import faust
import structlog
from faust.tables.manager import TableManager
from faust.transport.consumer import RecordMap
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as AiokafkaConsumer
from faust.transport.drivers.aiokafka import Transport as AiokafkaTransport
from faust.types import TP, Message
from mode.utils.queues import FlowControlEvent

from infra import metrics
from streams import unpacking

FETCH_WAIT_MS: Final = 50
SINCE_WAIT_S: Final = 0.01
FEW_RECORDS: Final = 2_000

log = structlog.get_logger()


class Record(Protocol):
    """What is used of an aiokafka ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Fetch:
    """The value of a coalesced message: one partition's fetched records, in offset order, at least one.

    It goes on at `start`, where the fetch before it ended, or, when it is the `first` since the consumer went back to
    what is committed for the `seek`-th time, where that was. So whoever takes fetches can tell that one is missing.
    """

    records: Sequence[Record]
    seek: int
    start: int
    first: bool

    @property
    def end(self) -> int:
        """Where the next fetch goes on."""
        return max(self.start, self.records[-1].offset + 1)

    def follows(self, last: "Fetch | None") -> bool:
        """Whether nothing is missing between `last`, the fetch of this partition that was taken before, and this."""
        if last is None or self.seek > last.seek:
            return self.first
        return self.seek == last.seek and self.start == last.end


class HandOver:
    """Up to where each partition was handed over since the last seek; what is fetched must go on there.

    Faust resumes partitions before it seeks, so records from beyond what is committed can arrive first. Taken, they
    would mark what lies before them as applied.
    """

    def __init__(self) -> None:
        self._seek = 0
        self._next: dict[TP, tuple[int, bool]] = {}

    def sought(self, positions: Mapping[TP, int]) -> None:
        """Note that the consumer has gone to these positions."""
        self._seek += 1
        self._next = {tp: (position, True) for tp, position in positions.items()}

    def fetch(self, tp: TP, records: Sequence[Record]) -> Fetch | None:
        """The records as the partition's next fetch; None when some before them are missing: seek, and fetch again."""
        start, first = self._next.get(tp, (-1, True))
        if records[0].offset > start:
            return None
        fetch = Fetch(records, self._seek, start, first)
        self._next[tp] = (fetch.end, False)
        return fetch


def joined(records: RecordMap, since: RecordMap) -> RecordMap:
    """The records of each partition, and then those `since`; these alone where the consumer has gone back meanwhile."""
    both = dict(records)
    for tp, later in since.items():
        earlier = both.get(tp)
        both[tp] = [*earlier, *later] if earlier and earlier[-1].offset < later[0].offset else later
    return both


class OwnThread(AIOKafkaConsumerThread):
    """Faust's consumer thread, but a fetch that finds nothing is answered after `FETCH_WAIT_MS`, not after 1.5 s.

    aiokafka has one fetch at a time under way to a broker, and where some partitions' records have waited for 0.1 s to
    be taken it asks for the others only. If those are quiet, what comes meanwhile waits until the broker answers.
    """

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> RecordMap:
        """What was fetched ahead and what has come since, unless there is much of it.

        aiokafka fetches once more as soon as records are taken, and then not again before those are taken too. When
        Faust comes for them, they are as old as its way through all partitions was long.
        """
        ahead = bool(consumer._fetcher._records)
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        if ahead and 0 < sum(map(len, records.values())) < FEW_RECORDS:
            since = await super()._fetch_records(consumer, active_partitions, SINCE_WAIT_S, max_records)
            records = joined(records, since)
        return records

    async def seek_back(self, offsets: Mapping[TP, int]) -> None:
        """Go back to these offsets where the consumer is beyond them; it never goes forward."""
        await self.call_thread(self._seek_back, self._ensure_consumer(), offsets)

    @staticmethod
    async def _seek_back(consumer: aiokafka.AIOKafkaConsumer, offsets: Mapping[TP, int]) -> None:
        for tp, offset in offsets.items():
            if tp not in consumer.assignment():
                continue
            state = consumer._subscription.subscription.assignment.state_value(tp)
            if state.has_valid_position and state.position > offset:
                log.info("changelog read again", partition=tp.partition, offset=offset, was_at=state.position)
                consumer.seek(tp, offset)

    def _create_worker_consumer(self, transport: AiokafkaTransport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class CoalescingConsumer(AiokafkaConsumer):
    """The aiokafka consumer of Faust, with one message per partition and fetch for the app's input topics."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._hand_over = HandOver()
        self.assignments = 0
        self._recovered = 0

    @property
    def recovered(self) -> bool:
        """Whether tables are what the changelogs of what is assigned now say. Before, no input is handed over.

        Faust pauses inputs until recovery is over. But where one rebalance follows upon another, the recovery after the
        first lets the flow go on in the midst of the second, and newly assigned inputs get through before they are
        paused: zones have begun anew so.
        """
        return not self.app.tables.changelog_topics or self._recovered == self.assignments

    def note_recovered(self, assignments: int) -> None:
        """Tables are recovered for what was assigned by the `assignments`-th rebalance."""
        self._recovered = assignments

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Until recovery is over nothing is handed over."""
        self.assignments += 1
        await super().on_partitions_assigned(assigned, generation_id)

    def on_buffer_full(self, tp: TP) -> None:
        """A full queue is waited for, and takes no partition out of what is fetched.

        Faust would leave out each partition whose fetch finds another one waiting, until all queues are empty: what
        comes of it meanwhile waits, and where all are left out nothing is fetched for a whole second.
        """

    async def unread_changelogs(self) -> dict[TP, tuple[int, int]]:
        """Changelogs of the assigned inputs that recovery has not read to their ends: up to where, and the end."""
        inputs = {tp.partition for tp in self.assignment() if tp.topic in self._coalesced_topics()}
        changelogs = [TP(topic, partition) for topic in self.app.tables.changelog_topics for partition in inputs]
        ends = await self.highwaters(*changelogs) if changelogs else {}
        read = cast(TableManager, self.app.tables).recovery.active_offsets  # None where nothing is there
        found = {tp: (0 if read.get(tp) is None else read[tp] + 1, ends[tp]) for tp in changelogs}
        return {tp: (start, end) for tp, (start, end) in found.items() if start < end}

    async def input_ends(self) -> dict[TP, int]:
        """Where each assigned input ends now: the offset of its next record."""
        inputs = [tp for tp in self.assignment() if tp.topic in self._coalesced_topics()]
        return dict(await self.highwaters(*inputs)) if inputs else {}

    def _new_consumer_thread(self) -> OwnThread:
        return OwnThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Yield (partition, message); the message of an input topic carries a `Fetch`.

        What was fetched of a partition that was paused or taken away meanwhile is not delivered, yet its position has
        moved on: without going back to what is committed those records would never come (plain Faust loses them so).
        Nothing of a changelog is committed: there it goes back to what was not delivered.
        """
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        left: dict[TP, int] = {}
        for tp, batch in records.items():
            rebalanced = not self.flow_active or self.app.consumer_generation_id != generation
            if rebalanced or not (active is None or tp in active):
                left[tp] = batch[0].offset
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            if tp.topic in self._coalesced_topics():
                fetch = self._hand_over.fetch(tp, batch) if self.recovered else None
                if fetch is None:
                    left[tp] = batch[0].offset
                    continue
                behind = (self.highwater(tp) or 0) - batch[-1].offset - 1
                metrics.LAG_RECORDS.labels(tp.topic, tp.partition).set(max(0, behind))
                yield tp, self._one_message(tp, batch, fetch)
            elif tp.topic in self.app.tables.changelog_topics:
                yield tp, self._one_message(tp, batch, batch)
            else:
                for record in batch:
                    yield tp, self._to_message(tp, record)
        await self._read_again({tp: offset for tp, offset in left.items() if self._is_changelog_tp(tp)})
        if left or not self.flow_active:
            await self.perform_seek()

    async def _read_again(self, changelogs: Mapping[TP, int]) -> None:
        """Read these changelogs from these offsets on, if their next records lie beyond.

        A fetch that was under way when partitions were taken away and given back can end in the midst of it, and have
        taken what the table's recovery then looks for: the zones would be as they were long ago.
        """
        if changelogs:
            await cast(OwnThread, self._thread).seek_back(changelogs)

    async def perform_seek(self) -> None:
        """Go back to what is committed; where nothing is yet, or that is deleted, to the beginning.

        Faust leaves a partition without a committed offset where its prefetch during recovery had come to: a worker
        killed before its first commit would then skip what that prefetch had dropped.
        """
        await super().perform_seek()
        inputs = [tp for tp in self.assignment() if tp.topic in self._coalesced_topics()]
        positions = {}
        for tp, earliest in (await self.earliest_offsets(*inputs)).items() if inputs else ():
            committed = self._committed_offset[tp]
            positions[tp] = earliest if committed is None else max(earliest, committed)
        beginning = {tp: position for tp, position in positions.items() if self._committed_offset[tp] is None}
        if beginning:
            await self.seek_wait(beginning)
        self._hand_over.sought(positions)

    def leave(self, message: Message) -> None:
        """Do not wait for `message` to be acked when partitions are taken away: it will be fetched again."""
        self._unacked_messages.discard(message)

    def _coalesced_topics(self) -> frozenset[str]:
        return cast(CoalescingTransport, self.transport).coalesced_topics

    def _one_message(self, tp: TP, records: Sequence[Record], value: object) -> Message:
        message = self._to_message(tp, records[-1])
        message.key = None
        message.value = cast(bytes, value)  # the raw codec hands any value through
        return message

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self._coalesced_topics():
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self._coalesced_topics():
            return super()._new_offset(tp)
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        self._acked_index[tp].difference_update(acked)
        acked.clear()
        return int(newest) + 1


class KeepingFlow(FlowControlEvent):
    """Faust's flow control, but resuming it empties no queue when it is on already.

    At the end of recovery Faust seeks and then resumes, though the flow has been on since recovery began; that would
    clear what the streams have not taken yet. A fetch that came between the two would be lost, and where it was the
    last one the partition would stand still for ever.
    """

    def resume(self) -> None:
        """Resume production into the queues."""
        if not self.is_active():
            super().resume()


class CoalescingTransport(AiokafkaTransport):
    """Transport with the coalescing consumer."""

    Consumer = CoalescingConsumer
    coalesced_topics: frozenset[str] = frozenset()


def coalesce(app: faust.App, topics: frozenset[str]) -> None:
    """Make `app` consume `topics` in coalesced form, light records (`unpacking.py`). Call it before the app starts."""
    unpacking.install()
    transport = CoalescingTransport(app.conf.broker_consumer, app)
    transport.coalesced_topics = topics
    app.transport = transport
    app.flow_control = KeepingFlow()
