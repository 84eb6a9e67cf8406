"""Take one push: read it, find its persons, and lay its envelopes into the outbox, all in the caller's transaction.

What cannot be taken is refused with a reason and lies in the outbox too, as a dead letter without its pictures. The
same push once more adds nothing, in either case: events are known by what the camera said of them.
"""

import hashlib
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import Direction, Envelope, Health, ObjectClass, derived_id, encoder
from infra.site import Site, Vendor
from infra.topics import (
    DEAD_LETTERS,
    DETECTIONS,
    HEADER_CAMERA,
    HEADER_DETAIL,
    HEADER_REASON,
    HEADER_REMOTE,
    HEADER_TIMESTAMP,
    HEADER_TOPIC,
)
from producers.gateway.counters import Counter, plausible, spread_ms, step, told_by
from producers.gateway.documents import documents, without_pictures
from producers.gateway.envelopes import Alive, Counted, Fact, Passed, Seen, envelopes
from producers.gateway.formats import PARSERS
from producers.gateway.offset import AHEAD_MS, MAX_OFF_MS, Offset, corrected_ms, correction_ms, heard
from producers.gateway.readings import (
    Crossing,
    Interval,
    Presence,
    Reading,
    RefusedError,
    Total,
    Visible,
    Way,
    last_ms,
    name_of,
)
from producers.gateway.store import Outgoing, Store

SOURCE: Final = "gateway"
MAX_DETAIL_CHARACTERS: Final = 500


class Push(Struct, frozen=True, kw_only=True):
    """One authenticated request: `received_ms` by our clock, `remote` the address it came from."""

    camera_id: str
    body: bytes
    content_type: str
    received_ms: int
    remote: str


def take(push: Push, site: Site, store: Store, boot_id: str) -> RefusedError | None:
    """Apply the push; returns why it, or a part of it, was refused."""
    vendor = site.camera[push.camera_id].vendor
    assert vendor is not None
    try:
        parse = PARSERS[vendor.kind]
        readings = [reading for one in documents(push.body, push.content_type) for reading in parse(one, site.tz)]
    except RefusedError as refusal:
        return refuse(push, refusal, store)
    taker = _Taker(push, vendor, store, _offset(push, readings, store))
    facts, first = taker.facts(readings)
    told = envelopes(
        site,
        push.camera_id,
        boot_id,
        facts=facts,
        alive=_alive(push, taker),
        number=lambda zone: _number(push.camera_id, boot_id, zone, store),
    )
    for envelope in told:
        store.put(_message(envelope, push.received_ms))
    return refuse(push, first, store) if first else None


def refuse(push: Push, refusal: RefusedError, store: Store) -> RefusedError:
    """Lay the push into the outbox as a dead letter, once for the same bytes."""
    kept = without_pictures(push.body, push.content_type)
    if store.first_time(f"{push.camera_id}/letter/{hashlib.sha256(kept).hexdigest()}", push.received_ms):
        headers = {
            HEADER_REASON: refusal.reason,
            HEADER_DETAIL: refusal.detail[:MAX_DETAIL_CHARACTERS],
            HEADER_TOPIC: SOURCE,
            HEADER_CAMERA: push.camera_id,
            HEADER_REMOTE: push.remote,
            HEADER_TIMESTAMP: str(push.received_ms),
        }
        key = push.camera_id.encode()
        letter = Outgoing(topic=DEAD_LETTERS.name, key=key, value=kept, timestamp_ms=push.received_ms, headers=headers)
        store.put(letter)
    return refusal


def _offset(push: Push, readings: list[Reading], store: Store) -> Offset:
    """The camera's clock offset, with what this push says of it; times that are a day off say nothing."""
    name = f"offset/{push.camera_id}"
    known = store.recall(name, Offset)
    told = [last_ms(reading) for reading in readings if abs(last_ms(reading) - push.received_ms) <= MAX_OFF_MS]
    if not told:
        return known or Offset(0, push.received_ms)
    offset = heard(known, max(told), push.received_ms)
    store.remember(name, offset)
    return offset


def _alive(push: Push, taker: "_Taker") -> Alive | None:
    """Once a minute: that the camera speaks, at the newest event time it told, or at receipt where it told none."""
    name, minute = f"alive/{push.camera_id}", push.received_ms // MINUTE_MS
    if taker.store.recall(name, int) == minute:
        return None
    taker.store.remember(name, minute)
    return Alive(
        taker.newest_ms or push.received_ms,
        Health(online=True, fps=0.0, clock_offset_ms=float(correction_ms(taker.offset))),
    )


def _number(camera_id: str, boot_id: str, zone: str, store: Store) -> int:
    """The next `seq` of a zone in this boot."""
    name = f"seq/{camera_id}/{zone}"
    known = store.recall(name, tuple[str, int])
    seq = known[1] if known and known[0] == boot_id else 0
    store.remember(name, (boot_id, seq + 1))
    return seq


def _message(envelope: Envelope, now_ms: int) -> Outgoing:
    key, value = envelope.zone_id.encode(), encoder.encode(envelope)
    return Outgoing(topic=DETECTIONS.name, key=key, value=value, timestamp_ms=now_ms)


