"""From a push to what lies in the outbox: right lines, right times, each person once, nothing refused later."""

import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import HOUR_MS, MINUTE_MS
from infra.events import MAX_ENVELOPE_BYTES, Envelope
from infra.topics import DEAD_LETTERS, DETECTIONS
from infra.validate import Refusal, judge
from producers.gateway.offset import AHEAD_MS, BEHIND_MS, WINDOW_MS, Offset, corrected_ms, heard
from producers.gateway.readings import Crossing, Interval, Presence, Reading, RefusedError, Total, Visible
from producers.gateway.store import Store
from producers.gateway.take import Push, take
from tests.producers.gateway.samples import (
    SAMPLES,
    VENDORS,
    line_alert,
    multipart,
    outbox,
    people_counting,
    sample,
    site,
    soap,
    tapo,
)

SITE = site()
NOW_MS = 1_716_768_000_000  # 2024-05-27T00:00:00Z
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no real messages at {SAMPLES}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "state.sqlite3")


def push(camera: str, body: bytes, received_ms: int = NOW_MS, content_type: str = "application/xml") -> Push:
    """A push of `camera`."""
    return Push(camera_id=camera, body=body, content_type=content_type, received_ms=received_ms, remote="10.0.0.7")


def own(*readings: Reading, received_ms: int = NOW_MS, camera: str = "cam_door_1") -> Push:
    """A push in our own JSON."""
    return push(camera, msgspec.json.encode({"readings": readings}), received_ms, "application/json")


def apply(store: Store, *pushes: Push, boot: str = "b") -> list[RefusedError | None]:
    """Take the pushes, each in a transaction."""
    refusals = []
    for one in pushes:
        with store.transaction():
            refusals.append(take(one, SITE, store, boot))
    return refusals


def told(store: Store) -> list[Envelope]:
    """All envelopes of the outbox, judged as the streams do."""
    found = []
    for message in outbox(store):
        if message.topic == DETECTIONS.name:
            verdict = judge(message.value, message.timestamp_ms, SITE)
            assert not isinstance(verdict, Refusal), verdict
            assert message.key == verdict.zone_id.encode()
            found.append(verdict)
    return found


def crossed(store: Store) -> Counter[tuple[str, int]]:
    """Persons by (line, direction), each crossing id once."""
    ids = {
        crossing_id: (line, direction)
        for envelope in told(store)
        if envelope.crossings
        for crossing_id, line, direction in zip(
            envelope.crossings.crossing_id, envelope.crossings.line_id, envelope.crossings.direction, strict=True
        )
    }
    return Counter(ids.values())


def _at(name: str) -> int:
    return {
        "peoplecounting_realtime_child_2020.xml": 1_594_267_627_000,
        "hikvision_next__fielddetection_human.xml": 1_643_633_585_000,
        "hikvision_next__fielddetection_vehicle.xml": 1_642_575_077_000,
        "crossline_2019.txt": 1_549_080_650_702,
        "axis_3d_people_counter_2025.json": 1_747_901_738_000,
        "xovis_pc2s_1_2021.json": 1_632_385_264_305,
        "tapo": 1_735_938_314_000,
    }[name]


@needs_samples
@pytest.mark.parametrize(
    ("camera", "name", "content_type", "expected"),
    [
        ("cam_gate_west", "crossline_2019.txt", "text/plain", {("gate_west", -1): 1}),
        (
            "cam_clubhouse",
            "axis_3d_people_counter_2025.json",
            "application/json",
            {("clubhouse_door", -1): 1, ("clubhouse_door", 1): 2},
        ),
        ("cam_plaza", "xovis_pc2s_1_2021.json", "application/json", {("plaza_edge", 1): 1}),
        ("cam_gate_south", "tapo", "application/soap+xml", {("gate_south", 1): 1}),
        ("cam_gate_north", "peoplecounting_realtime_child_2020.xml", "application/xml", {}),
    ],
)
def test_a_real_message_is_told_once_under_our_names(
    store: Store, camera: str, name: str, content_type: str, expected: dict[tuple[str, int], int]
) -> None:
    one = push(camera, tapo() if name == "tapo" else sample(name), _at(name), content_type)
    assert apply(store, one) == [None]
    assert crossed(store) == expected
    first = len(outbox(store))
    assert apply(store, one, one) == [None, None]
    assert len(outbox(store)) == first
    assert {envelope.zone_id for envelope in told(store)} >= set(SITE.camera_zones[camera])


@needs_samples
def test_totals_become_crossings_between_the_pushes_and_a_restart_of_the_gateway_changes_nothing(
    tmp_path: Path,
) -> None:
    first = people_counting("2024-05-27T07:59:00+08:00", 70, 75)
    second = people_counting("2024-05-27T08:00:00+08:00", 73, 76)
    before = Store(tmp_path / "state.sqlite3")
    apply(before, push("cam_gate_north", first, NOW_MS - MINUTE_MS), boot="one")
    before.close()
    after = Store(tmp_path / "state.sqlite3")
    apply(
        after, push("cam_gate_north", second), push("cam_gate_north", first), push("cam_gate_north", second), boot="two"
    )
    assert crossed(after) == {("gate_north", 1): 3, ("gate_north", -1): 1}
    times = sorted(at for one in told(after) if one.crossings for at in one.crossings.event_ms)
    assert times == [NOW_MS - 50_000, NOW_MS - 30_000, NOW_MS - 30_000, NOW_MS - 10_000]


