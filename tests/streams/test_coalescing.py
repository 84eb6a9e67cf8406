"""The private parts of Faust that the coalescing consumer builds on have the shape it expects."""

import asyncio
import inspect
from collections import Counter
from importlib.metadata import version
from types import SimpleNamespace
from typing import cast

import aiokafka
import faust
import pytest
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as AiokafkaConsumer
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.coalescing import (
    FETCH_WAIT_MS,
    FEW_RECORDS,
    SINCE_WAIT_S,
    CoalescingConsumer,
    CoalescingTransport,
    Fetch,
    HandOver,
    OwnThread,
    Record,
    coalesce,
    joined,
)


def test_versions_are_the_measured_ones() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == "0.14.0"


def test_the_overridden_methods_have_the_known_signatures() -> None:
    expected = {
        "getmany": ["self", "timeout"],
        "_wait_next_records": ["self", "timeout"],
        "_new_offset": ["self", "tp"],
        "_add_gap": ["self", "tp", "offset_from", "offset_to"],
        "perform_seek": ["self"],
        "on_partitions_assigned": ["self", "assigned", "generation_id"],
        "on_buffer_full": ["self", "tp"],
    }
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(Consumer, name)).parameters) == parameters
    assert list(inspect.signature(AiokafkaConsumer._to_message).parameters) == ["self", "tp", "record"]
    assert list(inspect.signature(AiokafkaConsumer._new_consumer_thread).parameters) == ["self"]
    fetch = inspect.signature(AIOKafkaConsumerThread._fetch_records)
    assert list(fetch.parameters) == ["self", "consumer", "active_partitions", "timeout", "max_records"]


def test_a_fetch_that_finds_nothing_is_answered_soon() -> None:
    async def wait_ms() -> int:
        app = faust.App("impatient")
        coalesce(app, frozenset({"in"}))
        transport, consumer = cast(CoalescingTransport, app.transport), cast(CoalescingConsumer, app.consumer)
        return int(consumer._new_consumer_thread()._create_worker_consumer(transport)._fetch_max_wait_ms)

    assert asyncio.run(wait_ms()) == FETCH_WAIT_MS


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
def test_what_came_since_follows_what_was_fetched_ahead(begin: int, count: int, since: int) -> None:
    def records(offsets: range) -> list[SimpleNamespace]:
        return [SimpleNamespace(offset=offset) for offset in offsets]

    both, ahead_only, since_only = TP("in", 0), TP("in", 1), TP("in", 2)
    ahead = {both: records(range(begin, begin + count)), ahead_only: records(range(3))}
    for gone_back in range(count + 1):
        start = begin + count - gone_back
        later = {both: records(range(start, start + since)), since_only: records(range(5))}
        found = {tp: [one.offset for one in found] for tp, found in joined(ahead, later).items()}
        assert found.pop(ahead_only) == [0, 1, 2]
        assert found.pop(since_only) == [0, 1, 2, 3, 4]
        assert found == {both: list(range(start if gone_back else begin, start + since))}


@pytest.mark.parametrize(
    ("lies_there", "first", "asked"), [(True, 5, 2), (False, 5, 1), (True, FEW_RECORDS, 1), (True, 0, 1)]
)
def test_what_came_since_is_asked_for_where_few_were_fetched_ahead(
    monkeypatch: pytest.MonkeyPatch, lies_there: bool, first: int, asked: int
) -> None:
    tp, waits_s = TP("in", 0), list[float]()
    answers = [{tp: [SimpleNamespace(offset=offset) for offset in range(first)]} if first else {}]
    answers.append({tp: [SimpleNamespace(offset=first)]})

    async def fetch(_thread: object, _consumer: object, _active: object, wait_s: float, _most: object) -> object:
        waits_s.append(wait_s)
        return answers[len(waits_s) - 1]

    monkeypatch.setattr(AIOKafkaConsumerThread, "_fetch_records", fetch)
    consumer = SimpleNamespace(_fetcher=SimpleNamespace(_records={tp: "fetched"} if lies_there else {}))
    thread = OwnThread.__new__(OwnThread)
    found = asyncio.run(thread._fetch_records(cast(aiokafka.AIOKafkaConsumer, consumer), {tp}, 1.0, 20_000))
    assert waits_s == [1.0, SINCE_WAIT_S][:asked]
    assert [one.offset for one in found.get(tp, [])] == list(range(first + asked - 1))


