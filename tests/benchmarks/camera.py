"""Cameras per core: our whole way beside the loop that everybody writes first, on the same recordings and weights.

The plain loop gives every frame to `model.track(persist=True)` and its tracks to supervision's `LineZone`. Each side
runs in a process of its own on one core (`camera_workers.py`); its CPU time is taken from the first frame worked on to
the end: decoding, detector, tracker, lines, and for ours the envelopes too. Cameras per core: seconds of video per
second of CPU. Ours uses the weights as `anfang produce optimise` leaves them: the same, cut to the picture's shape.

Ours does not look at every frame, so what it misses by that is counted. A crossing that the plain loop counts is a hit
as far as it is true: per line and direction the lesser of count and truth. Missed are the plain loop's hits that ours
has not; more than `MOST_MISSED` of them is a different answer. What the plain loop invents is no hit. Where there is no
truth, in less out of the plain loop stands for it: in that recording everybody passes to the right, nobody turns back.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from infra.local.process import python_module
from infra.settings import Settings
from producers.video.geometry import Segment
from producers.video.optimise import Plan as Optimisation
from producers.video.optimise import optimise
from tests.benchmarks.harness import DifferentAnswerError, Result, compare
from tests.producers.video.helpers import SHARED, STREET, WEIGHTS
from tests.producers.video.test_street import crossed, true_frames

LINES: Final = ("main", "edge_a", "edge_b")
"""The lines of the camera `cam_main` in the nested site."""
MOST_MISSED: Final = 0.01

COMPARED: Final = 40
"""Frames on which the weights are compared."""

Counts = dict[str, tuple[int, int]]
"""Crossings of each line, in direction +1 and -1."""


@dataclass(frozen=True)
class Scene:
    """One recording as one camera's view draws lines in it: upright, +1 is to the right, at such x."""

    name: str
    video: Path
    size: tuple[int, int]
    at_x: tuple[float, float, float]
    truth: Counts | None = None

    def lines(self) -> dict[str, Segment]:
        """The lines of the view by name."""
        return {name: ((x, float(self.size[1])), (x, 0.0)) for name, x in zip(LINES, self.at_x, strict=True)}


class Pass(msgspec.Struct, frozen=True):
    """What one side did with one scene: CPU and video seconds, frames and those looked at, crossings."""

    cpu_s: float
    video_s: float
    frames: int
    looks: int
    crossings: Counts

    @property
    def cameras(self) -> float:
        """Such cameras that one core could watch."""
        return self.video_s / self.cpu_s


class Camera(Result, frozen=True, kw_only=True):
    """The result with what was counted, and how long a message of a live camera takes from its frame to Kafka's ack."""

    frames: int
    looks: int
    hits: int
    missed: int
    invented: dict[str, int]
    ack_ms: dict[str, float]
    by_scene: dict[str, dict[str, float]]


def scenes() -> list[Scene]:
    """The street with five views, the hall with one; scenes rendered with exact truth belong here too."""
    street, hall = STREET / "TUD-Stadtmitte.mp4", SHARED / "data" / "intel" / "one-by-one-person-detection.mp4"
    views = [(160.0, 320.0, 480.0), *((x, x + 160, x + 320) for x in (60.0, 100.0, 140.0, 180.0))]
    return [
        *(Scene(f"street {x[0]:.0f}", street, (640, 480), x, true_crossings(x)) for x in views),
        Scene("hall", hall, (768, 432), (500.0, 580.0, 660.0)),
    ]


def true_crossings(at_x: tuple[float, ...]) -> Counts:
    """What the street's true boxes cross, by our rule of what a passage is."""
    found = crossed(true_frames())
    return {name: (found[x][1], found[x][-1]) for name, x in zip(LINES, at_x, strict=True)}