@needs_samples
def test_persons_in_a_zone(store: Store) -> None:
    alert = sample("hikvision_next__fielddetection_human.xml")
    apply(store, push("cam_perimeter", alert, _at("hikvision_next__fielddetection_human.xml")))
    seen = [envelope.detections for envelope in told(store) if envelope.detections]
    assert [one.object_class for one in seen] == [["person"]]
    assert (seen[0].x_m, seen[0].y_m) == ([20.0], [20.0])  # the middle of the pump room
    assert [one.zone_id for one in told(store) if one.detections] == ["pump_room"]


def test_who_is_told_singly_has_a_track_of_their_own_and_who_is_only_counted_a_negative_one(store: Store) -> None:
    singly = [Crossing(line="door", event_ms=NOW_MS - 5_000), Crossing(line="door", event_ms=NOW_MS)]
    apply(store, own(*singly, Interval(line="door", from_ms=NOW_MS - 60_000, to_ms=NOW_MS, persons=3)))
    found = [one.crossings for one in told(store) if one.zone_id == "building_1" and one.crossings]
    tracks = {track for crossings in found for track in crossings.track_id}
    assert (len(tracks), sum(track < 0 for track in tracks)) == (5, 3)


def test_a_second_of_very_many_persons_is_told_in_several_envelopes(store: Store) -> None:
    crowds = [Interval(line="door", from_ms=NOW_MS + i, to_ms=NOW_MS + 999, persons=100) for i in range(150)]
    apply(store, own(*crowds, Visible(zone="hall", event_ms=NOW_MS, persons=7)))
    assert crossed(store) == {("door_1", 1): 15_000}
    assert max(len(message.value) for message in outbox(store)) < MAX_ENVELOPE_BYTES / 2
    inside = [one for one in told(store) if one.zone_id == "building_1"]
    assert [one.seq for one in inside] == list(range(16))
    assert {one.visible for one in inside} == {7}
    assert sum(one.health is not None for one in told(store)) == 1


def test_a_visible_count_is_told_to_its_zone(store: Store) -> None:
    apply(store, own(Visible(zone="hall", event_ms=NOW_MS, persons=4)))
    assert [one.visible for one in told(store) if one.zone_id == "building_1"] == [4]


def test_a_name_under_zones_makes_a_passage_a_presence(store: Store) -> None:
    apply(store, own(Crossing(line="hall", event_ms=NOW_MS), Total(line="hall", event_ms=NOW_MS, total=9)))
    assert crossed(store) == {}
    assert [(one.visible, one.detections is None) for one in told(store) if one.zone_id == "building_1"] == [(9, False)]


def test_the_camera_is_alive_once_a_minute_in_all_its_zones(store: Store) -> None:
    apply(store, *(own(received_ms=NOW_MS + i * 10_000) for i in range(18)))  # heartbeats for three minutes
    zones = SITE.camera_zones["cam_door_1"]
    assert [one.zone_id for one in told(store)] == list(zones) * 3
    assert [one.health is not None for one in told(store)] == [zone == zones[0] for zone in zones] * 3
    assert [one.seq for one in told(store) if one.health] == [0, 1, 2]


@needs_samples
@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (push("cam_gate_north", b"<broken"), "malformed"),
        (push("cam_gate_north", b"<broken", content_type="image/jpeg"), "wrong_content_type"),
        (push("cam_gate_north", line_alert("2024-05-27T08:00:00+08:00", region=7)), "unknown_line"),
        (push("cam_gate_north", line_alert("2024-05-28T08:00:00+08:00")), "event_time_off"),
        (own(Interval(line="door", from_ms=NOW_MS - 1000, to_ms=NOW_MS, persons=500)), "implausible"),
        (push("cam_gate_north", b"<" + b"a " * 150_000), "too_large"),
        (own(Crossing(line="door", event_ms=NOW_MS), Crossing(line="other", event_ms=NOW_MS)), "unknown_line"),
    ],
)
def test_what_is_refused_lies_in_the_dead_letters_once(store: Store, one: Push, reason: str) -> None:
    refusals = apply(store, one, one)
    assert [refusal.reason for refusal in refusals if refusal] == [reason, reason]
    letters = [message for message in outbox(store) if message.topic == DEAD_LETTERS.name]
    assert len(letters) == 1
    assert letters[0].headers["reason"] == reason
    assert letters[0].headers["camera_id"] == one.camera_id
    assert letters[0].headers["remote"] == "10.0.0.7"
    assert letters[0].value == one.body[:262_144]


def test_the_rest_of_a_partly_refused_push_is_taken(store: Store) -> None:
    apply(store, own(Crossing(line="door", event_ms=NOW_MS), Crossing(line="other", event_ms=NOW_MS)))
    assert crossed(store) == {("door_1", 1): 1}


