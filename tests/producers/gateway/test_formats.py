"""Each maker's real message is read as a person reads it, and no bytes bring a parser down."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.gateway.documents import documents, without_pictures
from producers.gateway.formats import PARSERS, axis, dahua, hikvision, onvif, own, xovis
from producers.gateway.readings import Crossing, Interval, Presence, Reading, RefusedError, Total, Visible, last_ms
from tests.producers.gateway.samples import JPEG, SAMPLES, line_alert, multipart, people_counting, sample, soap, tapo

CHINA = ZoneInfo("Asia/Shanghai")
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no real messages at {SAMPLES}")


def _ms(year: int, month: int, day: int, hour: int, minute: int, second: int, milli: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1000 + milli


@needs_samples
def test_hikvision_people_counting_with_its_child_counter() -> None:
    at_ms = _ms(2020, 7, 9, 4, 7, 7)
    name = "PeopleCounting/1/1"
    assert hikvision.parse(sample("peoplecounting_realtime_child_2020.xml"), CHINA) == [
        Total(line=name, event_ms=at_ms, total=70, way="in"),
        Total(line=name, event_ms=at_ms, total=75, way="out"),
        Total(line=f"{name}/child", event_ms=at_ms, total=0, way="in", optional=True),
        Total(line=f"{name}/child", event_ms=at_ms, total=0, way="out", optional=True),
    ]


@needs_samples
def test_hikvision_by_interval_is_beside_the_counter() -> None:
    told = people_counting("2024-05-27T08:00:00", 7, 3).decode()
    span = "<TimeRange><startTime>2024-05-27T07:55:00</startTime><endTime>2024-05-27T08:00:00</endTime></TimeRange>"
    told = told.replace("<RealTime>\n<time>2024-05-27T08:00:00</time>\n</RealTime>", span)
    assert span in told
    from_ms, to_ms = _ms(2024, 5, 26, 23, 55, 0), _ms(2024, 5, 27, 0, 0, 0)
    name = "PeopleCounting/1/1/timeRange"
    assert hikvision.parse(told.encode(), CHINA) == [
        Interval(line=name, from_ms=from_ms, to_ms=to_ms, persons=7, way="in", optional=True),
        Interval(line=name, from_ms=from_ms, to_ms=to_ms, persons=3, way="out", optional=True),
    ]


@needs_samples
def test_hikvision_fields() -> None:
    human = hikvision.parse(sample("hikvision_next__fielddetection_human.xml"), CHINA)
    vehicle = hikvision.parse(sample("hikvision_next__fielddetection_vehicle.xml"), CHINA)
    assert human == [Presence(zone="fielddetection/1/3", event_ms=_ms(2022, 1, 31, 12, 53, 5), object_class="person")]
    assert vehicle == [Presence(zone="fielddetection/1/2", event_ms=_ms(2022, 1, 19, 6, 51, 17), object_class="car")]


@needs_samples
def test_hikvision_lines_count_an_alarm_once() -> None:
    at = "2024-05-27T08:00:00+08:00"
    first = Crossing(line="linedetection/1/2", event_ms=_ms(2024, 5, 27, 0, 0, 0))
    assert hikvision.parse(line_alert(at, region=2), CHINA) == [first]
    assert hikvision.parse(line_alert(at, post=2, region=2), CHINA) == []
    assert hikvision.parse(line_alert(at).replace(b">active<", b">inactive<"), CHINA) == []
    assert hikvision.parse(line_alert(at, target="animal"), CHINA) == []


@needs_samples
def test_a_heartbeat_says_nothing_to_count() -> None:
    alert = line_alert("2024-05-27T08:00:00+08:00").replace(b"linedetection", b"heartBeat")
    assert hikvision.parse(alert, CHINA) == []


@needs_samples
def test_onvif_line_crossed() -> None:
    assert onvif.parse(tapo(), CHINA) == [Crossing(line="MyLineCrossDetectorRule", event_ms=_ms(2025, 1, 3, 21, 5, 14))]
    assert onvif.parse(tapo().replace(b'Value="true"', b'Value="false"'), CHINA) == []


def test_onvif_rules() -> None:
    at, at_ms = "2024-05-27T00:00:00.250Z", _ms(2024, 5, 27, 0, 0, 0, 250)
    cases: list[tuple[str, dict[str, str], list[Reading]]] = [
        ("LineDetector/Crossed", {"ObjectId": "15"}, [Crossing(line="r", event_ms=at_ms, event_id="15")]),
        ("CountAggregation/Counter", {"Count": "41"}, [Total(line="r", event_ms=at_ms, total=41)]),
        ("CountAggregation/OccupancyCounter", {"Count": "4"}, [Visible(zone="r", event_ms=at_ms, persons=4)]),
        ("FieldDetector/ObjectsInside", {"IsInside": "true"}, [Presence(zone="r", event_ms=at_ms)]),
        ("FieldDetector/ObjectsInside", {"IsInside": "false"}, []),
        ("TamperDetector/Tamper", {"State": "true"}, []),
    ]
    for topic, data, expected in cases:
        assert onvif.parse(soap("r", at, f"tns1:RuleEngine/tns1:{topic}", data), CHINA) == expected, topic
        assert onvif.parse(soap("r", at, f"tns1:RuleEngine/tns1:{topic}", data, "Initialized"), CHINA) == []


@needs_samples
@pytest.mark.parametrize("name", ["object_analytics_init.xml", "loitering_guard_init.xml"])
def test_axis_applications(name: str) -> None:
    told = sample(name)
    assert axis.parse(told, CHINA) == []  # the state at subscription: nothing has happened
    changed = told.replace(b'"Initialized"', b'"Changed"').replace(b'Value="0"', b'Value="1"')
    at_ms, line = {
        "object_analytics_init.xml": (_ms(2020, 9, 4, 21, 44, 4, 841), "ObjectAnalytics/Device1Scenario1"),
        "loitering_guard_init.xml": (_ms(2020, 9, 4, 20, 57, 25, 764), "LoiteringGuard/Camera1Profile1"),
    }[name]
    assert axis.parse(changed, CHINA) == [Crossing(line=line, event_ms=at_ms)]


@needs_samples
def test_axis_people_counter() -> None:
    from_ms, to_ms = _ms(2025, 5, 22, 8, 14, 0), _ms(2025, 5, 22, 8, 15, 0)
    assert axis.parse(sample("axis_3d_people_counter_2025.json"), CHINA) == [
        Interval(line="people-counts", from_ms=from_ms, to_ms=to_ms, persons=1, way="in"),
        Interval(line="people-counts", from_ms=from_ms, to_ms=to_ms, persons=2, way="out"),
    ]


@needs_samples
def test_xovis_counts_a_passage_once_though_it_is_told_five_times() -> None:
    assert xovis.parse(sample("xovis_pc2s_1_2021.json"), CHINA) == [
        Crossing(line="Line 0", event_ms=1632385264305, way="in", event_id="80:1F:12:D5:30:DC/3006")
    ]


@needs_samples
def test_dahua_cross_line() -> None:
    assert dahua.parse(sample("crossline_2019.txt"), CHINA) == [
        Crossing(line="Gate", event_ms=_ms(2019, 2, 2, 4, 10, 50, 702), way="out", event_id="1/1/105")
    ]
    stop = sample("crossline_2019.txt").replace(b"action=Start", b"action=Stop")
    assert dahua.parse(stop, CHINA) == []


def test_our_own_json_is_the_readings_themselves() -> None:
    told = (
        b'{"readings": [{"kind": "total", "line": "door", "way": "in", "total": 5, "event_ms": 7},'
        b' {"kind": "visible", "zone": "hall", "persons": 2, "event_ms": 9}]}'
    )
    assert own.parse(told, CHINA) == [
        Total(line="door", event_ms=7, total=5, way="in"),
        Visible(zone="hall", event_ms=9, persons=2),
    ]
    with pytest.raises(RefusedError, match="unknown field"):
        own.parse(b'{"readings": [], "picture": "x"}', CHINA)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<EventNotificationAlert><eventType>&b;</eventType></EventNotificationAlert>"""
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<EventNotificationAlert><eventType>&e;</eventType></EventNotificationAlert>"""
QUADRATIC = b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 50_000 + b'">]><Envelope>' + b"&a;" * 9_000 + b"</Envelope>"


@pytest.mark.parametrize("document", [BOMB, EXTERNAL, QUADRATIC])
def test_entities_are_refused_unread(document: bytes) -> None:
    for kind in ("hikvision", "onvif", "axis"):
        with pytest.raises(RefusedError, match="DTD"):
            PARSERS[kind](document, CHINA)


def _corpus() -> list[bytes]:
    real = [path.read_bytes() for path in sorted(SAMPLES.glob("*"))] if SAMPLES.is_dir() else []
    return [*real, b'{"readings": [{"kind": "total", "line": "a", "total": 1, "event_ms": 2}]}', BOMB]


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A real message with pieces cut out, doubled or replaced."""
    told = bytearray(draw(st.sampled_from(_corpus())))
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(told))), draw(st.integers(0, 40))
        told[start : start + length] = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"9" * 400, b"-1", b"NaN", b"1e999", b"[" * 5000, b"<a>" * 5000, b"null"])
        )
    return bytes(told)