def test_recovery_says_what_is_asked_of_it() -> None:
    async def told() -> tuple[object, ...]:
        recovery = cast(TableManager, faust.App("asked", store="memory://").tables).recovery
        recovery.flush_buffers()
        before = recovery._recovery_started_at
        recovery._set_recovery_started()
        changes = recovery._recovery_started_at != before
        return dict(recovery.active_offsets), recovery.signal_recovery_start.is_set(), changes

    assert asyncio.run(told()) == ({}, False, True)


def test_the_bookkeeping_attributes_exist() -> None:
    source = inspect.getsource(Consumer)
    for attribute in (
        "_acked",
        "_acked_index",
        "_gap",
        "_committed_offset",
        "_unacked_messages",
    ):
        assert f"self.{attribute}" in source


class _Fetched:
    """What `getmany` uses of a consumer that has just fetched from two partitions, one of them paused meanwhile."""

    def __init__(self, active: set[TP], generation_after: int = 1, committed: int = 7) -> None:
        self.app = SimpleNamespace(
            consumer_generation_id=1,
            monitor=SimpleNamespace(track_tp_end_offset=lambda *_: 0),
            tables=SimpleNamespace(changelog_topics={"zones-changelog"}),
        )
        self.should_stop, self.flow_active = False, True
        self.read_again = dict[TP, int]()
        self.recovered = True
        self.seeks, self._active, self._generation_after = 0, active, generation_after
        self._fetched = {tp: [SimpleNamespace(offset=7)] for tp in (TP("in", 0), TP("in", 1))}
        self._hand_over = HandOver()
        self._hand_over.sought({TP("in", 0): 7, TP("in", 1): committed})

    async def _wait_next_records(self, _timeout: float) -> tuple[dict[TP, list[SimpleNamespace]], set[TP]]:
        return self._fetched, self._active

    async def perform_seek(self) -> None:
        self.seeks += 1

    async def _read_again(self, changelogs: dict[TP, int]) -> None:
        self.read_again |= changelogs

    def _is_changelog_tp(self, tp: TP) -> bool:
        return tp.topic == "zones-changelog"

    def highwater(self, _tp: TP) -> int:
        self.app.consumer_generation_id = self._generation_after
        return 8

    def _coalesced_topics(self) -> frozenset[str]:
        return frozenset({"in"})

    def _one_message(self, tp: TP, _records: object, _value: object) -> TP:
        return tp

    def _to_message(self, tp: TP, _record: object) -> TP:
        return tp


async def _delivered(consumer: _Fetched) -> list[TP]:
    return [tp async for tp, _ in CoalescingConsumer.getmany(cast(CoalescingConsumer, consumer), 1.0)]


def test_what_was_fetched_and_not_delivered_is_fetched_again() -> None:
    both = {TP("in", 0), TP("in", 1)}
    whole, paused, rebalanced = _Fetched(both), _Fetched({TP("in", 1)}), _Fetched(both, generation_after=2)
    beyond = _Fetched(both, committed=6)
    assert asyncio.run(_delivered(whole)) == [TP("in", 0), TP("in", 1)]
    assert asyncio.run(_delivered(paused)) == [TP("in", 1)]
    assert asyncio.run(_delivered(rebalanced)) == [TP("in", 0)]
    assert asyncio.run(_delivered(beyond)) == [TP("in", 0)]
    assert [one.seeks for one in (whole, paused, rebalanced, beyond)] == [0, 1, 1, 1]


def test_what_was_fetched_of_a_changelog_and_not_delivered_is_read_again() -> None:
    def fetched(active: set[TP]) -> _Fetched:
        consumer = _Fetched(active)
        consumer._fetched = {log: [SimpleNamespace(offset=offset) for offset in (5, 6)], TP("in", 0): read}
        return consumer

    log, read = TP("zones-changelog", 3), [SimpleNamespace(offset=7)]
    whole, paused, stopped = fetched({log, TP("in", 0)}), fetched({TP("in", 0)}), fetched({log, TP("in", 0)})
    stopped.flow_active = False
    assert [len(asyncio.run(_delivered(one))) for one in (whole, paused, stopped)] == [2, 1, 0]
    assert [one.read_again for one in (whole, paused, stopped)] == [{}, {log: 5}, {log: 5}]
    assert [one.seeks for one in (whole, paused, stopped)] == [0, 1, 1]


