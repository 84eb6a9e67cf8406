"""The envelopes that the occupancy benchmark counts: a made-up estate of 100 zones, and what is true of it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from infra.clock import MINUTE_MS
from infra.events import SCHEMA_VERSION, Crossings, Detections, Direction, Envelope, encoder
from infra.site import OUTSIDE, Site
from tests.kafka_helpers import Sent

ZONES: Final = 100
DETECTIONS_EACH: Final = 20
START_MS: Final = 1_716_768_000_000  # 2024-05-27 08:00 in Shanghai
SLICE_MS: Final = 1_000
CROSSING_SHARE: Final = 0.25
CLOSING_MS: Final = 2 * MINUTE_MS


def synthetic_site() -> Site:
    """`ZONES` zones side by side; each has a line to the outside and a camera of its own."""
    numbers = range(ZONES)
    square = [(0, 0), (20, 0), (20, 20), (0, 20)]
    zones = [
        {"id": _zone(n), "name": _zone(n), "kind": "courtyard", "capacity": 500, "polygon_m": square} for n in numbers
    ]
    lines = [{"id": _line(n), "from_zone": OUTSIDE, "to_zone": _zone(n), "points_m": square[:2]} for n in numbers]
    cameras = [
        {
            "id": _camera(n),
            "name": _camera(n),
            "kind": "counting",
            "position_m": (0, 0),
            "zones": [_zone(n)],
            "lines": [_line(n)],
        }
        for n in numbers
    ]
    estate = {"id": "bench", "name": "bench", "households": 1000, "residents": 3000}
    return Site.model_validate({"version": 1, "estate": estate, "zones": zones, "lines": lines, "cameras": cameras})


def envelopes(count: int) -> list[Sent]:
    """About `count` envelopes, one a second from each camera, `DETECTIONS_EACH` detections in each.

    A quarter carry a crossing. Last comes an envelope per camera, two minutes on, that lets all minutes before close.
    """
    random = Random(7)
    seconds = count // ZONES
    messages = [_message(seq, n, seq * SLICE_MS, random) for seq in range(seconds) for n in range(ZONES)]
    return messages + [_message(seconds, n, seconds * SLICE_MS + CLOSING_MS, random, 0.0) for n in range(ZONES)]


def true_balances(messages: Sequence[Sent]) -> dict[str, int]:
    """Persons in each zone after `messages`: a plain sum, by nothing but the standard library."""
    balances: Counter[str] = Counter()
    for _, value, _ in messages:
        envelope = json.loads(value)
        balances[envelope["zone_id"]] += sum((envelope["crossings"] or {}).get("direction", []))
    return dict(balances)


def _message(seq: int, number: int, after_ms: int, random: Random, share: float = CROSSING_SHARE) -> Sent:
    start_ms = START_MS + after_ms
    envelope = Envelope(
        schema_version=SCHEMA_VERSION,
        estate_id="bench",
        zone_id=_zone(number),
        camera_id=_camera(number),
        boot_id="boot",
        seq=seq,
        start_ms=start_ms,
        end_ms=start_ms + SLICE_MS - 1,
        detections=_detections(start_ms, random),
        crossings=_crossing(seq, number, start_ms, random) if random.random() < share else None,
    )
    return envelope.zone_id.encode(), encoder.encode(envelope), start_ms


def _detections(start_ms: int, random: Random) -> Detections:
    return Detections(
        event_ms=[start_ms + 40 * i for i in range(DETECTIONS_EACH)],
        track_id=list(range(DETECTIONS_EACH)),
        object_class=["person"] * DETECTIONS_EACH,
        x_m=list(_rounded(random, 20)),
        y_m=list(_rounded(random, 20)),
        confidence=list(_rounded(random, 1)),
    )


def _rounded(random: Random, scale: int) -> Iterator[float]:
    return (round(random.random() * scale, 2) for _ in range(DETECTIONS_EACH))


def _crossing(seq: int, number: int, start_ms: int, random: Random) -> Crossings:
    direction: Direction = 1 if random.random() < 0.6 else -1
    return Crossings(
        crossing_id=[f"{_line(number)}.{seq}"],
        event_ms=[start_ms + 500],
        line_id=[_line(number)],
        direction=[direction],
        track_id=[0],
        object_class=["person"],
    )


def _zone(number: int) -> str:
    return f"zone_{number:03}"


def _line(number: int) -> str:
    return f"line_{number:03}"


def _camera(number: int) -> str:
    return f"cam_{number:03}"
