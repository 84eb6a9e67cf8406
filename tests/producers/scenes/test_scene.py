"""Who comes, how it looks, and what is written: exact, seeded, and in agreement with the simulated day."""

import math
from datetime import date
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from anfang import cli
from infra.errors import UserError
from infra.site import View
from producers.layout import Layout
from producers.scenes.backdrop import Light
from producers.scenes.lens import Lens
from producers.scenes.path import Path as Way
from producers.scenes.path import passages
from producers.scenes.render import Actor, Scene, rendered
from producers.scenes.run import Plan, Truth, run, scene_of, stage_of
from producers.scenes.traffic import ROOM_M, Stage, Wanted, cast, look_of, mixed
from producers.simulate.life import Life
from producers.simulate.routes import Routes
from producers.video.source import Frame, recording
from tests.producers.helpers import SMALL
from tests.producers.scenes.judge import CASES, NIGHT_MS
from tests.producers.video.helpers import site_with_views

MORNING_MS = 1_716_768_000_000
GATE = View(size_px=(320, 240), lines={"gate_north": ((20, 130), (300, 130))})
STAGE = stage_of(GATE)


def test_those_who_come_do_what_is_wanted_and_nobody_walks_through_anybody() -> None:
    random = np.random.default_rng(5)
    wanted = mixed(STAGE, 120, 30, random)
    actors = cast(STAGE, wanted, random, all_come=False)
    assert len(actors) > len(wanted) * 0.8
    assert {actor.kind for actor in actors} == set(ROOM_M)
    for one, other in combinations(actors, 2):
        start = max(one.path.times_s[0], other.path.times_s[0])
        for time_s in np.arange(start, min(one.path.times_s[-1], other.path.times_s[-1]), 0.1).tolist():
            apart = math.dist(one.path.at(time_s), other.path.at(time_s))
            assert apart > (ROOM_M[one.kind] + ROOM_M[other.kind]) * 0.6


@pytest.mark.parametrize("party", ["one", "pair", "bicycle", "loiterer", "looper", "passer"])
def test_each_party_passes_as_it_should(party: str) -> None:
    wanted = msgspec.convert({"line_id": "gate_north", "direction": -1, "time_s": 20.0, "party": party}, Wanted)
    actors = cast(STAGE, [wanted], np.random.default_rng(1), all_come=True)
    expected = [] if party in ("looper", "passer") else [-1]
    line = STAGE.lines["gate_north"]
    assert [[one.direction for one in passages(actor.path, line)] for actor in actors] == [expected] * len(actors)
    assert len(actors) == (2 if party == "pair" else 1)
    if party in ("one", "bicycle"):
        assert passages(actors[0].path, line)[0].time_s == pytest.approx(20.0)


def test_a_line_that_cannot_be_passed_alone_is_told() -> None:
    lens = Lens((320, 240))
    twice = Stage(lens, {"a": STAGE.lines["gate_north"], "b": STAGE.lines["gate_north"]})
    with pytest.raises(UserError, match="no way for a one over a at 9 s"):
        cast(twice, [Wanted("a", 1, 9.0)], np.random.default_rng(1), all_come=True)


def test_a_simulated_video_tells_the_crossings_of_the_simulated_day() -> None:
    plan = Plan("cam_gate_north", MORNING_MS, minutes=30, seed=11, traffic="simulated")
    site = site_with_views({"cam_gate_north": GATE})
    scene = scene_of(site, plan, STAGE)
    told = sorted(
        (round(one.time_s * 1000), one.direction)
        for actor in scene.actors
        for one in passages(actor.path, STAGE.lines["gate_north"])
    )
    layout = Layout(SMALL)
    day = Life(layout, Routes(layout), 11).day(date(2024, 5, 27))
    here = (day.line == layout.line_at["gate_north"]) & (day.event_ms >= MORNING_MS)
    here &= day.event_ms < MORNING_MS + 30 * 60_000
    true = sorted(zip((day.event_ms[here] - MORNING_MS).tolist(), day.direction[here].tolist(), strict=True))
    assert len(true) > 20
    assert told == true


@pytest.mark.parametrize("kind", ["person", "car", "truck"])
def test_a_box_is_where_the_picture_has_changed(kind: str) -> None:
    lens, still = Lens((640, 480)), Light((0.0, 0.0), noise=0.0, swing=0.0)
    way = Way((0.0, 10.0), ((-5.0, 9.0), (5.0, 9.0)))
    actor = msgspec.convert(kind, type=str)
    one = Actor(next(name for name in ROOM_M if name == actor), look_of("person", np.random.default_rng(2)), way)
    (empty,), (full,) = (list(rendered(Scene(lens, still, actors), [5.0])) for actors in ([], [one]))
    (label,) = full.boxes
    moved = np.abs(empty.image.astype(int) - full.image).max(axis=2) > 25
    rows, columns = np.nonzero(moved)
    left, top, right, bottom = label.box
    inside = (columns >= left - 2) & (columns <= right + 2) & (rows >= top - 2)
    assert inside.mean() > 0.97
    assert (columns.min(), columns.max(), rows.min()) == pytest.approx((left, right, top), abs=3)
    assert rows.max() == pytest.approx(bottom, abs=12)  # its shadow on the ground reaches further


def test_the_same_seed_gives_the_same_film_and_its_truth_is_written(tmp_path: Path) -> None:
    case = CASES[0]
    plan = Plan(case.camera_id, NIGHT_MS, 0.2, 3)
    told = [run(case.site, plan, tmp_path / f"{n}.mp4", tmp_path / f"{n}.json") for n in range(2)]
    assert told[0] == told[1]
    assert msgspec.json.decode((tmp_path / "0.json").read_bytes(), type=Truth) == told[0]
    frames = [item for item in recording(str(tmp_path / "0.mp4"), NIGHT_MS, 10) if isinstance(item, Frame)]
    assert [frame.event_ms - NIGHT_MS for frame in frames] == [100 * n for n in range(120)]
    scene = scene_of(case.site, plan, stage_of(View(size_px=(320, 240), lines={case.line_id: case.line})))
    drawn, again = (list(rendered(scene, plan.times_s)) for _ in range(2))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(drawn, again, strict=True))
    off = [np.abs(a.image.astype(int) - b.image).mean() for a, b in zip(drawn, frames, strict=True)]
    assert max(off) < 8


@pytest.mark.parametrize(
    ("view", "expected"),
    [(None, "not drawn"), (View(size_px=(320, 240), lines={"gate_north": ((0, -200), (9, 9))}), "above the horizon")],
)
def test_a_camera_that_cannot_be_rendered_is_told(view: View | None, expected: str, tmp_path: Path) -> None:
    site = SMALL if view is None else site_with_views({"cam_gate_north": view})
    with pytest.raises(UserError, match=expected):
        run(site, Plan("cam_plaza" if view is None else "cam_gate_north", 0), tmp_path / "a.mp4")


def test_the_commands_render_and_watch_with_the_demo_weights(tmp_path: Path) -> None:
    film, truth, told = tmp_path / "gate.mp4", tmp_path / "gate.json", tmp_path / "gate.jsonl"
    camera = ["--camera", "cam_gate_south"]
    rendering = ["produce", "scene", *camera, "--minutes", "0.1", "--out", str(film), "--truth", str(truth)]
    watching = ["produce", "video", str(film), *camera, "--weights", "demo", "--to", f"jsonl:{told}"]
    for words in (rendering, watching):
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == 0, result.output
    assert msgspec.json.decode(truth.read_bytes(), type=Truth).frames == 60
    assert told.stat().st_size > 0