def test_ignored_names_are_left_out(store: Store) -> None:
    vendors = {"cam_gate_south": {**VENDORS["cam_gate_south"], "ignored": ["CarPark"]}}
    one = push("cam_gate_south", soap("CarPark", "2024-05-27T00:00:00Z", "tns1:RuleEngine/LineDetector/Crossed", {}))
    with store.transaction():
        assert take(one, site(vendors), store, "b") is None
    assert crossed(store) == {}


@needs_samples
def test_the_picture_of_a_refused_push_is_not_kept(store: Store) -> None:
    body, content_type = multipart(line_alert("2024-05-27T08:00:00+08:00", region=7))
    apply(store, push("cam_gate_north", body, content_type=content_type))
    assert all(b"JFIF" not in message.value for message in outbox(store))


def test_a_push_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        assert 1 / len([take(own(Crossing(line="door", event_ms=NOW_MS)), SITE, store, "b")][1:])
    assert outbox(store) == []
    apply(store, own(Crossing(line="door", event_ms=NOW_MS)))
    assert crossed(store) == {("door_1", 1): 1}


EVENT_MS = st.integers(NOW_MS - 30 * HOUR_MS, NOW_MS + 30 * HOUR_MS)
LINES = st.sampled_from(["door", "hall", "other"])
READINGS = st.one_of(
    st.builds(Crossing, line=LINES, event_ms=EVENT_MS, way=st.sampled_from(["in", "out", None])),
    st.builds(Total, line=LINES, event_ms=EVENT_MS, total=st.integers(0, 30_000)),
    st.builds(Interval, line=LINES, from_ms=EVENT_MS, to_ms=EVENT_MS, persons=st.integers(0, 2_000)),
    st.builds(Presence, zone=LINES, event_ms=EVENT_MS, object_class=st.sampled_from(["person", "car"])),
    st.builds(Visible, zone=LINES, event_ms=EVENT_MS, persons=st.integers(0, 500)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.lists(READINGS, max_size=4), st.integers(0, 10 * MINUTE_MS)), max_size=6))
def test_every_envelope_is_valid_and_numbered_without_gaps(pushes: list[tuple[list[Reading], int]]) -> None:
    now_ms = NOW_MS
    with TemporaryDirectory() as folder:
        store = Store(Path(folder) / "state.sqlite3")
        for readings, later_ms in pushes:
            now_ms += later_ms
            apply(store, own(*readings, received_ms=now_ms))
        numbers: dict[str, list[int]] = {}
        for envelope in told(store):
            numbers.setdefault(envelope.zone_id, []).append(envelope.seq)
        assert all(seqs == list(range(len(seqs))) for seqs in numbers.values())
        assert len({message.value for message in outbox(store)}) == len(outbox(store))
        store.close()


@given(st.integers(-20 * HOUR_MS, 20 * HOUR_MS), st.integers(0, 10**6))
def test_a_wrong_clock_is_corrected_by_what_was_heard(off_ms: int, seed: int) -> None:
    dice = random.Random(seed)
    offset, received_ms = None, NOW_MS
    for delay_ms in [0, *(dice.randint(0, 60_000) for _ in range(20))]:
        received_ms += 5_000
        true_ms = received_ms - delay_ms
        offset = heard(offset, true_ms + off_ms, received_ms)
        believed = -BEHIND_MS <= off_ms <= AHEAD_MS
        assert corrected_ms(true_ms + off_ms, offset, received_ms) == true_ms + (off_ms if believed else 0)


@pytest.mark.parametrize(
    ("ours_ms", "camera_ms"),
    [(3 * MINUTE_MS, 0), (8 * HOUR_MS, 0), (8 * HOUR_MS, 8 * HOUR_MS), (200 * HOUR_MS, 200 * HOUR_MS)],
)
def test_totals_go_on_when_our_own_clock_was_ahead_and_is_set_back(store: Store, ours_ms: int, camera_ms: int) -> None:
    def total(minute: int, persons: int, ours_ms: int = 0, camera_ms: int = 0) -> Push:
        true_ms = NOW_MS + minute * MINUTE_MS
        return own(Total(line="door", event_ms=true_ms + camera_ms, total=persons), received_ms=true_ms + ours_ms)

    late = msgspec.structs.replace(total(0, 998), received_ms=NOW_MS + MINUTE_MS)
    after = [total(minute, 1000 + 3 * minute) for minute in range(1, 6)]
    assert apply(store, total(0, 1000, ours_ms, camera_ms), late, *after, late, after[2]) == [None] * 9
    assert crossed(store) == {("door_1", 1): 15}


def test_a_clock_that_is_set_back_is_believed_again_after_a_window() -> None:
    offset = heard(None, NOW_MS + HOUR_MS, NOW_MS)
    for second in range(0, WINDOW_MS // 1000 + 20, 10):
        received_ms = NOW_MS + second * 1000
        offset = heard(offset, received_ms, received_ms)
    assert offset == Offset(0, received_ms)
