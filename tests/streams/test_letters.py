"""Dead letters read back, mended and replayed: the decisions by hand, and the whole way on a real Kafka."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from anfang import cli
from infra.errors import UserError
from infra.events import Disposition, GatePassage, Headcount, OccupancyMinute, encoder
from infra.lag import end_offsets, lag
from infra.local.process import wait_until
from infra.local.registry import start_process, stop_process
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from infra.topics import DEAD_LETTERS, DETECTIONS, DISPOSITIONS, GATE_PASSAGES, HEADCOUNTS, OCCUPANCY, Topic
from infra.validate import Refusal, judge
from streams.coalescing import Record
from streams.dead_letters import dead_letter
from streams.letters import (
    Letter,
    Mended,
    Place,
    decide,
    for_mending,
    only_letters,
    read_letter,
    read_mended,
    replayed_before,
    shown,
)
from streams.worker import group
from tests.kafka_helpers import produce, read_all
from tests.streams.test_gate import passage
from tests.streams.test_unanswered import _disposition
from tests.streams.test_zone import START_MS, Passing, _headcount, _stream

SITE = load_site(SMALL_SITE)
GOOD = encoder.encode(_stream([Passing(START_MS + 5_000, "north", 1)], 1)[1])


class _Refused(msgspec.Struct):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def _letter(value: bytes, offset: int = 7, place: int = 0, topic: str = "detections") -> Letter:
    record: Record = _Refused(topic, 2, offset, START_MS + 5_000, b"estate", value)
    refusal = judge(value, record.timestamp, SITE)
    output = dead_letter("dead_letters", record, refusal if isinstance(refusal, Refusal) else Refusal("too_large", ""))
    return read_letter(Place(2, place), output.key, output.value, output.headers, 1)


def test_what_the_stream_wrote_is_read_back() -> None:
    letter = _letter(b"{", offset=41)
    assert (letter.source, letter.reason, letter.timestamp_ms) == (
        ("detections", 2, 41),
        "malformed_json",
        START_MS + 5_000,
    )
    assert (letter.key, letter.value) == (b"estate", b"{")


def test_a_letter_without_headers_is_still_shown() -> None:
    letter = read_letter(Place(1, 9), None, b"?", None, 5)
    assert (letter.reason, letter.source, letter.timestamp_ms) == ("unknown", ("", 1, 9), 5)
    assert decide(letter, GOOD, "", set(), SITE).fate == "not replayed"


def test_one_letter_sent_twice_is_one_and_answers_are_none() -> None:
    messages = [_letter(b"{", 1, 0), _letter(b"{", 1, 1), _letter(b"{", 2, 2)]
    answer = msgspec.structs.replace(messages[0], reason="replayed", value=None)
    assert [letter.place.offset for letter in only_letters([*messages, answer])] == [0, 2]
    assert list(only_letters(messages, "too_large")) == []
    assert replayed_before([*messages, answer]) == {messages[0].source}


def test_only_what_is_valid_today_and_not_yet_replayed_is_sent() -> None:
    bad = json.dumps(json.loads(GOOD) | {"camera_id": "cam_new"}).encode()
    letter = _letter(bad)
    assert decide(letter, bad, "", set(), SITE).why == ("unknown_camera: camera_id 'cam_new' is not in the site file")
    sent = decide(letter, GOOD, "", set(), SITE)
    assert (sent.fate, sent.key, sent.value) == ("sent", b"estate", GOOD)
    assert decide(letter, GOOD, "", {letter.source}, SITE).fate == "replayed before"
    assert decide(_letter(b"{", topic="occupancy"), GOOD, "", set(), SITE).fate == "not replayed"


@pytest.mark.parametrize(
    ("topic", "key", "message"),
    [
        (GATE_PASSAGES, b"estate", passage(0)),
        (HEADCOUNTS, b"estate", _headcount(0, 5)),
        (DISPOSITIONS, b"plaza", _disposition("a", START_MS)),
    ],
)
def test_passages_headcounts_and_dispositions_come_back_under_the_key_they_had(
    topic: Topic, key: bytes, message: GatePassage | Headcount | Disposition
) -> None:
    value, sent_ms = encoder.encode(message), message.event_ms
    letter = msgspec.structs.replace(_letter(b"{", topic=f"p.{topic.name}"), key=key, timestamp_ms=sent_ms)
    sent = decide(letter, value, "p.", set(), SITE)
    assert (sent.fate, sent.key, sent.value) == ("sent", key, value)
    assert decide(letter, value, "q.", set(), SITE).fate == "not replayed"
    misplaced = msgspec.structs.replace(letter, key=b"nowhere")
    assert decide(misplaced, value, "p.", set(), SITE).why.startswith("wrong_key: ")
    assert decide(letter, GOOD, "p.", set(), SITE).fate == "still refused"


@given(st.binary(max_size=200))
def test_any_bytes_are_shown_on_one_line_and_written_for_mending(value: bytes) -> None:
    line = shown(value, 40)
    assert line.isprintable()
    assert len(line) <= max(40, 3 * 16 + 1)
    written = msgspec.json.encode(for_mending(_letter(value)))
    assert b"\n" not in written
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    assert read_mended("f", [written]) == {Place(2, 0): text.encode()}


def test_a_mistake_in_a_mended_file_is_told_with_its_line() -> None:
    good = msgspec.json.encode(Mended(partition=0, offset=1, text="x"))
    with pytest.raises(UserError, match=r"mend\.jsonl:3: "):
        read_mended("mend.jsonl", [good, b"", b'{"partition": 0}'])


WITH_NEW_CAMERA = """
  - {id: cam_new, name: 新摄像机, kind: counting, position_m: [1, 1], zones: [estate], lines: [gate_north]}

