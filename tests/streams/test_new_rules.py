"""Fire lane, gathering, loitering, perimeter crossing, wrong way and e-bike, each on hand-made stories."""

from functools import partial

import msgspec
import pytest

from infra.events import Alert, Envelope
from streams import signs, stays
from streams.rules import e_bike, fire_lane, gathering, loitering, perimeter_crossing, wrong_way
from tests.producers.helpers import WATCHED
from tests.streams.stories import SMALL, changed_site, crossing, envelope, seen, told

T0 = 1_700_000_000_000
PLACE = (150.0, 140.0)


def _fire_lane(story: list[Envelope]) -> list[tuple[float, str]]:
    return told(partial(fire_lane.step, stays.State(), site=SMALL), story, T0)


def _parked(from_s: int, to_s: int, place: tuple[float, float] = PLACE, what: str = "car") -> list[Envelope]:
    return [seen("fire_lane", T0 + s * 1000, what, place) for s in range(from_s, to_s, 5)]


def _quiet(*at_s: int) -> list[Envelope]:
    return [envelope("fire_lane", T0 + s * 1000) for s in at_s]


def test_a_car_that_stands_too_long_is_one_alert_that_ends_when_it_has_gone() -> None:
    assert _fire_lane([*_parked(0, 600), *_quiet(600, 650, 656)]) == [(305.0, "opened"), (595.0, "closed")]


def test_the_alert_begins_when_the_grace_is_over_whenever_that_is_noticed() -> None:
    state = stays.State()
    alerts = [alert for one in _parked(0, 320) for alert in fire_lane.step(state, one, SMALL)]
    assert [(a.opened_ms, a.measured["since_ms"]) for a in alerts] == [(T0 + 300_000, T0)]


@pytest.mark.parametrize("what", ["person", "bicycle", "motorcycle"])
def test_only_vehicles_occupy_a_fire_lane(what: str) -> None:
    assert _fire_lane(_parked(0, 1_000, what=what)) == []


def test_who_drives_through_unloads_briefly_or_stands_elsewhere_raises_nothing() -> None:
    passing = [seen("fire_lane", T0 + s * 1000, "truck", (90 + s % 125, 140)) for s in range(0, 1_200, 5)]
    assert _fire_lane(passing) == []
    assert _fire_lane([*_parked(0, 300), *_quiet(400), *_parked(420, 700)]) == []
    assert (
        told(
            partial(fire_lane.step, stays.State(), site=SMALL),
            [seen("plaza", T0 + s * 1000, "car", PLACE) for s in range(0, 1_000, 5)],
            T0,
        )
        == []
    )


def test_a_second_offender_is_an_update_and_the_last_to_go_closes() -> None:
    both = sorted([*_parked(0, 600), *_parked(100, 900, (200.0, 140.0))], key=lambda one: one.start_ms)
    assert _fire_lane([*both, *_quiet(960)]) == [(305.0, "opened"), (405.0, "updated"), (895.0, "closed")]


def test_a_late_sighting_changes_nothing_but_the_beginning() -> None:
    story = _parked(0, 400)
    late = [*story[1:40], story[0], *story[40:]]
    assert _fire_lane(late) == [(305.0, "opened")]


def test_what_another_camera_tells_late_of_a_car_that_has_gone_opens_nothing_again() -> None:
    again = msgspec.structs.replace
    late = [again(one, camera_id="cam_plaza", boot_id="late") for one in _parked(0, 400)]
    assert _fire_lane([*_parked(0, 400), *_quiet(500), *late, *_quiet(700)]) == [(305.0, "opened"), (395.0, "closed")]
    moved_on = [*late, *_parked(505, 700), *late]
    assert _fire_lane([*_parked(0, 400), *_quiet(500), *moved_on, *_quiet(800)]) == [
        (305.0, "opened"),
        (395.0, "closed"),
    ]


PLAZA = changed_site({"plaza": {"gathering_persons": 20}}, {})


def _gathering(counts: list[tuple[int, int]]) -> list[tuple[float, str]]:
    story = [envelope("plaza", T0 + s * 1000 - 500, visible=n) for s, n in counts]
    return told(partial(gathering.step, gathering.State(), site=PLAZA), story, T0)


def test_many_for_long_is_a_gathering_with_hysteresis() -> None:
    counts = [(0, 25), (60, 22), (120, 20), (180, 17), (240, 16), (300, 15), (331, 0)]
    assert _gathering(counts) == [(120.0, "opened"), (240.0, "closed")]


