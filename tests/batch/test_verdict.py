"""What Spark is told of a record must be what `infra.validate` says: whether it is valid, what is in it, or why not."""

import json
import random
from typing import Final

import msgspec
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from batch.told import batches_in
from batch.verdict import FOUND, columns_of, judged
from infra.events import MAX_ENVELOPE_BYTES, MAX_INTEGER, Crossings, Envelope
from infra.site import Site
from infra.validate import Refusal, judge

NOW_MS: Final = 1_764_000_000_000
DAY_MS: Final = 86_400_000
JSON = dict[str, object]

HEALTHY: Final[JSON] = {
    "online": True,
    "fps": 24.5,
    "decode_errors": 3,
    "picture": "ok",
    "clock_offset_ms": -1.5,
    "dropped": 2,
    "thinned": 0,
}
VISITORS: Final[JSON] = {"event_ms": [NOW_MS + 5, NOW_MS + 6], "track_id": [7, 8], "token": ["t1", "t2"]}
CROSSINGS: Final[JSON] = {
    "crossing_id": ["c1", "c2"],
    "event_ms": [NOW_MS + 10, NOW_MS + 900],
    "line_id": ["gate_north", "gate_north"],
    "direction": [1, -1],
    "track_id": [7, 8],
    "object_class": ["person", "bicycle"],
}
DETECTIONS: Final[JSON] = {
    "event_ms": [NOW_MS, NOW_MS + 1000],
    "track_id": [7, 8],
    "object_class": ["person", "car"],
    "x_m": [1.5, 2],
    "y_m": [0.0, -3.25],
    "confidence": [0.9, 1],
}
BASE: Final[JSON] = {
    "schema_version": 1,
    "estate_id": "demo_garden",
    "zone_id": "estate",
    "camera_id": "cam_gate_north",
    "boot_id": "b1",
    "seq": 0,
    "start_ms": NOW_MS,
    "end_ms": NOW_MS + 1000,
    "visible": 2,
    "detections": DETECTIONS,
    "crossings": CROSSINGS,
    "health": HEALTHY,
    "visitors": VISITORS,
}
ODD_VALUES: Final[tuple[object, ...]] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    1.0,
    2.5,
    -0.0,
    1e300,
    "",
    "1",
    "x",
    "true",
    "{}",
    "人" * 96,
    "x" * 97,
    NOW_MS,
    NOW_MS + 1001,
    NOW_MS - 2 * DAY_MS,
    [],
    [None],
    [1],
    [1, 2],
    [1.5, "a"],
    ["x", "y"],
    ["5", "true"],
    {},
    {"a": 1},
    float("nan"),
    float("inf"),
)