gates:"""


@pytest.fixture
def worker(fresh: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """The settings, as this process's own too; the worker that a test starts is stopped."""
    monkeypatch.chdir(tmp_path)
    for name, value in fresh.as_environment().items():
        monkeypatch.setenv(name, value)
    yield fresh
    stop_process(fresh, f"{fresh.topic_prefix}occupancy")


def _run(settings: Settings, site: Path) -> None:
    argv = [sys.executable, "-m", "anfang", "stream", "occupancy", "--site", str(site)]
    start_process(settings, f"{settings.topic_prefix}occupancy", argv, settings.as_environment())
    _caught_up(settings)


def _caught_up(settings: Settings) -> None:
    group_name = group("occupancy", settings)
    wait_until(lambda: lag(settings, group_name, (DETECTIONS,)) == 0, 90, "occupancy caught up")


def _anfang(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words))
    assert result.exception is None, result.output
    return result.output


@pytest.mark.stack
def test_letters_of_a_new_camera_are_counted_once_the_site_knows_it(worker: Settings, tmp_path: Path) -> None:
    known = _stream([], 3)
    new = [
        msgspec.structs.replace(envelope, camera_id="cam_new")
        for envelope in _stream([Passing(START_MS + 65_000, "north", 1), Passing(START_MS + 66_000, "north", 1)], 1)
        if envelope.camera_id == "cam_gate_north"
    ]
    messages = [(e.zone_id.encode(), encoder.encode(e), e.start_ms) for e in [*known, *new]]
    mendable = json.loads(messages[0][1]) | {"schema_version": 99, "seq": 1_000}
    produce(worker, DETECTIONS, [*messages, (b"estate", json.dumps(mendable).encode(), START_MS)])
    _run(worker, SMALL_SITE)
    assert sum(end_offsets(worker, DEAD_LETTERS)) == len(new) + 1
    listed = _anfang("dead-letters", "list", "--reason", "wrong_schema_version", "--to", "mend.jsonl")
    assert "wrong_schema_version" in listed
    line = json.loads(Path("mend.jsonl").read_bytes())
    assert "99, expected 1" in _anfang("dead-letters", "show", str(line["partition"]), str(line["offset"]))
    assert f"{len(new) + 1} still refused" in _anfang("dead-letters", "replay", "--all")

    site = tmp_path / "site.yaml"
    site.write_text(SMALL_SITE.read_text().replace("\ngates:", WITH_NEW_CAMERA), encoding="utf-8")
    stop_process(worker, f"{worker.topic_prefix}occupancy")
    _run(worker, site)
    again = ("dead-letters", "replay", "--site", str(site))
    assert f"{len(new)} sent" in _anfang(*again, "--reason", "unknown_camera")
    assert f"{len(new)} replayed before" in _anfang(*again, "--reason", "unknown_camera")
    line["value"]["schema_version"] = 1
    Path("mended.jsonl").write_text(json.dumps(line) + "\n")
    assert _anfang(*again, "--from-file", "mended.jsonl").strip() == "1 sent"
    assert _anfang(*again, "--from-file", "mended.jsonl").strip() == "1 replayed before"

    _caught_up(worker)
    rows = [msgspec.json.decode(m.value() or b"", type=OccupancyMinute) for m in read_all(worker, OCCUPANCY)]
    last = max(rows, key=lambda row: (row.minute_ms, row.revision))
    assert last.balance == 2
    assert {m.timestamp()[1] for m in read_all(worker, DETECTIONS) if m.headers()} == {
        START_MS,
        *(envelope.start_ms for envelope in new),
    }
