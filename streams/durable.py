"""Exact state on at-least-once delivery: the loop that both Faust apps run.

Per zone one value in one plain Faust table: {state, applied offset per partition, outbox}. A batch is a partition's
fetch; it is taken so:

1. each record whose offset the zone has not applied yet goes through the app's pure function, which changes the zone's
   state and returns what is to be sent;
2. each touched zone is written once to the changelog, with everything not yet known to be sent in its outbox; dead
   letters, which wait for nothing, go with it;
3. when all of that is durable the outputs are sent; when those are durable the batch is acked.

The batches of a partition become durable in order; while one does, the next is computed. Partitions do not wait for
each other: they share no zone, and Kafka acknowledges many batches in the time of one. After a crash the outboxes are
sent again: every output carries a deterministic id, so that is harmless. Whatever cannot be made durable in
`DURABLE_TIMEOUT_S` ends the process: a restart is safe, going on is not.
"""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, NoReturn, TypeVar, cast

import faust
import msgspec
import structlog
from faust.types import TP, EventT
from msgspec import Struct

from infra import metrics
from infra.topics import HEADER_REASON
from streams.coalescing import CoalescingConsumer, Fetch, Record
from streams.poison import PoisonWatch
from streams.publish import Output, hand_over

DURABLE_TIMEOUT_S: Final = 60.0

S = TypeVar("S")
log = structlog.get_logger()


class ZoneValue(Struct, Generic[S], array_like=True):
    """What the table holds of one zone. `applied` maps an input topic to the last offset taken from `partition`.

    `epoch` counts the owners that the zone has had (`streams/fence.py`).
    """

    partition: int
    state: S
    applied: dict[str, int]
    outbox: list[Output]
    epoch: int = 0

    def advance(self, topic: str, offset: int) -> bool:
        """Note that `offset` of `topic` is applied; False when it was already."""
        if offset <= self.applied.get(topic, -1):
            return False
        self.applied[topic] = offset
        return True

    def forget_beyond(self, ends: Mapping[TP, int]) -> None:
        """Forget the last offset taken of a topic that ends before it: it was made anew, or lost its end.

        What is then read twice is told by its own number.
        """
        for topic, offset in list(self.applied.items()):
            end = ends.get(TP(topic, self.partition))
            if end is not None and offset >= end:
                log.warning("a topic ends before what was taken", topic=topic, partition=self.partition, end=end)
                del self.applied[topic]


class Stored(Struct, array_like=True):
    """Of a stored `ZoneValue`, what recovery looks at; the rest stays undecoded."""

    partition: int
    state: msgspec.Raw
    applied: msgspec.Raw
    outbox: list[Output]


_stored: Final = msgspec.msgpack.Decoder(Stored)


@dataclass
class Taken(Generic[S]):
    """What the app made of one batch: the zones it touched and what each is to send; dead letters belong to no zone.

    `records` were judged, and those of them in `dead_letters` refused, which stops the worker when it is too much;
    `envelopes`, `duplicates`, `late` (crossings) and `watermarks_ms`, `missing` (of the zones touched) are for the
    metrics.
    """

    touched: dict[str, ZoneValue[S]] = field(default_factory=dict)
    outputs: dict[str, list[Output]] = field(default_factory=dict)
    dead_letters: list[Output] = field(default_factory=list)
    records: int = 0
    envelopes: int = 0
    duplicates: int = 0
    late: int = 0
    watermarks_ms: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def touch(self, zone_id: str, value: ZoneValue[S], outputs: Sequence[Output] = ()) -> None:
        """Note that `zone_id` changed and that `outputs` are to be sent for it."""
        if zone_id not in self.touched:
            self.touched[zone_id] = value
            self.outputs[zone_id] = []
        if outputs:
            self.outputs[zone_id].extend(outputs)