def test_few_or_briefly_many_is_no_gathering() -> None:
    assert _gathering([(s, 19) for s in range(0, 600, 60)]) == []
    assert _gathering([(0, 40), (60, 40), (120, 5), (180, 5), (240, 40), (300, 40)]) == []


def test_one_low_count_between_does_not_end_it_and_a_higher_peak_is_an_update() -> None:
    counts = [(0, 25), (60, 3), (61, 25), (120, 25), (180, 30), (420, 31)]
    assert _gathering(counts) == [(120.0, "opened"), (180.0, "closed")]
    counts = [(s, 25 + s // 100) for s in range(0, 600, 60)]
    assert _gathering(counts) == [(120.0, "opened"), (420.0, "updated")]


def test_what_is_told_late_of_a_gathering_that_is_over_opens_nothing_again() -> None:
    counts = [(s, 25) for s in range(0, 240, 60)]
    assert _gathering([*counts, (400, 0), *counts, (600, 0)]) == [(120.0, "opened"), (180.0, "closed")]


def test_a_gathering_ends_though_its_zone_is_watched_for_none_any_more() -> None:
    state = gathering.State()
    crowd = [envelope("plaza", T0 + s * 1000, visible=25) for s in (0, 60, 130)]
    after = [envelope("plaza", T0 + s * 1000, visible=25) for s in (190, 250, 310)]
    assert told(partial(gathering.step, state, site=PLAZA), crowd, T0) == [(130.5, "opened")]
    assert told(partial(gathering.step, state, site=SMALL), after, T0) == [(130.5, "closed")]


def test_a_zone_without_a_number_has_no_gatherings_and_detections_count_too() -> None:
    crowd = [seen("plaza", T0 + s * 1000, "person", *[(120.0 + i, 90.0) for i in range(25)]) for s in range(0, 200, 10)]
    assert told(partial(gathering.step, gathering.State(), site=SMALL), crowd, T0) == []
    assert told(partial(gathering.step, gathering.State(), site=PLAZA), crowd, T0) == [(120.5, "opened")]


ONE_WAY = changed_site({}, {"gate_west": {"allowed_direction": -1}, "clubhouse_door": {"allowed_direction": 1}})


def test_crossings_against_the_way_are_one_alert_a_line() -> None:
    story = [
        crossing("estate", T0, "gate_west", -1),
        crossing("estate", T0 + 1_000, "gate_north", 1),
        crossing("estate", T0 + 2_000, "gate_west", 1, "motorcycle"),
        crossing("estate", T0 + 3_000, "gate_west", 1),
        crossing("estate", T0 + 70_000, "gate_west", 1),
        envelope("estate", T0 + 370_001),
    ]
    states: dict[str, signs.State] = {}
    assert told(partial(wrong_way.step, states, site=ONE_WAY), story, T0) == [
        (2.0, "opened"),
        (70.0, "updated"),
        (370.0, "closed"),
    ]
    assert told(partial(wrong_way.step, {}, site=SMALL), story, T0) == []


def test_a_crossing_between_neighbours_counts_in_one_zone() -> None:
    zones: dict[str, dict[str, object]] = {"clubhouse": {"parent": None}, "plaza": {"parent": None}}
    site = changed_site(zones, {"clubhouse_door": {"allowed_direction": 1}})
    assert set(site.effects["clubhouse_door"]) == {"plaza", "clubhouse"}
    found = [
        told(partial(wrong_way.step, {}, site=site), [crossing(zone, T0, "clubhouse_door", -1)], T0)
        for zone in ("plaza", "clubhouse")
    ]
    assert sorted(map(len, found)) == [0, 1]


def test_a_perimeter_is_crossed_at_once_in_any_direction_but_an_allowed_one() -> None:
    story = [
        crossing("fence", T0, "fence_south", 1),
        crossing("fence", T0 + 65_000, "fence_south", -1),
        crossing("estate", T0 + 66_000, "gate_west", 1),
        envelope("fence", T0 + 665_001),
    ]
    states: dict[str, signs.State] = {}
    alerts = [alert for one in story[:1] for alert in perimeter_crossing.step(states, one, WATCHED)]
    assert [(a.subject_id, a.zone_id, a.severity) for a in alerts] == [("fence_south", "fence", "critical")]
    assert "from outside to 周界" in alerts[0].explanation
    assert told(partial(perimeter_crossing.step, states, site=WATCHED), story[1:], T0) == [
        (65.0, "updated"),
        (665.0, "closed"),
    ]
    exit_only = changed_site({}, {"fence_south": {"allowed_direction": -1}}, WATCHED)
    for rule, alerts_of in ((perimeter_crossing.step, 1), (wrong_way.step, 0)):
        assert len([a for one in story[:2] for a in rule({}, one, exit_only)]) == alerts_of
    assert [a for one in story[1:2] for a in perimeter_crossing.step({}, one, exit_only)] == []


def _person(at_s: int, track: int, what: str = "person", zone: str = "building_1") -> Envelope:
    one = seen(zone, T0 + at_s * 1000, what, (50.0, 140.0))
    assert one.detections is not None
    return msgspec.structs.replace(one, detections=msgspec.structs.replace(one.detections, track_id=[track]))


def _loitering(story: list[Envelope]) -> list[tuple[float, str]]:
    return told(partial(loitering.step, stays.State(), site=WATCHED), story, T0)


def test_who_stays_too_long_is_one_alert_from_the_limit_to_when_the_last_has_gone() -> None:
    assert WATCHED.zone["building_1"].loitering_minutes == 10
    first = [_person(s, 1) for s in range(0, 900, 20)]
    second = [_person(s + 1, 2) for s in range(100, 1_000, 30)]
    both = sorted([*first, *second], key=lambda one: one.start_ms)
    story = [*both, envelope("building_1", T0 + 1_100_000)]
    assert _loitering(story) == [(620.0, "opened"), (731.0, "updated"), (971.0, "closed")]
    state = stays.State()
    opened = next(a for one in story for a in loitering.step(state, one, WATCHED))
    assert (opened.opened_ms, opened.measured["persons"], opened.measured["since_ms"]) == (T0 + 600_000, 1.0, T0)


def test_who_comes_and_goes_or_is_no_person_does_not_loiter() -> None:
    assert _loitering([_person(s, s // 300) for s in range(0, 3_600, 20)]) == []  # a new track every five minutes
    assert (
        _loitering([*(_person(s, 1) for s in range(0, 590, 20)), *(_person(s, 1) for s in range(660, 1_200, 20))]) == []
    )
    assert _loitering([_person(s, 1, "bicycle") for s in range(0, 3_600, 20)]) == []
    assert _loitering([_person(s, 1, zone="plaza") for s in range(0, 3_600, 20)]) == []


def _e_bike(story: list[Envelope]) -> list[Alert]:
    state = signs.State()
    return [alert for one in story for alert in e_bike.step(state, one, SMALL)]


def test_an_e_bike_in_a_building_is_one_alert() -> None:
    story = [
        crossing("building_1", T0, "door_1", 1, "motorcycle"),
        seen("building_1", T0 + 5_000, "bicycle", (1, 1)),
        seen("building_1", T0 + 65_000, "bicycle", (1, 1), (2, 2)),
        envelope("building_1", T0 + 365_001),
    ]
    alerts = _e_bike(story)
    assert [(a.status, a.updated_ms - T0) for a in alerts] == [("opened", 0), ("updated", 65_000), ("closed", 365_000)]
    assert alerts[1].measured == {"signs": 4.0}
    assert len({a.alert_id for a in alerts}) == 1


def test_people_leaving_bikes_and_bikes_outside_raise_nothing() -> None:
    assert _e_bike([crossing("building_1", T0, "door_1", 1)]) == []
    assert _e_bike([crossing("building_1", T0, "door_1", -1, "motorcycle")]) == []
    assert _e_bike([seen("plaza", T0, "motorcycle", (1, 1)), crossing("estate", T0, "gate_north", 1, "bicycle")]) == []
    assert _e_bike([seen("building_1", T0, "car", (1, 1))]) == []


def test_an_e_bike_brought_to_a_floor_counts_there_only() -> None:
    content = SMALL.model_dump(mode="json")
    content["zones"].append(content["zones"][3] | {"id": "floor_1", "kind": "floor", "parent": "building_1"})
    content["lines"].append(content["lines"][5] | {"id": "lift", "from_zone": "estate", "to_zone": "floor_1"})
    site = type(SMALL).model_validate(content)
    assert set(site.effects["lift"]) == {"floor_1", "building_1"}
    for zone, alerts in (("floor_1", 1), ("building_1", 0)):
        assert len(e_bike.step(signs.State(), crossing(zone, T0, "lift", 1, "motorcycle"), site)) == alerts


def test_every_state_survives_the_changelog() -> None:
    state = stays.State()
    for one in _parked(0, 400):
        fire_lane.step(state, one, SMALL)
    packed = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(packed, type=stays.State) == state
