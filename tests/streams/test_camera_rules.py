"""The rules about cameras: silent, tampered, clock skew, each on hand-made stories with hand-computed ends."""

from dataclasses import replace
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import HOUR_MS, FakeClock
from infra.events import Alert, Envelope, Health, Picture, encoder
from infra.site import Site
from streams.alert_steps import Room, take_envelopes, told_up_to_ms
from streams.durable import DurableZones
from streams.rules import camera_silent, camera_tampered, clock_skew
from streams.zone_alerts import ZoneAlerts
from tests.chaos.alerts_oracle import Zones
from tests.streams.stories import SMALL, envelope, told

T0 = 1_700_000_000_000
HOME = SMALL.camera["cam_perimeter"].zones[0]


def _health(at_s: float, picture: Picture = "ok", *, online: bool = True, offset_ms: float = 0.0) -> Envelope:
    health = Health(online=online, fps=25.0, picture=picture, clock_offset_ms=offset_ms)
    return msgspec.structs.replace(_word(at_s), health=health)


def _word(at_s: float) -> Envelope:
    return envelope(HOME, T0 + round(at_s * 1000))


def _tampered(*story: Envelope) -> list[tuple[float, str]]:
    return told(partial(camera_tampered.step, camera_tampered.State(), site=SMALL), story, T0)


def test_a_picture_that_is_not_ok_for_long_is_one_alert_until_it_is_ok_again() -> None:
    story = [
        _health(0),
        _health(10, "covered"),
        _word(69),
        _word(71),
        _health(120, "covered"),
        _health(150),
        _health(180),
    ]
    assert _tampered(*story) == [(70, "opened"), (150, "closed")]


def test_it_is_the_same_alert_noticed_early_or_late() -> None:
    def alerts(*story: Envelope) -> list[Alert]:
        step = partial(camera_tampered.step, camera_tampered.State(), site=SMALL)
        return [alert for one in story for alert in step(one)]

    late, early = alerts(_health(10, "black"), _health(150)), alerts(_health(10, "black"), _word(80), _health(150))
    assert late == early
    assert [(a.status, a.opened_ms) for a in late] == [("opened", T0 + 70_000), ("closed", T0 + 70_000)]


def test_short_trouble_late_words_and_being_offline_open_nothing() -> None:
    assert _tampered(_health(0, "blurred"), _health(59), _word(500)) == []
    assert _tampered(_health(60), _health(10, "blurred"), _word(500)) == []
    assert _tampered(_health(0, "ok", online=False), _word(500)) == []


def test_another_kind_of_trouble_is_news_of_the_same_alert_and_offline_does_not_end_it() -> None:
    story = [_health(0, "blurred"), _word(60), _health(100, "covered"), _health(130, online=False), _health(200)]
    assert _tampered(*story) == [(60, "opened"), (100, "updated"), (200, "closed")]


def _skewed(*offsets_s: float) -> list[tuple[float, str]]:
    """A health a minute, each with this offset."""
    story = [_health(60 * minute, offset_ms=offset * 1000) for minute, offset in enumerate(offsets_s)]
    return told(partial(clock_skew.step, clock_skew.State(), site=SMALL), story, T0)


def test_a_clock_that_stays_off_opens_at_the_third_health_and_closes_well_below_the_limit() -> None:
    assert _skewed(0, 6, 6, 6, 6, 4, 3, 1, 0) == [(180, "opened"), (420, "closed")]
    assert _skewed(-6, -6, -6, -1.9) == [(120, "opened"), (180, "closed")]


def test_a_clock_that_is_off_now_and_then_or_just_at_the_limit_opens_nothing() -> None:
    assert _skewed(6, 6, 0, 6, 6, 0) == []
    assert _skewed(5, 5, 5, 5) == []


def test_what_an_offline_camera_says_is_no_sign_of_life() -> None:
    def alerts(*story: Envelope) -> list[tuple[float, str]]:
        known: camera_silent.State | None = None
        found: list[Alert] = []
        for one in story:
            known, news = camera_silent.step(known, one, one.start_ms, SMALL)
            found += news
        return [((a.updated_ms - T0) / 1000, a.status) for a in found]

    gone = [_health(0), _health(30, online=False)]
    assert alerts(*gone, _word(100), _word(185), _health(200)) == [(180, "opened"), (200, "closed")]
    assert alerts(*gone, _word(100), _health(110), _word(250)) == []


CAMERAS = [camera for camera in SMALL.cameras if camera.id != "cam_perimeter"][:5]
"""All of them share partition 0 here."""
OFFSETS = count()


def _sent(camera: int, at_s: float, ahead_s: float = 0.0) -> tuple[int, Envelope]:
    """(Kafka timestamp, envelope) of a camera whose sender's clock is ahead."""
    own_ms = T0 + round((at_s + ahead_s) * 1000)
    home = CAMERAS[camera].zones[0]
    return own_ms, msgspec.structs.replace(envelope(home, own_ms), camera_id=CAMERAS[camera].id)


def _accused(batches: list[list[tuple[int, Envelope]]], wall_ms: int = T0 + 365 * 24 * HOUR_MS) -> set[str]:
    """The cameras told silent; by default it is a replay of a year ago."""
    return _heard(batches, wall_ms)[1]