@dataclass
class Chain:
    """The batches of one partition: one at a time is computed, the `last` one handed over becomes durable meanwhile."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: asyncio.Task[None] | None = None


class DurableZones(Generic[S]):
    """The zones of one app: decoded values in memory, their bytes in the table's changelog."""

    def __init__(
        self,
        app: faust.App,
        table: faust.Table[bytes, bytes],
        value_type: type[ZoneValue[S]],
        empty: Callable[[], S],
        *,
        poison: PoisonWatch,
    ) -> None:
        self._app = app
        self._poison = poison
        self._table = table
        self._decoder = msgspec.msgpack.Decoder(value_type)
        self._encoder = msgspec.msgpack.Encoder()
        self._empty = empty
        self._values: dict[str, ZoneValue[S]] = {}
        self._asleep: dict[int, list[str]] = {}
        self._chains: dict[int, Chain] = defaultdict(Chain)
        self._ends: Mapping[TP, int] = {}

    def value(self, zone_id: str, partition: int) -> ZoneValue[S]:
        """The zone's value, from memory or from the table's bytes; a new one where there is none."""
        known = self._values.get(zone_id)
        if known is None:
            stored = self._table.data.get(zone_id.encode())
            known = self._decoder.decode(stored) if stored else ZoneValue(partition, self._empty(), {}, [])
            known.forget_beyond(self._ends)
            known.epoch += 1
            known.outbox.clear()  # recovery has sent it
            self._values[zone_id] = known
        return known

    def in_partition(self, partition: int) -> list[tuple[str, ZoneValue[S]]]:
        """All zones known to lie in `partition`."""
        for zone_id in self._asleep.pop(partition, ()):
            self.value(zone_id, partition)
        return [(zone_id, value) for zone_id, value in self._values.items() if value.partition == partition]

    async def run(self, stream: AsyncIterable[EventT[object]], take: Callable[[Sequence[Record]], Taken[S]]) -> None:
        """Take batches from `stream` for ever; each is acked once it is durable, those of a partition in order."""
        async for event, fetch in in_order(self._app, stream):
            await self._submit(event.message.partition, partial(take, fetch.records), event.ack)

    async def aside(self, partition: int, take: Callable[[], Taken[S]]) -> None:
        """Take something that no record caused (the passing of time) into zones of `partition`, as durably."""
        await self._submit(partition, take, lambda: True)

    async def _submit(self, partition: int, take: Callable[[], Taken[S]], ack: Callable[[], bool]) -> None:
        chain = self._chains[partition]
        async with chain.turn:
            began = time.monotonic()
            taken = take()
            try:
                written = await hand_over(self._app, [*self._write(partition, taken), *taken.dead_letters])
            except Exception as error:
                stop_process(f"what was written could not be sent: {error!r}")
            if chain.last is not None:
                await chain.last
            chain.last = asyncio.create_task(self._finish(taken, written, ack, began))

    async def recover(self) -> None:
        """After the table was read back: forget what was decoded and send all outboxes again. Decoding waits."""
        self._values.clear()
        self._asleep.clear()
        metrics.watermarks_ms.clear()
        metrics.missing.clear()
        outputs: list[Output] = []
        for key, content in list(self._table.data.items()):
            stored = _stored.decode(content)
            self._asleep.setdefault(stored.partition, []).append(key.decode())
            outputs += stored.outbox
        try:
            self._ends = await cast(CoalescingConsumer, self._app.consumer).input_ends()
            await durable(await hand_over(self._app, outputs), "outboxes after recovery")
        except Exception as error:  # Faust would go on
            stop_process(f"where inputs end, or that outboxes are sent again, could not be made sure: {error!r}")
        log.info("recovered", zones=len(self._table.data), resent=len(outputs))

    def _write(self, partition: int, taken: Taken[S]) -> list[Output]:
        """The touched zones as they are now: into the table, and as what is to be sent to its changelog."""
        topic, now_ms = self._table.changelog_topic_name, int(time.time() * 1000)
        changes = []
        for zone_id, value in taken.touched.items():
            value.outbox.extend(taken.outputs[zone_id])
            key, content = zone_id.encode(), self._encoder.encode(value)
            self._table.data[key] = content
            changes.append(Output(topic, partition, key, content, now_ms))
        return changes

    async def _finish(
        self, taken: Taken[S], written: list[Awaitable[object]], ack: Callable[[], bool], began: float
    ) -> None:
        try:
            await durable(written, "changelog and dead letters")
            outputs = [output for outputs in taken.outputs.values() for output in outputs]
            await durable(await hand_over(self._app, outputs), "outputs")
            for zone_id, value in taken.touched.items():
                del value.outbox[: len(taken.outputs[zone_id])]
            ack()
            metrics.BATCH_SECONDS.observe(time.monotonic() - began)
            count_taken(taken)
            too_much = self._poison.note(taken.records, [reason(letter) for letter in taken.dead_letters])
        except Exception as error:
            stop_process(f"a batch could not be made durable: {error!r}")
        if too_much is not None:
            stop_process(too_much)


async def in_order(
    app: faust.App, stream: AsyncIterable[EventT[object]]
) -> AsyncIterator[tuple[EventT[object], Fetch]]:
    """The fetches of a coalesced topic, each with its event.

    A fetch that does not go on where the one before it ended is left: a rebalance has dropped one between them,
    and both will be fetched again.
    """
    last: dict[int, Fetch] = {}
    async for event in stream:
        fetch, partition = event.value, event.message.partition
        assert isinstance(fetch, Fetch)
        if not fetch.follows(last.get(partition)):
            log.info("fetch left", partition=partition, seek=fetch.seek, start=fetch.start)
            cast(CoalescingConsumer, app.consumer).leave(event.message)
            continue
        last[partition] = fetch
        yield event, fetch


def reason(letter: Output) -> str:
    """Why the message in a dead letter was refused."""
    return dict(letter.headers)[HEADER_REASON].decode()


def count_taken(taken: Taken[S]) -> None:
    """Tell the metrics what a durable batch was made of."""
    metrics.ENVELOPES.inc(taken.envelopes)
    metrics.DUPLICATES.inc(taken.duplicates)
    metrics.LATE.inc(taken.late)
    metrics.watermarks_ms.update(taken.watermarks_ms)
    metrics.missing.update(taken.missing)
    for letter in taken.dead_letters:
        metrics.DEAD_LETTERS.labels(reason(letter)).inc()
    now_s = time.time()
    for outputs in taken.outputs.values():
        for output in outputs:
            metrics.OUTPUTS.labels(output.topic).inc()
            metrics.OUTPUT_AGE_SECONDS.labels(output.topic).observe(now_s - output.timestamp_ms / 1000)


async def durable(waiting: Sequence[Awaitable[object]], what: str) -> None:
    """Wait until the broker has all of `waiting`. Raises TimeoutError or the first failure."""
    try:
        async with asyncio.timeout(DURABLE_TIMEOUT_S):
            await asyncio.gather(*waiting)
    except TimeoutError:
        raise TimeoutError(f"{what}: no answer from Kafka in {DURABLE_TIMEOUT_S:.0f} s") from None


def stop_process(why: str) -> NoReturn:
    """End this worker at once: whoever supervises it starts it again, from what is durable."""
    log.error("worker stops", why=why)
    os._exit(3)
