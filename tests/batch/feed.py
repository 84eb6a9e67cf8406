"""Envelopes and other messages for the nightly's tests, and what they should become, in plain Python."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from confluent_kafka import Producer, TopicPartition

from infra.clock import day_start_ms
from infra.events import (
    Alert,
    Crossings,
    Disposition,
    Envelope,
    GatePassage,
    Health,
    OccupancyMinute,
    Visitors,
    derived_id,
    encoder,
)
from infra.settings import Settings
from infra.site import Site
from infra.topics import Topic, admin, topic_name

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
DAY: Final = date(2026, 3, 1)
NEXT: Final = DAY + timedelta(days=1)
ESTATE: Final = "demo_garden"
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
Message = tuple[str, bytes, int]  # key, value, Kafka timestamp


def at(clock: str, day: date = DAY) -> int:
    """UTC ms of a local time of the day, e.g. "23:59:59.5"."""
    hours, minutes, seconds = clock.split(":")
    return day_start_ms(day, SHANGHAI) + int((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def crossing_envelopes(line: str, camera: str, zones: Iterable[str], start_ms: int, seq: int) -> list[Envelope]:
    """One crossing of `line` as its camera tells it: once to each zone that it changes."""
    crossing = Crossings(
        crossing_id=[derived_id(line, start_ms)],
        event_ms=[start_ms + 100],
        line_id=[line],
        direction=[1 if seq % 3 else -1],
        track_id=[seq],
        object_class=["person"],
    )
    return [envelope(camera, zone, seq, start_ms, crossings=crossing) for zone in zones]


def envelope(
    camera: str,
    zone: str,
    seq: int,
    start_ms: int,
    crossings: Crossings | None = None,
    health: Health | None = None,
    visitors: Visitors | None = None,
) -> Envelope:
    """An envelope of one second."""
    return Envelope(
        schema_version=1,
        estate_id=ESTATE,
        zone_id=zone,
        camera_id=camera,
        boot_id="boot",
        seq=seq,
        start_ms=start_ms,
        end_ms=start_ms + 1000,
        crossings=crossings,
        health=health,
        visitors=visitors,
    )


def message(sent: Envelope, kafka_ms: int | None = None) -> Message:
    """The envelope as a Kafka message, sent at its own time unless told otherwise."""
    return sent.zone_id, encoder.encode(sent), sent.start_ms if kafka_ms is None else kafka_ms


def produce(
    settings: Settings, topic: Topic, messages: Iterable[Message], headers: dict[str, str | bytes | None] | None = None
) -> None:
    """Send the messages with their timestamps."""
    producer = Producer({"bootstrap.servers": settings.kafka_address(), "message.max.bytes": 8_000_000})
    for key, value, kafka_ms in messages:
        producer.produce(topic_name(topic, settings), value, key, timestamp=kafka_ms, headers=headers)
        producer.poll(0)
    assert producer.flush(30) == 0


def drop_all(settings: Settings, topic: Topic) -> None:
    """Let Kafka drop all that the topic holds, as it does when retention has passed."""
    client = admin(settings)
    ends = [TopicPartition(topic_name(topic, settings), partition, -1) for partition in range(settings.partitions)]
    for future in client.delete_records(ends).values():
        future.result()


def day_of(ms: int) -> date:
    """The local day of an instant."""
    return datetime.fromtimestamp(ms / 1000, SHANGHAI).date()


def crossings_per_day(envelopes: Iterable[Envelope]) -> Counter[date]:
    """The oracle: distinct crossings by the local day of their own time."""
    seen: dict[str, int] = {}
    for sent in envelopes:
        if sent.crossings is not None:
            seen.update(zip(sent.crossings.crossing_id, sent.crossings.event_ms, strict=True))
    return Counter(day_of(ms) for ms in seen.values())


def minute_row(zone: str, minute_ms: int, ins: int, outs: int, revision: int = 1) -> Message:
    """One occupancy minute as the streams publish it."""
    row = OccupancyMinute(
        schema_version=1,
        row_id=derived_id(zone, minute_ms),
        revision=revision,
        estate_id=ESTATE,
        zone_id=zone,
        minute_ms=minute_ms,
        ins=ins,
        outs=outs,
        balance=ins - outs,
        occupancy=1.5,
        low=0.0,
        high=3.0,
        visible=None if revision == 1 else 2,
        coverage="full",
        watermark_ms=minute_ms + MINUTE_MS,
    )
    return zone, encoder.encode(row), minute_ms


def alert_state(opened_ms: int, revision: int, closed_ms: int | None = None) -> Message:
    """One state of one alert."""
    state = Alert(
        schema_version=1,
        alert_id="alert",
        revision=revision,
        estate_id=ESTATE,
        zone_id="pump_room",
        subject_id="pump_room",
        rule="restricted_hours",
        severity="warning",
        status="opened" if closed_ms is None else "closed",
        opened_ms=opened_ms,
        updated_ms=closed_ms or opened_ms,
        closed_ms=closed_ms,
        explanation="有人在关闭时段进入",
        measured={"persons": 1.0},
        evidence=["e1", "e2"],
    )
    return "pump_room", encoder.encode(state), (closed_ms or opened_ms) + 500


def passage(number: int, event_ms: int) -> Message:
    """One passage of the north gate."""
    sent = GatePassage(
        schema_version=1,
        passage_id=f"p{number}",
        estate_id=ESTATE,
        gate_id="turnstile_north",
        event_ms=event_ms,
        direction=1,
        method="card",
        granted=True,
    )
    return "estate", encoder.encode(sent), event_ms


def disposition(event_ms: int) -> Message:
    """What a person said of the alert."""
    said = Disposition(
        schema_version=1,
        disposition_id="d1",
        alert_id="alert",
        estate_id=ESTATE,
        event_ms=event_ms,
        verdict="true",
        by="guard_3",
    )
    return "alert", msgspec.json.encode(said), event_ms


def a_day(site: Site, day: date, number: int) -> list[Envelope]:
    """Crossings at the north gate all day, and health of each camera in each of five minutes, in the last one twice."""
    seq = count()
    zones = tuple(site.effects["plaza_edge"])
    sent = [
        one
        for n in range(number)
        for one in crossing_envelopes(
            "plaza_edge", "cam_plaza", zones, at("00:00:00", day) + n * 80_000_000 // number, n
        )
    ]
    for camera, camera_zones in site.camera_zones.items():
        for number, minute in enumerate((0, 1, 2, 3, 4, 4)):
            told = Health(online=True, fps=20.0 + number, decode_errors=number % 2, dropped=2 * number, thinned=number)
            start_ms = at(f"12:{minute:02}:00", day) + number
            sent.append(envelope(camera, camera_zones[0], 100_000 + next(seq), start_ms, health=told))
    return sent


def poison(day: date) -> list[Message]:
    """Messages that no envelope can be made of, sent at noon."""
    noon = at("12:00:00", day)
    good = message(envelope("cam_plaza", "plaza", 7_000, noon))[1]
    values = [
        b"",
        b"{",
        b"\xff\x00",
        b"x" * 5_000_000,
        good.replace(b'"schema_version":1', b'"schema_version":9'),
        good.replace(b"cam_plaza", b"cam_nowhere"),
        good.replace(b'"seq":7000', b'"seq":NaN'),
        message(envelope("cam_plaza", "plaza", 7_001, noon - 900 * DAY_MS))[1],
    ]
    return [("plaza", value, noon) for value in values]