@settings(max_examples=400, deadline=None)
@given(broken() | st.binary(max_size=200))
def test_no_bytes_bring_a_parser_down(document: bytes) -> None:
    for kind, parse in PARSERS.items():
        with suppress(RefusedError):
            assert all(0 <= last_ms(reading) < 2**63 for reading in parse(document, CHINA)), kind


@needs_samples
@pytest.mark.parametrize("kind", ["form-data", "mixed"])
def test_the_picture_beside_an_alert_is_dropped(kind: str) -> None:
    document = sample("hikvision_next__fielddetection_human.xml").strip()
    body, content_type = multipart(document, kind, JPEG if kind == "mixed" else b"\x89PNG\r\n\x1a\n" + JPEG)
    assert documents(body, content_type) == [document]
    loose = body.replace(b"\r\n", b"\n").removesuffix(b"--boundary--\n")
    assert documents(loose, content_type) == [document.replace(b"\r\n", b"\n")]


@given(
    st.binary(max_size=300), st.sampled_from(["multipart/mixed; boundary=b", "text/plain", "image/jpeg", "", "a/b;\n"])
)
def test_no_body_brings_the_splitting_down_and_what_is_kept_is_text(body: bytes, content_type: str) -> None:
    with suppress(RefusedError):
        assert all(JPEG[:3] not in document[:3] for document in documents(body, content_type))
    without_pictures(body, content_type).decode()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        multipart(b"<broken", picture=JPEG),
        (JPEG, "image/jpeg"),
        (b'{"picture": "' + b"/9j/4AAQSkZJRg" * 500 + b'"}', "application/json"),
        (b'{"picture": "' + rb"\/9j\/4AAQSkZJRg" * 500 + b'"}', "application/json"),
        (b'{"picture": "' + (b"/9j/4AAQSkZJRg" * 5 + rb"\r\n") * 99 + b'"}', "application/json"),
        (b"<broken><picture>" + (b"\n      " + b"/9j/4AAQSkZJRg" * 5) * 99, "application/xml"),
        (b"picture=" + b"%2F9j%2F4AAQSkZJRg" * 500, "application/x-www-form-urlencoded"),
        (b"--x\r\nContent-Type: text/plain\r\n\r\n" + JPEG, "multipart/mixed; boundary=x"),
        (b"--other\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG, "multipart/mixed; boundary=x"),
    ],
)
def test_no_picture_is_kept_of_what_is_refused(body: bytes, content_type: str) -> None:
    kept = without_pictures(body, content_type)
    assert b"JFIF" not in kept
    assert b"/9j/4AAQSkZJRg" not in kept
    assert len(kept) < 200