def run(settings: Settings, rounds: int) -> Result:
    """Cameras per core, ours beside the plain loop."""
    if not WEIGHTS.exists() or not STREET.exists():
        sys.exit("camera: skipped, it needs weights and recordings in ../shared or ANFANG_SHARED")
    passes: dict[tuple[str, str], Pass] = {}
    fitted = {video: _fitted(settings, video) for video in {scene.video for scene in scenes()}}
    ours = partial(_measure, "ours", fitted, passes)
    plain = partial(_measure, "plain", dict.fromkeys(fitted, WEIGHTS), passes)
    found = compare("camera", "cameras/core", ours, {"ultralytics_track": plain}, rounds, warm_up=False)
    return _with_counts(found, passes, _worker(settings, "ack", 0, fitted[scenes()[0].video]))


def _fitted(settings: Settings, video: Path) -> Path:
    """The weights that an operator would use for the camera of that recording."""
    plan = Optimisation(WEIGHTS, str(video), settings.home / "weights" / video.stem, most=COMPARED)
    return Path(optimise(plan).weights)


def _with_counts(found: Result, passes: dict[tuple[str, str], Pass], ack: bytes) -> Camera:
    hits = lost = 0
    invented = {"anfang": 0, "ultralytics_track": 0}
    for scene in scenes():
        mine, plain = passes["ours", scene.name].crossings, passes["plain", scene.name].crossings
        truth = scene.truth or steady(plain)
        hits += sum(hit(plain, truth).values())
        lost += missed(mine, plain, truth)
        invented["anfang"] += excess(mine, truth)
        invented["ultralytics_track"] += excess(plain, truth)
    if lost > MOST_MISSED * hits:
        raise DifferentAnswerError(f"{lost} of the {hits} true crossings of the plain loop are missed by ours")
    ours = [one for (side, _), one in passes.items() if side == "ours"]
    return Camera(
        **{field: getattr(found, field) for field in Result.__struct_fields__},
        frames=sum(one.frames for one in ours),
        looks=sum(one.looks for one in ours),
        hits=hits,
        missed=lost,
        invented=invented,
        ack_ms=msgspec.json.decode(ack, type=dict[str, float]),
        by_scene={
            scene.name: {side: round(passes[side, scene.name].cameras, 2) for side in ("ours", "plain")}
            for scene in scenes()
        },
    )


def steady(plain: Counts) -> Counts:
    """The truth where nobody turns back: in less out."""
    return {line: (max(0, there - back), max(0, back - there)) for line, (there, back) in plain.items()}


def hit(counts: Counts, truth: Counts) -> dict[tuple[str, int], int]:
    """True crossings among the counted, by line and direction."""
    return {(line, way): min(counts[line][way], truth[line][way]) for line in truth for way in (0, 1)}


def missed(ours: Counts, plain: Counts, truth: Counts) -> int:
    """The plain loop's hits that ours has not."""
    mine = hit(ours, truth)
    return sum(max(0, want - mine[key]) for key, want in hit(plain, truth).items())


def excess(counts: Counts, truth: Counts) -> int:
    """Crossings counted that are not true."""
    return sum(max(0, counts[line][way] - truth[line][way]) for line in truth for way in (0, 1))


def _measure(side: str, weights: dict[Path, Path], passes: dict[tuple[str, str], Pass]) -> float:
    for number, scene in enumerate(scenes()):
        told = _worker(None, side, number, weights[scene.video])
        passes[side, scene.name] = msgspec.json.decode(told, type=Pass)
    mine = [one for (of, _), one in passes.items() if of == side]
    return sum(one.video_s for one in mine) / sum(one.cpu_s for one in mine)


def _worker(settings: Settings | None, side: str, scene: int, weights: Path) -> bytes:
    """The last line that a worker process prints."""
    more = settings.as_environment() if settings else {}
    argv = python_module("tests.benchmarks.camera_workers", side, str(scene), str(weights))
    done = subprocess.run(argv, env=os.environ | more, stdout=subprocess.PIPE, check=True)
    return done.stdout.strip().splitlines()[-1]
