"""Recorded messages once more, at the pace they had or faster, their event time kept.

A recording is a file of one JSON document a line: a `producers.sink.Record` (as `--to jsonl:FILE` writes it), or a bare
envelope or gate passage. The Kafka timestamp is the recorded one, for a bare message its event time.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from infra.clock import Clock, SystemClock
from infra.errors import UserError
from infra.events import Envelope, GatePassage
from infra.passages import passage_key
from infra.recording import Record
from infra.site import Site
from infra.topics import DETECTIONS, GATE_PASSAGES, TOPICS, Topic
from producers.feed import Progress, no_progress
from producers.sink import Sink

TOPIC_BY_NAME: Final = {topic.name: topic for topic in TOPICS}
REPORT_EVERY: Final = 1_000
KEPT_BAD_KEY: Final = b"unreadable"


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay sent: messages in all, and those among them that were not readable (`--keep-bad`)."""

    messages: int
    bad: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to send; `bad` says why it is none."""

    topic: Topic
    key: bytes
    value: bytes
    timestamp_ms: int
    bad: str | None = None


def run(
    path: Path,
    sink: Sink,
    site: Site,
    speed: float | None = None,
    *,
    keep_bad: bool = False,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress = no_progress,
) -> Replayed:
    """Send the file's messages, `speed` times as fast as they came (None: as fast as possible).

    Raises UserError with file and line at the first line that cannot be read, unless `keep_bad`: then its bytes are
    sent to detections as they are, for the house to refuse. `site` says which zone a bare gate passage belongs to.
    """
    pace, count, bad = Pace(speed, clock or SystemClock(), sleep), 0, 0
    for message, done in _messages(path, site):
        if message.bad is not None and not keep_bad:
            raise UserError(f"{path}:{count + 1}: {message.bad}", "mend that line, or send it as it is with --keep-bad")
        pace.wait_for(message.timestamp_ms)
        sink.send(message.topic, message.key, message.value, message.timestamp_ms)
        count, bad = count + 1, bad + (message.bad is not None)
        if count % REPORT_EVERY == 0:
            progress(done)
    sink.flush()
    progress(1.0)
    return Replayed(messages=count, bad=bad)


class Pace:
    """Waits until it is a message's turn: recorded time runs `speed` times as fast as the clock."""

    def __init__(self, speed: float | None, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._speed, self._clock, self._sleep = speed, clock, sleep
        self._origin: tuple[int, int] | None = None

    def wait_for(self, recorded_ms: int) -> None:
        """Sleep until `recorded_ms` is due; a message earlier than the one before (a late one) is due at once."""
        if self._speed is None:
            return
        now_ms = self._clock.now_ms()
        self._origin = self._origin or (recorded_ms, now_ms)
        due_ms = self._origin[1] + (recorded_ms - self._origin[0]) / self._speed
        if due_ms > now_ms:
            self._sleep((due_ms - now_ms) / 1000)


def _messages(path: Path, site: Site) -> Iterator[tuple[Message, float]]:
    """(message, share of the file read) line by line; a bad line has the time of the line before."""
    try:
        size, read, last_ms = max(1, path.stat().st_size), 0, 0
        with path.open("rb") as lines:
            for line in lines:
                message = parse(line.rstrip(b"\r\n"), last_ms, site)
                read, last_ms = read + len(line), message.timestamp_ms
                yield message, read / size
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", "give the path of a recording (JSONL)") from error


def parse(line: bytes, last_ms: int, site: Site) -> Message:
    """One line of a recording as a message; `last_ms` is the time of a line that has none to be read."""
    try:
        return _record(msgspec.json.decode(line, type=Record))
    except (msgspec.DecodeError, ValueError) as error:
        whole = _bare(line, site)
        reason = f"neither a record, an envelope nor a gate passage of this site ({error})"
        return whole or Message(topic=DETECTIONS, key=KEPT_BAD_KEY, value=line, timestamp_ms=last_ms, bad=reason)


def _record(record: Record) -> Message:
    if record.topic not in TOPIC_BY_NAME:
        raise ValueError(f"no topic {record.topic!r}, expected one of {', '.join(TOPIC_BY_NAME)}")
    return Message(
        topic=TOPIC_BY_NAME[record.topic],
        key=record.key.encode(),
        value=record.message(),
        timestamp_ms=record.timestamp_ms,
    )


def _bare(line: bytes, site: Site) -> Message | None:
    """A line that is a message itself, or None."""
    try:
        envelope = msgspec.json.decode(line, type=Envelope)
        return Message(topic=DETECTIONS, key=envelope.zone_id.encode(), value=line, timestamp_ms=envelope.start_ms)
    except msgspec.DecodeError:
        pass
    try:
        passage = msgspec.json.decode(line, type=GatePassage)
    except msgspec.DecodeError:
        return None
    if passage.gate_id not in site.gate:
        return None
    key = passage_key(passage, site)
    return Message(topic=GATE_PASSAGES, key=key, value=line, timestamp_ms=passage.event_ms)


def parse_speed(text: str) -> float | None:
    """ "1", "10" or any number above 0; "max" is None. Raises UserError for anything else."""
    if text == "max":
        return None
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UserError(f"--speed {text}: not a speed", "give --speed 1, --speed 10, another number above 0, or max")
    return speed
