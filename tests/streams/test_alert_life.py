"""Whatever happens, an alert lives as docs/subscriber.md says, under every rule: random stories of many cameras."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.events import Alert, camera_of
from infra.limits import Rule
from infra.site import Site
from infra.topics import DETECTIONS, GATE_PASSAGES
from streams.backtest import Backtest
from streams.lifecycle import MAX_EVIDENCE, closed, updated
from streams.stored import StoredMessage
from tests.producers.helpers import WATCHED
from tests.streams.test_unusual_flow import baseline

Content = dict[str, object]
RANK: Final = {"info": 0, "warning": 1, "critical": 2}
FLICKER_S: Final = 15
LIMITS: Final[dict[str, Content]] = {  # short, so that stories can be
    "restricted_hours": {"quiet_s": 60},
    "fire_lane": {"grace_minutes": 1, "gap_s": 30},
    "gathering": {"hold_s": 30, "gap_s": 30},
    "wrong_way": {"quiet_s": 60},
    "loitering": {"gap_s": 30},
    "perimeter_crossing": {"quiet_s": 60},
    "e_bike": {"quiet_s": 60},
    "gate": {"quiet_s": 60},
    "unusual_flow": {"quantile": 0.99, "least": 5},
}


def _site() -> Site:
    """The watched small site; `cam_plaza` looks into the clubhouse, the fire lane and the first building too."""
    content = WATCHED.model_dump(mode="json")
    changes: dict[str, Content] = {
        "plaza": {"gathering_persons": 5, "capacity": 6},
        "building_1": {"loitering_minutes": 1, "gathering_persons": 5},
        "clubhouse_door": {"allowed_direction": -1},
        "cam_plaza": {"zones": ["plaza", "clubhouse", "fire_lane", "building_1"]},
    }
    for group in ("zones", "lines", "cameras"):
        content[group] = [part | changes.get(part["id"], {}) for part in content[group]]
    return Site.model_validate(content | {"limits": LIMITS})


SITE: Final = _site()
START_MS: Final = int(datetime(2024, 5, 27, 22, tzinfo=SITE.tz).timestamp() * 1000)  # a Monday, places are closed
END_S: Final = 7_500
BASELINES: Final = {line: baseline(8, line=line) for line in SITE.line}
SOURCES: Final = [(camera, zone) for camera, zones in SITE.camera_zones.items() for zone in zones]


def _seen(what: str, track: int = 1, x_m: float = 150.0) -> Content:
    columns = {"track_id": [track], "object_class": [what], "x_m": [x_m], "y_m": [140.0], "confidence": [0.9]}
    return {"detections": columns}


def _crossed(line: str, direction: int = 1, what: str = "person") -> Content:
    return {"crossings": {"line_id": [line], "direction": [direction], "object_class": [what]}}


def _health(**told: object) -> Content:
    return {"health": {"online": True, "fps": 12.0} | told}


@dataclass(frozen=True)
class Scene:
    """The same told by one camera of one zone again and again: from when, how often, sent how much later.

    With `granted` it is the north gate's controller that tells.
    """

    source: tuple[str, str]
    content: Content
    start_s: float
    times: int = 1
    every_s: float = 1.0
    late_s: float = 0.0

    def messages(self, number: int) -> Iterable[StoredMessage]:
        """What is sent; `number` tells scenes apart."""
        for n in range(self.times):
            at_ms = START_MS + round(1000 * (self.start_s + n * self.every_s))
            told = self._passage(f"{number}/{n}", at_ms) if "granted" in self.content else self._told(number, n, at_ms)
            key = "estate" if "granted" in self.content else self.source[1]
            value = msgspec.json.encode({"schema_version": 1, "estate_id": SITE.estate.id} | told)
            topic = GATE_PASSAGES if "granted" in self.content else DETECTIONS
            yield StoredMessage(topic.name, key.encode(), value, at_ms + round(1000 * self.late_s))

    def _passage(self, name: str, at_ms: int) -> Content:
        identity = {"passage_id": name, "gate_id": "turnstile_north", "event_ms": at_ms}
        return identity | {"direction": 1, "method": "card"} | self.content

    def _told(self, number: int, n: int, at_ms: int) -> Content:
        camera, zone = self.source
        told = dict(self.content)
        for part in ("detections", "crossings"):
            if isinstance(columns := told.get(part), dict):
                told[part] = columns | {"event_ms": [at_ms]}
        if isinstance(columns := told.get("crossings"), dict):
            told["crossings"] = columns | {"crossing_id": [f"{number}/{n}"], "track_id": [1000 * number + n]}
        identity = {"zone_id": zone, "camera_id": camera, "boot_id": f"{number}", "seq": n}
        return identity | {"start_ms": at_ms, "end_ms": at_ms + 400} | told


def _alerts(story: Sequence[Scene], until_s: int = END_S) -> list[Alert]:
    """All alert states, in the order in which they are published; every camera says a word a minute."""
    alive = [Scene((c.id, SITE.camera_zones[c.id][0]), {}, 7.0, until_s // 60, 60.0) for c in SITE.cameras]
    sent = [message for number, scene in enumerate([*alive, *story]) for message in scene.messages(number)]
    run = Backtest(SITE, 300_000, BASELINES)
    return [alert for message in sorted(sent, key=lambda one: one.timestamp_ms) for alert in run.take(message)]


def _check(published: Sequence[Alert]) -> None:
    """What a subscriber may rely on. Raises AssertionError."""
    lives, open_now = defaultdict[str, list[Alert]](list), dict[tuple[str, str], str]()
    for alert in published:
        lives[alert.alert_id].append(alert)
        about = (alert.rule, alert.subject_id)
        assert open_now.setdefault(about, alert.alert_id) == alert.alert_id, f"two open alerts about {about}"
        if alert.status == "closed":
            del open_now[about]
    for life in lives.values():
        _check_life(life)


def _check_life(life: Sequence[Alert]) -> None:
    first = life[0]
    assert [alert.revision for alert in life] == list(range(1, len(life) + 1))
    assert [alert.status for alert in life][:1] == ["opened"]
    assert {alert.status for alert in life[1:-1]} <= {"updated"}
    assert {alert.status for alert in life[1:]} <= {"updated", "closed"}
    for alert in life:
        same = ("rule", "subject_id", "zone_id", "estate_id", "opened_ms")
        assert [getattr(alert, name) for name in same] == [getattr(first, name) for name in same]
        assert (alert.closed_ms is not None) == (alert.status == "closed")
        assert alert.closed_ms in (None, alert.updated_ms)
        assert alert.opened_ms <= alert.updated_ms
        assert 1 <= len(alert.evidence) <= MAX_EVIDENCE
        assert len(set(alert.evidence)) == len(alert.evidence)
    for before, after in pairwise(life):
        assert before.updated_ms <= after.updated_ms
        assert RANK[before.severity] <= RANK[after.severity]
        assert after.evidence[: len(before.evidence)] == before.evidence


CONTENTS: Final[list[Content]] = [
    {},
    {"visible": 0},
    {"visible": 4},
    {"visible": 9},
    *(_seen(what, track) for what in ("person", "car", "motorcycle") for track in (1, 2)),
    _seen("truck", 3, 200.0),
    *(_crossed(line, way, what) for line in SITE.line for way in (1, -1) for what in ("person", "bicycle")),
    _health(),
    _health(picture="black"),
    _health(picture="moved"),
    _health(online=False),
    _health(clock_offset_ms=9_000.0),
    _health(clock_offset_ms=-3_000.0),
    {"granted": True},
    {"granted": False},
]
LATE_S: Final = st.sampled_from([0.0, 0.0, 0.0, 2.0, 30.0, 100.0, 290.0])
SCENES: Final = st.builds(
    Scene,
    st.sampled_from(SOURCES),
    st.sampled_from(CONTENTS),
    st.integers(0, 6_000) | st.sampled_from([600, 660, 720]),
    st.integers(1, 40),
    st.sampled_from([0.5, 1.0, 5.0, 20.0, 60.0]),
    LATE_S,
)


def _estate(content: Content, start_s: float, times: int = 1, every_s: float = 1.0) -> Scene:
    return Scene(("cam_gate_north", "estate"), content, start_s, times, every_s)


STORY: Final = [
    _estate({"granted": True}, 300),
    _estate(_crossed("gate_north"), 301, 2),  # tailgating
    _estate({"granted": True}, 600),
    _estate(_crossed("gate_north"), 601, 4),  # held
    _estate(_crossed("gate_north"), 900),  # forced
    _estate(_crossed("gate_north", -1), 2_000, 60, 5.0),  # unusual flow, and absence elsewhere
    Scene(("cam_perimeter", "fence"), _crossed("fence_south"), 100),
    Scene(("cam_clubhouse", "clubhouse"), _crossed("clubhouse_door"), 200),  # restricted hours, wrong way
    Scene(("cam_plaza", "clubhouse"), _seen("motorcycle"), 300),
    Scene(("cam_perimeter", "fire_lane"), _seen("car"), 500, 30, 5.0),
    Scene(("cam_door_1", "building_1"), _seen("person"), 500, 30, 5.0),
    Scene(("cam_plaza", "plaza"), {"visible": 9}, 700, 10, 10.0),
    Scene(("cam_plaza", "plaza"), _crossed("plaza_edge"), 1_500, 9),
    Scene(("cam_door_2", "building_2"), _health(picture="black"), 300.5, 100),
    Scene(("cam_gate_west", "estate"), _health(clock_offset_ms=9_000.0), 300.5, 5),
    Scene(("cam_gate_south", "estate"), _health(online=False), 1_000.5, 300),
]


def test_one_story_raises_them_all() -> None:
    published = _alerts(STORY)
    _check(published)
    assert {alert.rule for alert in published} == set(get_args(Rule)) - {
        "unanswered"
    }  # that is about alerts: test_unanswered.py


def _looking_at(zone: str, which: int) -> tuple[str, str]:
    own = [source for source in SOURCES if source[1] == zone]
    return own[which % len(own)]


AGAIN: Final = st.builds(  # what raises alerts, at another time, from another camera of the zone, late
    lambda scene, which, by_s, late_s: replace(
        scene, source=_looking_at(scene.source[1], which), start_s=scene.start_s + by_s, late_s=late_s
    ),
    st.sampled_from(STORY),
    st.integers(0, 4),
    st.sampled_from([0, 1, 10, 61, 300, 1_000]),
    LATE_S,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(SCENES | AGAIN, min_size=5, max_size=25))
def test_every_alert_lives_as_promised(story: list[Scene]) -> None:
    _check(_alerts(story))


FLICKERING: Final[dict[str, tuple[tuple[str, str], Content, int]]] = {
    "restricted_hours": (("cam_clubhouse", "clubhouse"), _seen("person"), 0),
    "e_bike": (("cam_door_2", "building_2"), _seen("motorcycle"), 0),
    "wrong_way": (("cam_clubhouse", "clubhouse"), _crossed("clubhouse_door"), 0),
    "perimeter_crossing": (("cam_perimeter", "fence"), _crossed("fence_south"), 0),
    "fire_lane": (("cam_perimeter", "fire_lane"), _seen("car"), 61),
    "loitering": (("cam_door_1", "building_1"), _seen("person"), 61),
    "gathering": (("cam_plaza", "plaza"), {"visible": 5}, 31),
    "camera_tampered": (("cam_door_2", "building_2"), _health(picture="black"), 61),
    "clock_skew": (("cam_gate_west", "estate"), _health(clock_offset_ms=9_000.0), 3),
    "camera_silent": (("cam_gate_west", "estate"), _health(online=False), 181),
}


@pytest.mark.parametrize("rule", FLICKERING)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.booleans(), min_size=FLICKER_S, max_size=FLICKER_S))
def test_what_flickers_is_one_incident(rule: str, on: list[bool]) -> None:
    source, content, hold_s = FLICKERING[rule]
    off: Content = _health() if "health" in content else {"visible": 0}
    held = Scene(source, content, 300.5, hold_s + 1)
    flicker = [Scene(source, content if told else off, 301.5 + hold_s + n) for n, told in enumerate([*on, False])]
    after = Scene(source, off, 380.5 + hold_s)
    published = _alerts([held, *flicker, after], until_s=900)
    _check(published)
    assert [alert.status for alert in published if alert.rule == rule].count("opened") == 1


def _both(zone: str, content: Content, at_s: float, times: int = 1, every_s: float = 1.0) -> list[Scene]:
    """Told by the zone's own camera, and half a second later by the one that looks into it too."""
    own, other = ((camera, where) for camera, where in SOURCES if where == zone)
    return [Scene(own, content, at_s, times, every_s), Scene(other, content, at_s + 0.5, times, every_s)]


