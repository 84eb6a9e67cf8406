"""The service without its surroundings: what it answers, that an answer means durable, what becomes of an outbox."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.clock import FakeClock
from infra.errors import UserError
from infra.local.process import wait_until
from infra.topics import DEAD_LETTERS, DETECTIONS, MAX_MESSAGE_BYTES, Topic
from producers.gateway import service
from producers.gateway.committer import Committer
from producers.gateway.credentials import credentials, credentials_file
from producers.gateway.door import Door, Rate
from producers.gateway.readings import Crossing, RefusedError
from producers.gateway.sender import Sender, send_oldest
from producers.gateway.store import Outgoing, Store
from producers.sink import Headers, Sink
from tests.conftest import stack_settings
from tests.producers.gateway.samples import VENDORS, outbox, site
from tests.producers.helpers import MemorySink

NOW_MS = 1_716_768_000_000
URL = "/push/cam_door_1"
TOKEN = {"Authorization": "Bearer one", "Content-Type": "application/json"}
Value = TypeVar("Value")


def serving(act: Coroutine[None, None, Value], committer: Committer) -> Value:
    """Run `act` while the committer runs."""

    async def both() -> Value:
        task = asyncio.create_task(committer.run())
        try:
            return await act
        finally:
            task.cancel()

    return asyncio.run(both())


class Bench:
    """A service over a store, asked without a network."""

    def __init__(self, path: Path, rate: float = 100) -> None:
        self.store, self.clock, self._rate = Store(path), FakeClock(NOW_MS), Rate(rate)

    def post(
        self, *contents: bytes | AsyncIterator[bytes], headers: dict[str, str] | None = None
    ) -> list[httpx.Response]:
        """What it answers to these bodies, sent together."""
        committer = Committer(self.store, lambda: None)
        door = Door(site(), {"cam_door_1": "one", "cam_gate_north": "two"})
        app = service.Service(
            site=site(), door=door, rate=self._rate, committer=committer, clock=self.clock, boot_id="b"
        ).app()

        async def posted() -> list[httpx.Response]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
                asked = (client.post(URL, content=one, headers=headers or TOKEN) for one in contents)
                return list(await asyncio.gather(*asked))

        return serving(posted(), committer)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A service with an empty store."""
    return Bench(tmp_path / "state.sqlite3")


def crossing(number: int) -> bytes:
    """One passage."""
    return msgspec.json.encode({"readings": [Crossing(line="door", event_ms=NOW_MS, event_id=str(number))]})


def test_an_answer_means_durable(bench: Bench, tmp_path: Path) -> None:
    assert [one.status_code for one in bench.post(*(crossing(i) for i in range(50)))] == [200] * 50
    elsewhere = Store(tmp_path / "state.sqlite3")  # what another connection sees is committed
    told = b"".join(message.value for message in outbox(elsewhere) if message.topic == DETECTIONS.name)
    assert told.count(b'"building_1","camera_id"') == 50


def test_what_it_answers(bench: Bench) -> None:
    cases: list[tuple[bytes, str, int, str]] = [
        (b'{"readings": []}', "application/json", 200, "taken"),
        (b'{"readings": 5}', "application/json", 422, "malformed"),
        (crossing(1), "video/mp4", 415, "wrong_content_type"),
        (b"x" * (service.MAX_BODY_BYTES + 1), "application/json", 413, "too_large"),
    ]
    for body, content_type, status, reason in cases:
        (answer,) = bench.post(body, headers=TOKEN | {"Content-Type": content_type})
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    letters = [message for message in outbox(bench.store) if message.topic == DEAD_LETTERS.name]
    assert [message.headers["reason"] for message in letters] == ["malformed", "wrong_content_type", "too_large"]


def test_a_stranger_and_a_wrong_password_get_the_same_answer(bench: Bench) -> None:
    (wrong,) = bench.post(crossing(1), headers={"Authorization": "Bearer no"})
    (nobody,) = bench.post(crossing(1), headers={"Host": "x"})
    assert wrong.status_code == nobody.status_code == 401
    schemes = [answer.headers.get_list("www-authenticate") for answer in (wrong, nobody)]
    assert [["SHA-256" in one[0], "MD5" in one[1], len(one)] for one in schemes] == [[True, True, 2]] * 2
    assert outbox(bench.store) == []