class _Consumer:
    """What `seek_back` uses of aiokafka's consumer: partitions that stand somewhere, or nowhere yet."""

    def __init__(self, positions: dict[TP, int | None]) -> None:
        self.positions = positions
        states = {tp: SimpleNamespace(has_valid_position=at is not None, position=at) for tp, at in positions.items()}
        assignment = SimpleNamespace(state_value=states.__getitem__)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))

    def assignment(self) -> set[TP]:
        return set(self.positions)

    def seek(self, tp: TP, offset: int) -> None:
        self.positions[tp] = offset


def test_going_back_never_goes_forward() -> None:
    beyond, before, nowhere, lost = (TP("zones-changelog", n) for n in range(4))
    consumer = _Consumer({beyond: 9, before: 3, nowhere: None})
    asked = dict.fromkeys((beyond, before, nowhere, lost), 5)
    asyncio.run(OwnThread._seek_back(cast(aiokafka.AIOKafkaConsumer, consumer), asked))
    assert consumer.positions == {beyond: 5, before: 3, nowhere: None}


class _Way:
    """A partition's way from the broker to whoever takes its fetches; records may be dropped at every place of it."""

    def __init__(self) -> None:
        self.hand_over, self.queue, self.taken = HandOver(), list[Fetch](), list[int]()
        self.position, self.committed, self.last = 0, 0, cast(Fetch | None, None)
        self.step("sought", 1)

    def step(self, what: str, count: int) -> None:
        if what == "deliver":
            records = [cast(Record, SimpleNamespace(offset=self.position + i)) for i in range(count)]
            fetch = self.hand_over.fetch(TP("in", 0), records)
            self.position += count
            self.queue += [fetch] if fetch else []
        elif what == "prefetch and drop":
            self.position += count
        elif what == "clear":
            self.queue.clear()
        elif what == "go back":
            self.position = self.committed
        elif what == "sought":
            self.hand_over.sought({TP("in", 0): self.committed})
        elif what == "commit":
            self.committed = max(self.taken, default=-1) + 1
        elif self.queue:
            fetch = self.queue.pop(0)
            if fetch.follows(self.last):
                self.last = fetch
                self.taken += [record.offset for record in fetch.records]


OFTEN = ["deliver", "take"] * 3
WAYS = [*OFTEN, "prefetch and drop", "clear", "go back", "sought", "commit"]


@settings(max_examples=500)
@given(st.lists(st.tuples(st.sampled_from(WAYS), st.integers(1, 4)), min_size=10, max_size=60))
def test_whatever_is_dropped_on_the_way_no_record_is_taken_before_those_in_front_of_it(
    steps: list[tuple[str, int]],
) -> None:
    way = _Way()
    for what, count in steps:
        way.step(what, count)
    furthest = -1
    for offset in way.taken:
        assert offset <= furthest + 1
        furthest = max(furthest, offset)
    for what in ("clear", "go back", "sought", "deliver", "take"):
        way.step(what, 5)
    assert way.taken[-5:] == list(range(way.committed, way.committed + 5)), "it goes on after a seek"


def test_resuming_the_flow_keeps_what_the_streams_have_not_taken_yet() -> None:
    async def left_after_resume(app: faust.App) -> int:
        queue = app.FlowControlQueue(maxsize=2, clear_on_resume=True)
        app.flow_control.resume()
        await queue.put("the last fetch there is")
        app.flow_control.resume()  # as at the end of recovery, where the flow is on already
        kept = queue.qsize()
        app.flow_control.suspend()
        app.flow_control.resume()
        assert queue.empty(), "what is from before a rebalance goes"
        return kept

    plain, ours = faust.App("plain"), faust.App("ours")
    coalesce(ours, frozenset({"in"}))
    assert asyncio.run(left_after_resume(plain)) == 0, "plain Faust loses it"
    assert asyncio.run(left_after_resume(ours)) == 1


def test_a_full_queue_takes_no_partition_out_of_what_is_fetched() -> None:
    both = {TP("in", 0), TP("in", 1)}

    async def active_when_full(app: faust.App) -> set[TP]:
        consumer = cast(Consumer, app.consumer)
        consumer._set_active_tps(both)
        for tp in both:
            consumer.on_buffer_full(tp)
        return set(consumer._get_active_partitions())

    plain, ours = faust.App("plain", store="memory://"), faust.App("ours", store="memory://")
    coalesce(ours, frozenset({"in"}))
    assert asyncio.run(active_when_full(plain)) == set(), "plain Faust then fetches nothing for a second"
    assert asyncio.run(active_when_full(ours)) == both