def paths(node: object, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a message that a mutation can hit."""
    if isinstance(node, dict):
        return [p for key, value in node.items() for p in [(*here, key), *paths(value, (*here, key))]]
    if isinstance(node, list):
        return [p for i, value in enumerate(node) for p in [(*here, i), *paths(value, (*here, i))]]
    return []


DROPPED: Final = object()


def changed(path: tuple[str | int, ...], value: object) -> bytes:
    """The base message with one place set to `value`, or dropped."""
    return json.dumps(_changed(BASE, path, value), ensure_ascii=False).encode()


def _changed(node: object, path: tuple[str | int, ...], value: object) -> object:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(node, dict):
        pairs = [(key, _changed(inner, rest, value) if key == step else inner) for key, inner in node.items()]
        return {key: inner for key, inner in pairs if inner is not DROPPED}
    assert isinstance(node, list)
    return [new for i, x in enumerate(node) if (new := _changed(x, rest, value) if i == step else x) is not DROPPED]


def mutations() -> list[bytes]:
    """One place changed in every way, then random pairs of bytes."""
    places = paths(BASE)
    ways = [changed(path, value) for path in places for value in ODD_VALUES]
    ways += [changed(path, DROPPED) for path in places]
    return ways + scarred(400) + list(RAW)


def scarred(number: int) -> list[bytes]:
    """The base message with a few bytes overwritten, cut or repeated."""
    random_ = random.Random(7)
    found = []
    for _ in range(number):
        message = bytearray(json.dumps(BASE).encode())
        at = random_.randrange(len(message))
        match random_.randrange(3):
            case 0:
                message[at] = random_.randrange(256)
            case 1:
                del message[at : at + random_.randrange(1, 30)]
            case _:
                message[at:at] = message[at : at + random_.randrange(1, 30)]
        found.append(bytes(message))
    return found


TEXT: Final = json.dumps(BASE)
RAW: Final = (
    TEXT.encode(),
    b"",
    b" ",
    b"null",
    b"5",
    b"[1, 2]",
    b"{}",
    b"[{}]",
    b"\xff\xfe",
    b"{" * 2000,
    TEXT.encode() + b" ",
    b"\n" + TEXT.encode(),
    TEXT.encode() + b" trailing",
    TEXT.encode() + b"}",
    TEXT.encode() + TEXT.encode(),
    (TEXT + "," + TEXT).encode(),
    TEXT.replace('"', "'").encode(),
    TEXT.replace("b1", "b\\ud83d\\ude00").encode(),
    TEXT.replace("b1", "1234").encode(),
    TEXT.replace('"b1"', "1234").encode(),
    TEXT.replace('"c1"', "1").encode(),
    TEXT.replace('"seq": 0', '"seq": 00').encode(),
    TEXT.replace('"seq": 0', '"seq": 1e2').encode(),
    TEXT.replace('"fps": 24.5', '"fps": 1e999').encode(),
    TEXT.replace('"fps": 24.5', '"fps": NaN').encode(),
    TEXT.replace('"fps": 24.5', '"fps": "NaN"').encode(),
    TEXT.replace('"x_m": [1.5, 2]', '"x_m": [1.5, Infinity]').encode(),
    TEXT.replace('"x_m": [1.5, 2]', '"x_m": [1.5, -Infinity]').encode(),
    TEXT.replace('"seq": 0', '"seq": 0, "seq": 5, "more": {"a": [null]}').encode(),
    TEXT.encode("latin-1").replace(b"b1", b"b\xe9"),
    (TEXT[:-1] + ', "padding": "' + "x" * MAX_ENVELOPE_BYTES + '"}').encode(),
    b"x" * 5_000_000,
)


def test_bytes_of_our_own_encoder_are_valid(site: Site) -> None:
    envelope = msgspec.json.decode(TEXT, type=Envelope)
    assert judge(msgspec.json.encode(envelope), NOW_MS, site) == envelope


@pytest.mark.stack
def test_spark_says_what_python_says(spark: SparkSession, site: Site) -> None:
    values = mutations()
    times = [NOW_MS, NOW_MS - DAY_MS, NOW_MS + DAY_MS + 1, 0]
    cases = [(n, bytearray(value), NOW_MS) for n, value in enumerate(values)]
    cases += [(len(values) + n, bytearray(TEXT.encode()), ms) for n, ms in enumerate(times)]
    records = spark.createDataFrame(
        [(n % 3, n, kafka_ms, value) for n, value, kafka_ms in cases],
        "kafka_partition int, kafka_offset long, kafka_ms long, value binary",
    )
    rows = judged(records, site).collect()
    said = {row.kafka_offset: row.asDict(recursive=True) for row in rows}
    assert len(said) == len(cases)
    crossings = crossings_told([row.told for row in rows])
    differing = []
    for n, value, kafka_ms in cases:
        verdict = judge(bytes(value), kafka_ms, site)
        expected = {"kafka_partition": n % 3, "kafka_offset": n, "kafka_ms": kafka_ms, **wanted(verdict, kafka_ms)}
        found = said[n] | {"told": crossings.get(n)}
        if found != expected:
            differing.append((bytes(value[-1500:]).decode(errors="replace"), expected, found))
    assert not differing, f"{len(differing)} differ, e.g. {differing[:5]}"


def wanted(verdict: Envelope | Refusal, kafka_ms: int) -> dict[str, object]:
    """What must be said of a record with this verdict; of its crossings, camera and Kafka's time as `told`."""
    if isinstance(verdict, Refusal):
        return dict.fromkeys(FOUND.names) | {"reason": verdict.reason}
    plain = {
        name: msgspec.to_builtins(getattr(verdict, name)) for name in FOUND.names if name not in ("reason", "told")
    }
    crossings = verdict.crossings and (verdict.camera_id, kafka_ms, msgspec.to_builtins(verdict.crossings))
    return {"reason": None, **plain, "told": crossings}


def crossings_told(values: list[bytes | None]) -> dict[int, tuple[str, int, object]]:
    """By offset the camera, Kafka's time and the crossings of each envelope that has some."""
    found: dict[int, tuple[str, int, object]] = {}
    for batch in batches_in([pa.RecordBatch.from_pydict({"told": [value for value in values if value]})], "told"):
        for row in batch.to_pylist():
            place = row["kafka_offset"]
            assert row["kafka_partition"] == place % 3
            found[place] = (
                row["camera_id"],
                row["kafka_ms"],
                {name: row[name] for name in Crossings.__struct_fields__},
            )
    return found


def test_a_number_that_no_column_holds_is_the_next_that_one_does() -> None:
    huge = TEXT.replace('"decode_errors": 3', f'"decode_errors": {10**30}').replace(
        '"dropped": 2', f'"dropped": -{10**30}'
    )
    health = columns_of([msgspec.json.decode(huge, type=Envelope), None])["health"].to_pylist()
    assert (health[0]["decode_errors"], health[0]["dropped"], health[1]) == (MAX_INTEGER, -MAX_INTEGER, None)