def _heard(batches: list[list[tuple[int, Envelope]]], wall_ms: int) -> tuple[Room, set[str]]:
    """The app's room after the batches, and the cameras told silent."""
    zones = cast(DurableZones[ZoneAlerts], Zones())
    room = Room(SMALL, zones, "alerts", "dead_letters", FakeClock(wall_ms))
    return room, {alert.subject_id for alert in _take(batches, room)}


def _take(batches: list[list[tuple[int, Envelope]]], room: Room) -> list[Alert]:
    """What the app tells of the batches."""
    told = []
    for batch in batches:
        records = []
        for timestamp, one in batch:
            record = {"topic": "detections", "partition": 0, "offset": next(OFFSETS), "timestamp": timestamp}
            records.append(SimpleNamespace(**record, key=None, value=encoder.encode(one)))
        outputs = [output for sent in take_envelopes(records, room).outputs.values() for output in sent]
        told += [msgspec.json.decode(output.value or b"", type=Alert) for output in outputs]
    return told


def _story(
    minutes: int, ahead_s: dict[int, float], dead: frozenset[int] = frozenset()
) -> list[list[tuple[int, Envelope]]]:
    """A batch a minute in which each camera speaks; those in `dead` do so for the first minute only."""
    return [
        [_sent(c, 60 * m + c, ahead_s.get(c, 0.0)) for c in range(5) if m == 0 or c not in dead] for m in range(minutes)
    ]


@pytest.mark.parametrize("ahead", [(0,), (0, 1)])
def test_fewer_than_half_of_the_clocks_far_ahead_make_no_camera_silent_in_a_replay(ahead: tuple[int, ...]) -> None:
    assert _accused(_story(10, dict.fromkeys(ahead, 3600.0))) == set()


def test_even_most_clocks_ahead_make_no_camera_silent_in_the_present() -> None:
    assert _accused(_story(3, dict.fromkeys((0, 1, 2, 3), 600.0)), wall_ms=T0 + 130_000) == set()


@pytest.mark.parametrize("ahead", [(), (0,), (0, 1)])
def test_what_cameras_told_is_not_moved_by_fewer_than_half_of_the_clocks(ahead: tuple[int, ...]) -> None:
    room, _ = _heard(_story(4, dict.fromkeys(ahead, 600.0)), T0 + 365 * 24 * HOUR_MS)
    last = [T0 + (3 * 60 + camera) * 1000 for camera in range(5) if camera not in ahead]
    assert told_up_to_ms(0, room) in last
    assert told_up_to_ms(1, room) == -1


def _without(camera: int) -> Site:
    content = SMALL.model_dump(mode="json")
    content["cameras"] = [one for one in content["cameras"] if one["id"] != CAMERAS[camera].id]
    return Site.model_validate(content)


@pytest.mark.parametrize("silent", [False, True])
def test_a_camera_taken_out_of_the_site_file_is_forgotten_and_what_is_open_about_it_closes(silent: bool) -> None:
    minutes, dead = (10, frozenset({4})) if silent else (3, frozenset[int]())
    room, told_silent = _heard(_story(minutes, {}, dead), T0 + HOUR_MS)
    assert told_silent == {CAMERAS[camera].id for camera in dead}
    later = [[_sent(c, 60 * m + c) for c in range(4)] for m in range(minutes, 20)]
    told = _take(later, replace(room, site=_without(4)))
    assert [(alert.subject_id, alert.status) for alert in told] == ([(CAMERAS[4].id, "closed")] if silent else [])


def test_a_camera_that_moves_house_is_not_missed_where_it_was() -> None:
    room, _ = _heard(_story(3, {}), T0 + HOUR_MS)
    home = CAMERAS[0].zones[0]
    other = next(zone.id for zone in SMALL.zones if zone.id != home)
    content = SMALL.model_dump(mode="json")
    content["cameras"] = [
        one | ({"zones": [other, home]} if one["id"] == CAMERAS[0].id else {}) for one in content["cameras"]
    ]
    moved = [(at, msgspec.structs.replace(one, zone_id=other)) for at, one in (_sent(0, 60 * m) for m in range(3, 20))]
    later = [[moved[m - 3], *(_sent(c, 60 * m + c) for c in range(1, 5))] for m in range(3, 20)]
    assert _take(later, replace(room, site=Site.model_validate(content))) == []


def test_a_zone_taken_out_of_the_site_file_is_passed_over() -> None:
    room, _ = _heard(_story(3, {}), T0 + HOUR_MS)
    known = room.zones.value("annex", 0)
    known.state.silence["cam_annex"] = camera_silent.State(T0, "e")
    assert _take([[_sent(c, 60 * m + c) for c in range(5)] for m in range(3, 20)], room) == []
    assert "cam_annex" in known.state.silence


def test_a_refused_message_tells_no_time() -> None:
    foreign = msgspec.structs.replace(_sent(0, 3600)[1], estate_id="elsewhere")
    assert _accused([*_story(2, {}), [(T0 + 3_600_000, foreign)]]) == set()


@given(st.sets(st.integers(0, 4), max_size=2), st.sampled_from([0.0, 600.0, 3600.0]))
def test_a_camera_that_dies_is_told_whoever_is_ahead(dead: set[int], ahead_s: float) -> None:
    ahead = {min(set(range(5)) - dead): ahead_s}
    assert _accused(_story(10, ahead, frozenset(dead))) == {CAMERAS[c].id for c in dead}
