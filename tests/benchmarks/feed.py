"""The envelopes that the benchmarks of the streams count: a made-up estate of 100 zones, and what is true of it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from infra.clock import MINUTE_MS
from infra.events import SCHEMA_VERSION, Crossings, Detections, Direction, Envelope, encoder
from infra.limits import OUTSIDE, WrongWay
from infra.site import Site
from tests.kafka_helpers import Sent

ZONES: Final = 100
DETECTIONS_EACH: Final = 20
START_MS: Final = 1_716_768_000_000  # 2024-05-27 08:00 in Shanghai
SLICE_MS: Final = 1_000
CROSSING_SHARE: Final = 0.25
ENVELOPE_KEY: Final = ("camera_id", "boot_id", "zone_id", "seq")
CLOSING_MS: Final = 2 * MINUTE_MS
ALARM_EVERY: Final = 60  # envelopes of a zone
QUIET_S: Final = 30  # less than ALARM_EVERY seconds: each crossing the wrong way opens an alert of its own


def synthetic_site(count: int = ZONES) -> Site:
    """`count` zones side by side; each has a line to the outside and a camera of its own."""
    numbers = range(count)
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


def one_way_site() -> Site:
    """The same estate, but nobody may leave by a line."""
    site = synthetic_site()
    lines = [line.model_copy(update={"allowed_direction": 1}) for line in site.lines]
    limits = site.limits.model_copy(update={"wrong_way": WrongWay(quiet_s=QUIET_S)})
    return site.model_copy(update={"lines": tuple(lines), "limits": limits})


def alarming_envelopes(count: int, start_ms: int) -> list[Sent]:
    """About `count` envelopes as `envelopes` has them, from `start_ms` on; every `ALARM_EVERY`th of a zone is alarming.

    It tells a crossing the wrong way. There are no other crossings.
    """
    random = Random(7)
    return [
        _message(seq, n, seq * SLICE_MS, random, -1 if (seq + n) % ALARM_EVERY == 0 else None, start_ms)
        for seq in range(count // ZONES)
        for n in range(ZONES)
    ]


def alarms(messages: Sequence[Sent]) -> list[tuple[int, str, str]]:
    """(place among `messages`, zone, envelope id) of each that tells a crossing the wrong way."""
    found = []
    for place, (_, value, _) in enumerate(messages):
        if b'"direction":[-1]' in value:
            told = json.loads(value)
            found.append((place, told["zone_id"], "/".join(str(told[key]) for key in ENVELOPE_KEY)))
    return found


def envelopes(count: int) -> list[Sent]:
    """About `count` envelopes, one a second from each camera, `DETECTIONS_EACH` detections in each.

    A quarter carry a crossing. Last comes an envelope per camera, two minutes on, that lets all minutes before close.
    """
    random = Random(7)
    seconds = count // ZONES
    messages = [
        _message(seq, n, seq * SLICE_MS, random, _some_direction(random))
        for seq in range(seconds)
        for n in range(ZONES)
    ]
    return messages + [_message(seconds, n, seconds * SLICE_MS + CLOSING_MS, random, None) for n in range(ZONES)]


def a_second(count: int) -> list[Sent]:
    """The envelopes of the first second from `count` cameras, as `envelopes` has them."""
    random = Random(7)
    return [_message(0, n, 0, random, _some_direction(random)) for n in range(count)]


def true_balances(messages: Sequence[Sent]) -> dict[str, int]:
    """Persons in each zone after `messages`: a plain sum, by nothing but the standard library."""
    balances: Counter[str] = Counter()
    for _, value, _ in messages:
        envelope = json.loads(value)
        balances[envelope["zone_id"]] += sum((envelope["crossings"] or {}).get("direction", []))
    return dict(balances)


def _some_direction(random: Random) -> Direction | None:
    if random.random() >= CROSSING_SHARE:
        return None
    return 1 if random.random() < 0.6 else -1


def _message(
    seq: int, number: int, after_ms: int, random: Random, direction: Direction | None, from_ms: int = START_MS
) -> Sent:
    start_ms = from_ms + after_ms
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
        crossings=_crossing(seq, number, start_ms, direction) if direction else None,
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


def _crossing(seq: int, number: int, start_ms: int, direction: Direction) -> Crossings:
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