def test_a_flood_is_slowed_down(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state.sqlite3", rate=2)
    answers = bench.post(*(crossing(i) for i in range(30)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 20
    bench.clock.advance(1_000)
    assert [answer.status_code for answer in bench.post(crossing(31), crossing(32), crossing(33))].count(200) == 2


def test_a_body_that_does_not_end_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BODY_TIMEOUT_S", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        yield b'{"read'
        await asyncio.Event().wait()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(service.MAX_BODY_BYTES // 100_000 + 1):
            yield b"x" * 100_000

    assert bench.post(drip())[0].status_code == 408
    assert bench.post(chunks())[0].status_code == 413  # no Content-Length told how large it is


def test_a_full_disk_queue_tells_cameras_to_come_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_ON_DISK", 0)
    assert [bench.post(crossing(i))[0].status_code for i in range(2)] == [200, 503]


def test_it_is_seen_that_the_sender_has_emptied_the_outbox(bench: Bench) -> None:
    with bench.store.transaction():
        bench.store.put(Outgoing(topic="detections", key=b"", value=b"", timestamp_ms=0))
    committer = Committer(bench.store, lambda: None)
    bench.store.delete_sent(bench.store.oldest(1)[0][0])
    assert (committer.on_disk, asyncio.run(committer.look()), committer.on_disk) == (1, 0, 0)


def test_a_push_that_fails_fails_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite3")
    committer = Committer(store, lambda: None)

    def job(name: str, store: Store) -> None:
        store.put(Outgoing(topic="detections", key=b"", value=name.encode(), timestamp_ms=0))
        if name == "bad":
            raise ZeroDivisionError

    async def submit() -> list[RefusedError | BaseException | None]:
        jobs = (committer.submit(partial(job, name)) for name in ("a", "bad", "b"))
        return list(await asyncio.gather(*jobs, return_exceptions=True))

    outcomes = serving(submit(), committer)
    assert [type(outcome) for outcome in outcomes] == [type(None), ZeroDivisionError, type(None)]
    assert [message.value for message in outbox(store)] == [b"a", b"b"]


class Kafka:
    """A Kafka that is away the first times it is opened, and dies once in a flush."""

    def __init__(self, error: Exception) -> None:
        self.taken: list[bytes] = []
        self.error = error
        self.away = 2
        self.dies = True

    @contextmanager
    def open(self) -> Iterator[Sink]:
        """A sink, unless it is away."""
        self.away -= 1
        if self.away >= 0:
            raise UserError("Kafka did not answer", "start it")
        yield self

    def send(self, topic: Topic, key: bytes, value: bytes, timestamp_ms: int, headers: Headers | None = None) -> None:
        """Take one message."""
        self.taken.append(value)

    def flush(self) -> int:
        """Acknowledge, but for the first time."""
        if self.dies:
            self.dies = False
            raise self.error
        return len(self.taken)


@pytest.mark.parametrize(
    "error",
    [
        UserError("Kafka did not take 3 of 3 messages", "look"),
        KafkaException(KafkaError(KafkaError._TRANSPORT)),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_what_kafka_did_not_take_is_sent_again_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("producers.gateway.sender.FIRST_RETRY_S", 0.01)
    store, kafka = Store(tmp_path / "state.sqlite3"), Kafka(error)
    messages = [Outgoing(topic="detections", key=b"k", value=b"%d" % i, timestamp_ms=i) for i in range(3)]
    with store.transaction():
        for message in messages:
            store.put(message)
    sender = Sender(Store(tmp_path / "state.sqlite3"), kafka.open, FakeClock(NOW_MS))
    sender.start()
    wait_until(lambda: store.waiting() == 0, 10, "an empty outbox")
    sender.stop()
    assert kafka.taken == [b"0", b"1", b"2"] * 2


def test_what_is_too_large_for_kafka_is_set_aside_and_holds_up_nothing(tmp_path: Path) -> None:
    store, sink = Store(tmp_path / "state.sqlite3"), MemorySink()
    values = [b"first", b"x" * MAX_MESSAGE_BYTES, b"last"]
    with store.transaction():
        for value in values:
            store.put(Outgoing(topic="detections", key=b"k", value=value, timestamp_ms=0))
    assert (send_oldest(store, sink), store.waiting()) == (3, 0)
    assert [one.value for one in sink.sent] == [b"first", b"last"]
    aside = sqlite3.connect(tmp_path / "state.sqlite3").execute("SELECT message FROM aside").fetchall()
    assert [msgspec.msgpack.decode(message, type=Outgoing).value for (message,) in aside] == values[1:2]


def test_each_camera_gets_a_password_once_in_a_private_file(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path)
    first = credentials(settings, site({"cam_door_1": VENDORS["cam_door_1"]}))
    both = credentials(settings, site())
    assert both.items() >= first.items()
    assert set(both) == set(VENDORS)
    assert len(set(both.values())) == len(both)
    assert credentials_file(settings).stat().st_mode & 0o777 == 0o600
    with pytest.raises(UserError, match="no camera"):
        credentials(settings, site({}))