def test_before_the_tables_are_recovered_no_input_is_handed_over() -> None:
    consumer = _Fetched({TP("in", 0), TP("zones-changelog", 0)})
    consumer._fetched = {tp: [SimpleNamespace(offset=7)] for tp in consumer._active}
    consumer.recovered = False
    assert asyncio.run(_delivered(consumer)) == [TP("zones-changelog", 0)]
    assert consumer.seeks == 1, "it is fetched again"


async def _consumer_of(app: faust.App) -> CoalescingConsumer:
    async def assigned(*_assigned: object) -> None: ...

    coalesce(app, frozenset({"in"}))
    consumer = cast(CoalescingConsumer, app.consumer)
    consumer._on_partitions_assigned = assigned
    app.on_rebalance_start()
    return consumer


def test_what_is_recovered_for_one_assignment_is_not_for_the_next() -> None:
    async def states() -> list[bool]:
        app = faust.App("twice", store="memory://")
        app.Table("zones", partitions=2)
        consumer, seen = await _consumer_of(app), []
        for late in (False, True):
            await consumer.on_partitions_assigned({TP("in", 0)}, 1)
            first = consumer.assignments
            if late:  # the recovery after the first ends when the second is there
                await consumer.on_partitions_assigned({TP("in", 0), TP("in", 1)}, 2)
            seen.append(consumer.recovered)
            consumer.note_recovered(first)
            seen.append(consumer.recovered)
        consumer.note_recovered(consumer.assignments)
        return [*seen, consumer.recovered]

    assert asyncio.run(states()) == [False, True, False, False, True]


def test_an_app_without_tables_has_nothing_to_wait_for() -> None:
    async def state() -> bool:
        consumer = await _consumer_of(faust.App("plain", store="memory://"))
        await consumer.on_partitions_assigned({TP("in", 0)}, 1)
        return consumer.recovered

    assert asyncio.run(state())


def test_what_recovery_has_not_read_is_found() -> None:
    async def unread(read: dict[int, int | None], ends: dict[int, int]) -> dict[TP, tuple[int, int]]:
        consumer = SimpleNamespace(
            assignment=lambda: {TP("in", n) for n in ends} | {TP("other", 9), TP("zones-changelog", 8)},
            _coalesced_topics=lambda: frozenset({"in"}),
            highwaters=lambda *tps: _answer({tp: ends[tp.partition] for tp in tps}),
            app=SimpleNamespace(
                tables=SimpleNamespace(
                    changelog_topics={"zones-changelog"},
                    recovery=SimpleNamespace(active_offsets={TP("zones-changelog", n): at for n, at in read.items()}),
                )
            ),
        )
        return await CoalescingConsumer.unread_changelogs(cast(CoalescingConsumer, consumer))

    def changelog(partition: int) -> TP:
        return TP("zones-changelog", partition)

    assert asyncio.run(unread({0: 20, 1: -1, 2: None}, {0: 21, 1: 0, 2: 0})) == {}
    behind = asyncio.run(unread({0: 19, 1: None, 2: -1}, {0: 21, 1: 3, 2: 4, 3: 5}))
    assert behind == {changelog(0): (20, 21), changelog(1): (0, 3), changelog(2): (0, 4), changelog(3): (0, 5)}
    assert asyncio.run(unread({}, {})) == {}


async def _answer(ends: dict[TP, int]) -> dict[TP, int]:
    return ends


def test_inputs_and_changelogs_come_by_the_fetch_and_internal_topics_record_by_record() -> None:
    consumer = _Fetched(set())
    records = [SimpleNamespace(offset=offset) for offset in (5, 6, 7)]
    consumer._fetched = {TP(topic, 0): records for topic in ("in", "zones-changelog", "leader")}
    consumer._active = set(consumer._fetched)
    delivered = Counter(tp.topic for tp in asyncio.run(_delivered(consumer)))
    assert delivered == {"in": 1, "zones-changelog": 1, "leader": 3}


def test_a_coalesced_commit_is_the_last_ack_plus_one() -> None:
    tp = TP("in", 0)
    consumer = SimpleNamespace(
        _acked={tp: [41, 99]}, _acked_index={tp: {41, 99}}, _coalesced_topics=lambda: frozenset({"in"})
    )
    as_consumer = cast(CoalescingConsumer, consumer)
    assert CoalescingConsumer._new_offset(as_consumer, tp) == 100
    assert CoalescingConsumer._new_offset(as_consumer, tp) is None
    assert consumer._acked_index[tp] == set()
