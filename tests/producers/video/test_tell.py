"""From tracks to envelopes: whole seconds, per zone, in sequence, valid by the platform's judge."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import UserError
from infra.events import MAX_SLICE_MS, Envelope, ObjectClass, Picture, encoder
from infra.validate import judge
from producers.video.geometry import Seen
from producers.video.presence import STEADY_MS
from producers.video.tell import HOLD_MS, Teller
from tests.producers.helpers import SMALL
from tests.producers.video.helpers import LINE_X, START_MS, plaza_camera, site_with_view

SITE = site_with_view()


def someone(track: int, x: float, y: float = 300.0, object_class: ObjectClass = "person") -> Seen:
    """A track standing at (x, y)."""
    return Seen(track, (x - 15, y - 100, x + 15, y), object_class, 0.8)


def teller() -> Teller:
    """A fresh one for the plaza camera."""
    return Teller(SITE, plaza_camera(SITE), "boot")


def walk(frames: list[list[Seen] | None], step_ms: int = 40, start_ms: int = START_MS) -> list[Envelope]:
    """All envelopes of such frames, each judged valid."""
    one = teller()
    told = [envelope for n, seen in enumerate(frames) for envelope in one.frame(start_ms + n * step_ms, seen)]
    told += one.finish()
    for envelope in told:
        assert judge(encoder.encode(envelope), envelope.start_ms, SITE) == envelope
    return told


def crossed(told: list[Envelope]) -> list[tuple[str, int, str]]:
    """(zone, direction, class) of all crossings told."""
    return [
        (envelope.zone_id, direction, object_class)
        for envelope in told
        if envelope.crossings
        for direction, object_class in zip(envelope.crossings.direction, envelope.crossings.object_class, strict=True)
    ]


def test_a_walk_over_the_line_is_one_crossing_in_its_direction() -> None:
    there: list[list[Seen] | None] = [[someone(1, x)] for x in range(250, 400, 4)]
    back: list[list[Seen] | None] = [[someone(1, x)] for x in range(400, 250, -4)]
    assert crossed(walk(there)) == [("plaza", 1, "person")]
    assert crossed(walk(back)) == [("plaza", -1, "person")]


def test_a_crossing_goes_to_every_zone_it_changes_under_one_id() -> None:
    lobby = SMALL.camera["cam_clubhouse"]
    view = SITE.camera["cam_plaza"].view
    assert view is not None
    seen_by = lobby.model_copy(
        update={
            "view": view.model_copy(
                update={"zones": {}, "lines": {"clubhouse_door": view.lines["plaza_edge"]}},
            )
        }
    )
    one = Teller(SMALL, seen_by, "boot")
    told = [e for n, x in enumerate(range(250, 400, 4)) for e in one.frame(START_MS + n * 40, [someone(1, x)])]
    told += one.finish()
    found = {e.zone_id: e.crossings.crossing_id for e in told if e.crossings}
    assert found == {"clubhouse": ["boot.clubhouse_door.0"], "plaza": ["boot.clubhouse_door.0"]}
    assert {e.visible for e in told} == {None}


def test_visible_counts_persons_in_the_zone_only() -> None:
    told = walk([[someone(1, 400), someone(2, 500), someone(3, 100), someone(4, 450, object_class="car")]])
    assert [envelope.visible for envelope in told] == [2]
    assert told[0].detections is not None
    assert told[0].detections.object_class == ["person", "person", "car"]


def test_one_who_vanishes_inside_is_visible_for_a_while_and_one_at_the_edge_is_not() -> None:
    gone: list[list[Seen] | None] = [[]] * 75
    inside = walk([*([[someone(1, 500)]] * 25), *gone])
    assert [(e.start_ms - START_MS, e.visible) for e in inside] == [(0, 1), (HOLD_MS + 1000, 0)]
    at_the_edge = walk([*([[someone(1, 630)]] * 24), *gone])
    assert at_the_edge[0].visible == 0


def test_where_the_detector_does_not_look_what_was_in_view_still_is() -> None:
    told = walk([[someone(1, 500)], *[None] * 500])
    assert [envelope.visible for envelope in told] == [1]


def test_health_is_told_once_a_minute_and_with_it_every_zone() -> None:
    told = walk([[] for _ in range(25 * 125)])
    assert [envelope.health is not None for envelope in told] == [True, True, True]
    last = told[-1].health
    assert last is not None
    assert last.online
    assert last.fps == pytest.approx(25, abs=0.5)
    assert told[0].start_ms == START_MS


def test_health_tells_the_clock_as_it_is_known_then() -> None:
    offsets = iter([0.0, 1234.56])
    one = Teller(SITE, plaza_camera(SITE), "boot", lambda: next(offsets))
    told = [e for second in range(62) for e in one.frame(START_MS + second * 1000, [])]
    assert [e.health.clock_offset_ms for e in told if e.health] == [0.0, 1234.6]


def test_decode_errors_and_a_bad_picture_are_told() -> None:
    one = teller()
    one.frame(START_MS, [])
    one.lost(START_MS + 100, 3)
    one.frame(START_MS + 200, [], "black")
    (told,) = one.finish()
    assert told.health is not None
    assert (told.health.decode_errors, told.health.picture) == (3, "black")


def test_an_offline_camera_says_so_once_and_its_count_is_unknown_until_it_is_back() -> None:
    one = teller()
    one.frame(START_MS, [someone(1, 500)])
    (told,) = one.offline(START_MS + 5000)[-1:]
    assert (told.visible, told.health and told.health.online) == (None, False)
    assert one.offline(START_MS + 9000) == []
    assert one.frame(START_MS + 70_000, [someone(2, 500)]) == []
    assert one.frame(START_MS + 70_000 + STEADY_MS, [someone(2, 500)])[0].visible is None
    (back,) = one.finish()
    assert (back.visible, back.health and back.health.online) == (1, True)
    assert back.detections is not None
    assert back.detections.track_id == [3]


def test_before_it_is_steady_again_only_what_it_detects_is_told() -> None:
    one = teller()
    one.frame(START_MS, [])
    one.offline(START_MS + 1000)
    late = START_MS + 110_000
    told = [e for n, x in enumerate(range(250, 400, 4)) for e in one.frame(late + 40 * n, [someone(1, x)])]
    told += one.offline(late + 3000)
    assert crossed(told) == [("plaza", 1, "person")]
    assert {(e.visible, e.health) for e in told} == {(None, None)}
    assert one.frame(START_MS + 300_000, []) == []
    assert one.frame(START_MS + 305_000, []) == []


def test_who_is_seen_in_a_picture_not_to_be_trusted_is_not_counted_as_visible() -> None:
    one = teller()
    trouble: Picture = "frozen"
    told = [e for n in range(50) for e in one.frame(START_MS + n * 40, [someone(1, 500)])]
    told += [e for n in range(50, 100) for e in one.frame(START_MS + n * 40, [someone(1, 500)], trouble)]
    told += one.finish()
    assert [(e.start_ms - START_MS, e.visible, e.health.picture) for e in told if e.health] == [
        (0, 1, "ok"),
        (2000, None, "frozen"),
    ]


def test_a_camera_without_a_view_is_told_what_to_do() -> None:
    with pytest.raises(UserError, match=r"docs/camera\.md"):
        Teller(SMALL, SMALL.camera["cam_plaza"], "boot")


moves = st.lists(
    st.one_of(
        st.none(),
        st.lists(
            st.tuples(st.integers(1, 4), st.floats(0, 640), st.floats(1, 480), st.sampled_from(["person", "car"])),
            max_size=4,
        ),
    ),
    max_size=30,
)


@given(moves, st.integers(1, 900))
def test_whatever_moves_envelopes_are_valid_and_in_sequence(
    frames: list[list[tuple[int, float, float, ObjectClass]] | None], step_ms: int
) -> None:
    seen = [
        None if frame is None else list({t: someone(t, x, y, c) for t, x, y, c in frame}.values()) for frame in frames
    ]
    told = walk(seen, step_ms)
    assert [envelope.seq for envelope in told] == list(range(len(told)))
    assert all(a.end_ms < b.start_ms for a, b in pairwise(told))
    assert all(envelope.end_ms - envelope.start_ms < MAX_SLICE_MS for envelope in told)
    ids = [name for envelope in told if envelope.crossings for name in envelope.crossings.crossing_id]
    assert len(set(ids)) == len(ids)


def test_a_track_that_breaks_on_the_line_is_one_crossing() -> None:
    steps = list(range(250, 400, 4))
    frames: list[list[Seen] | None] = [
        [someone(1 if x < LINE_X else 2, x)] if abs(x - LINE_X) > 20 else [] for x in steps
    ]
    assert crossed(walk(frames)) == [("plaza", 1, "person")]


def test_the_class_is_what_the_track_was_taken_for_most_often() -> None:
    cars = [someone(1, x, object_class="car" if x % 20 else "truck") for x in range(250, 400, 4)]
    assert crossed(walk([[car] for car in cars])) == [("plaza", 1, "car")]