class _Taker:
    """Turns the readings of one push into facts about our lines and zones."""

    def __init__(self, push: Push, vendor: Vendor, store: Store, offset: Offset) -> None:
        self.store, self.offset, self.newest_ms = store, offset, 0
        self._push, self._vendor = push, vendor

    def facts(self, readings: list[Reading]) -> tuple[list[Fact], RefusedError | None]:
        """What is new in the readings, and the first refusal among them."""
        facts: list[Fact] = []
        first: RefusedError | None = None
        for reading in readings:
            try:
                facts += self._facts(reading)
            except RefusedError as refusal:
                first = first or refusal
        return facts, first

    def _facts(self, reading: Reading) -> list[Fact]:
        reading, name = self._as_mapped(reading), name_of(reading)
        if name in self._vendor.ignored:
            return []
        ours = self._vendor.zones if isinstance(reading, Presence | Visible) else self._vendor.lines
        if name not in ours:
            if isinstance(reading, Total | Interval) and reading.optional:
                return []
            raise RefusedError(
                "unknown_line", f"the camera's name {name!r} is not in its vendor entry of the site file"
            )
        event_ms = self._event_ms(last_ms(reading))
        self.newest_ms = max(self.newest_ms, event_ms)
        match reading:
            case Total():
                return self._from_total(reading, event_ms)
            case Interval():
                return self._from_interval(reading, event_ms)
            case _:
                return self._from_event(reading, event_ms) if self._is_new(reading) else []

    def _as_mapped(self, reading: Reading) -> Reading:
        """A passage or total under a name that is mapped to a zone tells of persons in it."""
        if isinstance(reading, Crossing) and reading.line in self._vendor.zones:
            return Presence(
                zone=reading.line,
                event_ms=reading.event_ms,
                object_class=reading.object_class,
                event_id=reading.event_id,
            )
        if isinstance(reading, Total) and reading.line in self._vendor.zones:
            return Visible(zone=reading.line, event_ms=reading.event_ms, persons=reading.total)
        return reading

    def _event_ms(self, camera_ms: int) -> int:
        return corrected_ms(camera_ms, self.offset, self._push.received_ms)

    def _is_new(self, reading: Reading) -> bool:
        return self.store.first_time(self._id(reading), self._push.received_ms)

    def _id(self, reading: Reading) -> str:
        """The same for the same telling, whenever it comes."""
        return derived_id(self._push.camera_id, msgspec.json.encode(reading).decode())

    def _from_event(self, reading: Crossing | Presence | Visible, event_ms: int) -> list[Fact]:
        match reading:
            case Crossing():
                one = self._id(reading)
                return [self._passed(one, _track(one), event_ms, reading, reading.object_class)]
            case Presence():
                zone, track = self._vendor.zones[reading.zone], _track(self._id(reading))
                return [Seen(track_id=track, event_ms=event_ms, zone_id=zone, object_class=reading.object_class)]
            case Visible():
                zone = self._vendor.zones[reading.zone]
                return [Counted(event_ms=event_ms, zone_id=zone, persons=reading.persons)]

    def _from_total(self, reading: Total, event_ms: int) -> list[Fact]:
        name = f"total/{self._push.camera_id}/{reading.line}/{reading.way}"
        last = told_by(self._push.received_ms + AHEAD_MS, self.store.recall(name, Counter))
        told = step(last, reading.total, event_ms, self._vendor.counter_bits)
        self.store.remember(name, told.counter)
        if told.implausible:
            raise RefusedError("implausible", f"{reading.line}: {told.implausible}")
        return self._spread(reading, told.persons, told.from_ms, event_ms)

    def _from_interval(self, reading: Interval, to_ms: int) -> list[Fact]:
        from_ms = self._event_ms(reading.from_ms)
        if from_ms > to_ms or not plausible(reading.persons, to_ms - from_ms):
            length_s = (to_ms - from_ms) // 1000
            raise RefusedError("implausible", f"{reading.line}: {reading.persons} persons in {length_s} s")
        return self._spread(reading, reading.persons, from_ms, to_ms) if self._is_new(reading) else []

    def _spread(self, reading: Total | Interval, persons: int, from_ms: int, to_ms: int) -> list[Fact]:
        """One crossing for each person, their times spread over the interval, the part of it that consumers take."""
        earliest_ms = min(max(from_ms, self._push.received_ms - MAX_OFF_MS), to_ms)
        times = spread_ms(persons, earliest_ms, to_ms)
        cause = self._id(reading)
        ids = [derived_id(cause, number) for number in range(len(times))]
        return [
            self._passed(one, -1 - _track(one), at_ms, reading, "person") for one, at_ms in zip(ids, times, strict=True)
        ]

    def _passed(
        self, crossing_id: str, track_id: int, event_ms: int, told: Crossing | Total | Interval, what: ObjectClass
    ) -> Passed:
        line = self._vendor.lines[told.line]
        return Passed(
            crossing_id=crossing_id,
            track_id=track_id,
            event_ms=event_ms,
            line_id=line.line,
            direction=_direction(told.way, line.in_is),
            object_class=what,
        )


def _track(told_id: str) -> int:
    """A number for one whom the camera numbers not, or only until it starts again."""
    return int(told_id[:15], 16)


def _direction(way: Way | None, in_is: Direction) -> Direction:
    if way == "out":
        return -1 if in_is == 1 else 1
    return in_is
