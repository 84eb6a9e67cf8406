"""`anfang produce scene`: a rendered video of a camera of the site, and the exact truth of its lines beside it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from infra.clock import MINUTE_MS
from infra.errors import UserError
from infra.events import Direction, ObjectClass, TimeMs
from infra.site import Camera, Site, View
from producers.feed import Progress, no_progress
from producers.layout import Layout
from producers.scenes.backdrop import Light, Tree
from producers.scenes.film import write_film
from producers.scenes.lens import Lens
from producers.scenes.path import passages, right_of
from producers.scenes.render import Scene, rendered
from producers.scenes.traffic import Stage, Wanted, cast, mixed
from producers.simulate.life import Life
from producers.simulate.routes import Routes
from producers.video.source import Image

Traffic = Literal["mixed", "simulated"]
TREES = 2
TREE_FROM_LINE_M = 2.5


@dataclass(frozen=True)
class Plan:
    """What to render. `start_ms` is the event time of frame 0.

    Mixed traffic is `per_minute` parties of every kind; simulated traffic is what `anfang produce simulate` with the
    same seed, started on the same day, tells of this camera's lines.
    """

    camera_id: str
    start_ms: int
    minutes: float = 1.0
    seed: int = 7
    fps: float = 10.0
    per_minute: float = 30.0
    traffic: Traffic = "mixed"

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.minutes * 60

    @property
    def times_s(self) -> list[float]:
        """When each frame is, from the start."""
        return [number / self.fps for number in range(round(self.duration_s * self.fps))]


class TrueCrossing(msgspec.Struct, frozen=True, kw_only=True):
    """One true crossing; `actor` tells who goes with whom: a rider crosses as a person and as a vehicle.

    The stay on the line lasts from the first step over it (`since_ms`) until it is left by `CLEAR_M` (`until_ms`);
    `event_ms` is the last step.
    """

    event_ms: TimeMs
    since_ms: TimeMs
    until_ms: TimeMs
    line_id: str
    direction: Direction
    object_class: ObjectClass
    actor: int


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What truly happens in a rendered video; `counts` is {line: [in direction +1, in direction -1]}."""

    camera_id: str
    seed: int
    start_ms: TimeMs
    frames: int
    fps: float
    size_px: tuple[int, int]
    counts: dict[str, tuple[int, int]]
    crossings: list[TrueCrossing]


def run(site: Site, plan: Plan, out: Path, truth_file: Path | None = None, progress: Progress = no_progress) -> Truth:
    """Render the plan into `out`, its truth into `truth_file`. The same site and plan give the same pictures."""
    stage = stage_of(_view(site, plan.camera_id))
    scene = scene_of(site, plan, stage)
    times = plan.times_s

    def pictures() -> Iterator[Image]:
        for number, picture in enumerate(rendered(scene, times)):
            yield picture.image
            progress((number + 1) / len(times))

    write_film(out, pictures(), plan.fps, scene.lens.size_px)
    truth = truth_of(scene, stage, plan)
    if truth_file is not None:
        truth_file.parent.mkdir(parents=True, exist_ok=True)
        truth_file.write_bytes(msgspec.json.format(msgspec.json.encode(truth)) + b"\n")
    return truth


def _view(site: Site, camera_id: str) -> View:
    camera: Camera | None = site.camera.get(camera_id)
    if camera is None or camera.view is None or not camera.view.lines:
        raise UserError(
            f"camera {camera_id}: not in the site file, or its lines are not drawn in a view",
            "give a camera with `view:` and lines in it (docs/camera.md shows how)",
        )
    return camera.view


def stage_of(view: View) -> Stage:
    """The camera that would give such a view, and its lines on the ground. UserError for a line in the sky."""
    lens = Lens(view.size_px)
    try:
        lines = {line: (lens.place(*ends[0]), lens.place(*ends[1])) for line, ends in view.lines.items()}
    except ValueError as error:
        raise UserError(f"a line of the view: {error}", "draw the lines on the ground, lower in the picture") from error
    return Stage(lens, lines)


def scene_of(site: Site, plan: Plan, stage: Stage) -> Scene:
    """The scene that the plan asks for."""
    random = np.random.default_rng([plan.seed, 0])
    if plan.traffic == "simulated":
        actors = cast(stage, _simulated(site, plan), random, all_come=True)
    else:
        actors = cast(stage, mixed(stage, plan.duration_s, plan.per_minute, random), random, all_come=False)
    light = Light((random.uniform(-0.7, 0.7), random.uniform(-0.5, 0.7)), random.uniform(0.75, 1.1))
    return Scene(stage.lens, light, actors, _trees(stage, random), plan.seed)


def _simulated(site: Site, plan: Plan) -> list[Wanted]:
    """The crossings of the simulated day at the camera's lines within the video."""
    layout = Layout(site)
    lines = {layout.line_at[line]: line for line in site.camera[plan.camera_id].lines}
    day = Life(layout, Routes(layout), plan.seed).day(datetime.fromtimestamp(plan.start_ms / 1000, site.tz).date())
    end_ms = plan.start_ms + round(plan.minutes * MINUTE_MS)
    here = day.take(np.isin(day.line, list(lines)) & (day.event_ms >= plan.start_ms) & (day.event_ms < end_ms))
    rows = zip(here.event_ms.tolist(), here.line.tolist(), here.direction.tolist(), strict=True)
    return [Wanted(lines[line], way, (event_ms - plan.start_ms) / 1000) for event_ms, line, way in rows]


def _trees(stage: Stage, random: np.random.Generator) -> list[Tree]:
    """A few trees, none near a line."""
    places = random.uniform((-6, 6), (6, 15), (TREES * 4, 2)).tolist()
    free = [
        (x, y)
        for x, y in places
        if all(abs(right_of(line, (x, y))) > TREE_FROM_LINE_M for line in stage.lines.values())
    ]
    return [Tree(place, random.uniform(2.6, 3.6)) for place in free[:TREES]]


def truth_of(scene: Scene, stage: Stage, plan: Plan) -> Truth:
    """The crossings within the video, by time, from the actors' ways alone."""
    found = [
        TrueCrossing(
            event_ms=plan.start_ms + round(passage.time_s * 1000),
            since_ms=plan.start_ms + round(passage.since_s * 1000),
            until_ms=plan.start_ms + round(passage.until_s * 1000),
            line_id=line,
            direction=passage.direction,
            object_class=object_class,
            actor=number,
        )
        for number, actor in enumerate(scene.actors)
        for line, ends in stage.lines.items()
        for passage in passages(actor.path, ends)
        if 0 <= passage.time_s < plan.duration_s
        for object_class in actor.classes
    ]
    return Truth(
        camera_id=plan.camera_id,
        seed=plan.seed,
        start_ms=plan.start_ms,
        frames=len(plan.times_s),
        fps=plan.fps,
        size_px=stage.lens.size_px,
        counts=counted(stage.lines, found),
        crossings=sorted(found, key=lambda one: (one.event_ms, one.actor, one.object_class)),
    )


def counted(lines: Iterable[str], found: Sequence[TrueCrossing]) -> dict[str, tuple[int, int]]:
    """{line: (in direction +1, in direction -1)}."""
    ways = Counter((one.line_id, one.direction) for one in found)
    return {line: (ways[line, 1], ways[line, -1]) for line in lines}