@pytest.mark.parametrize(
    ("rule", "story"),
    [
        ("restricted_hours", _both("clubhouse", _seen("person"), 300.25)),
        ("e_bike", _both("building_1", _seen("motorcycle"), 300.25)),
        ("gathering", _both("building_1", {"visible": 5}, 300.25, 40)),
        ("fire_lane", [_both("fire_lane", _seen("car"), 300.25, 80)[0], _both("fire_lane", _seen("car"), 320.25)[1]]),
        ("loitering", _both("building_1", _seen("person"), 300.25, 80)),
    ],
)
def test_what_two_cameras_see_is_one_alert_with_the_evidence_of_both(rule: str, story: list[Scene]) -> None:
    published = _alerts([*story, Scene(story[0].source, {}, 800)], until_s=900)
    _check(published)
    life = [alert for alert in published if alert.rule == rule]
    assert {(alert.alert_id, alert.subject_id) for alert in life} == {(life[0].alert_id, story[0].source[1])}
    assert life[-1].status == "closed"
    assert {camera_of(one) for one in life[-1].evidence} == {scene.source[0] for scene in story}


def test_a_late_sign_of_an_incident_that_is_over_opens_none() -> None:
    clubhouse, other = [source for source in SOURCES if source[1] == "clubhouse"]
    first = Scene(clubhouse, _seen("person"), 300)
    for late_s in (-50, 0, 40):
        published = _alerts([first, Scene(other, _seen("person"), 300 + late_s, late_s=250)], until_s=900)
        _check(published)
        assert [alert.status for alert in published] == ["opened", "closed"]
    published = _alerts([first, Scene(other, _seen("person"), 100, late_s=450)], until_s=900)
    assert len({alert.alert_id for alert in published}) == 2  # not of that incident


def test_a_late_word_that_the_picture_was_well_before_the_alert_ends_it_then() -> None:
    door = ("cam_door_2", "building_2")
    story = [Scene(door, _health(picture="black"), 300), Scene(door, _health(), 330, late_s=60)]
    published = _alerts(story, until_s=900)
    _check(published)
    assert [alert.status for alert in published] == ["opened", "closed"]


def test_late_news_does_not_set_an_alert_back_and_evidence_stays_short() -> None:
    first = next(alert for alert in _alerts(STORY) if alert.rule == "fire_lane")
    late = updated(first, first.updated_ms - 50_000, "two", {}, [f"cam_plaza/b/fire_lane/{n}" for n in range(30)])
    life = [first, late, closed(late, first.opened_ms - 1, "gone", ["cam_perimeter/b/fire_lane/99"])]
    _check(life)
    assert late.evidence == [*first.evidence, *(f"cam_plaza/b/fire_lane/{n}" for n in range(30))][:MAX_EVIDENCE]
