"""Who comes through a scene: ways over, along and around its lines, so that nobody walks through anybody. Seeded."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, get_args

import numpy as np

from infra.errors import UserError
from infra.events import Direction, ObjectClass
from producers.scenes.figures import SIZE_M, Look
from producers.scenes.lens import Lens, Place
from producers.scenes.path import Passage, Path, Segment, passages
from producers.scenes.render import Actor

Random = np.random.Generator
Party = Literal["one", "pair", "bicycle", "motorcycle", "car", "truck", "loiterer", "looper", "passer"]
SHARE: Final[dict[Party, float]] = {
    "one": 0.5,
    "pair": 0.1,
    "bicycle": 0.09,
    "motorcycle": 0.09,
    "car": 0.07,
    "truck": 0.03,
    "loiterer": 0.04,
    "looper": 0.04,
    "passer": 0.04,
}
"""How often each party comes in mixed traffic: a passer walks along the line, a looper around its end."""
VEHICLE: Final[dict[str, ObjectClass]] = {kind: kind for kind in get_args(ObjectClass) if kind != "person"}
SPEED_M_S: Final[dict[ObjectClass, tuple[float, float]]] = {
    "person": (0.9, 1.7),
    "bicycle": (1.8, 3.0),
    "motorcycle": (2.0, 3.2),
    "car": (2.0, 3.2),
    "truck": (1.8, 2.8),
}
"""Within an estate: hardly more than 10 km/h."""
ROOM_M: Final[dict[ObjectClass, float]] = {"person": 0.35, "bicycle": 0.9, "motorcycle": 0.9, "car": 2.2, "truck": 2.9}
"""Around each, nobody else."""
HAIRS: Final = ((30, 30, 35), (40, 55, 80), (140, 140, 145), (200, 205, 205), (40, 40, 160), (150, 90, 40))
END_SHARE: Final = {"person": 0.12, "vehicle": 0.25}
"""Share of a line at each end, in the picture, that nobody passes."""
TRIES: Final = 60
SWAY_M: Final = 0.06
FARTHEST_M: Final = 40.0


@dataclass(frozen=True)
class Wanted:
    """A passage that is to happen: of which line, which way, when, and by what."""

    line_id: str
    direction: Direction
    time_s: float
    party: Party = "one"


@dataclass(frozen=True)
class Stage:
    """Where it happens: the lens, and the lines on its ground, in metres."""

    lens: Lens
    lines: Mapping[str, Segment]


def mixed(
    stage: Stage, duration_s: float, per_minute: float, random: Random, share: Mapping[Party, float] = SHARE
) -> list[Wanted]:
    """Parties of every kind at random times (Poisson), over random lines, both ways."""
    count = int(random.poisson(per_minute * duration_s / 60))
    times = np.sort(random.uniform(2.0, max(2.0, duration_s - 2.0), count)).tolist()
    lines, kinds = sorted(stage.lines), get_args(Party)
    picked = random.choice(len(kinds), count, p=[share[kind] for kind in kinds]).tolist()
    return [
        Wanted(lines[int(random.integers(len(lines)))], 1 if random.random() < 0.5 else -1, time_s, kinds[kind])
        for time_s, kind in zip(times, picked, strict=True)
    ]


def cast(stage: Stage, wanted: Sequence[Wanted], random: Random, *, all_come: bool) -> list[Actor]:
    """Actors whose ways make exactly the wanted passages, and no other.

    Whoever finds no way, or no room between the others, stays away; where `all_come`, that is a UserError.
    """
    actors: list[Actor] = []
    for one in wanted:
        party = _party(stage, one, actors, random)
        if all_come and not party:
            raise UserError(
                f"no way for a {one.party} over {one.line_id} at {one.time_s:.0f} s",
                "draw the line longer and well within the picture, or ask for another time",
            )
        actors += party
    return actors


def _party(stage: Stage, wanted: Wanted, others: Sequence[Actor], random: Random) -> list[Actor]:
    """Try random ways until one does what is wanted without touching anybody; nobody where none does."""
    near = [other for other in others if other.path.times_s[-1] > wanted.time_s - 60]
    for _ in range(TRIES):
        party = [Actor(kind, look_of(kind, random), path) for kind, path in _ways(stage, wanted, random)]
        if all(_does(actor.path, stage, wanted) for actor in party) and not any(
            _touch(actor, other) for actor in party for other in near
        ):
            return party
    return []


def _does(path: Path, stage: Stage, wanted: Wanted) -> bool:
    """Whether the way makes the wanted passage and no other."""
    expected: dict[str, list[Direction]] = {line: [] for line in stage.lines}
    if wanted.party not in ("looper", "passer"):
        expected[wanted.line_id] = [wanted.direction]
    found: dict[str, list[Passage]] = {line: passages(path, ends) for line, ends in stage.lines.items()}
    return {line: [one.direction for one in these] for line, these in found.items()} == expected


def _touch(one: Actor, other: Actor) -> bool:
    """Whether the two come too near to each other; looked at five times a second."""
    start = max(one.path.times_s[0], other.path.times_s[0])
    end = min(one.path.times_s[-1], other.path.times_s[-1])
    room = ROOM_M[one.kind] + ROOM_M[other.kind]
    return any(
        math.dist(one.path.at(time_s), other.path.at(time_s)) < room for time_s in np.arange(start, end, 0.2).tolist()
    )


@dataclass(frozen=True)
class Pace:
    """Who goes how fast, and is at the middle of the way when."""

    kind: ObjectClass
    speed_m_s: float
    time_s: float


def _ways(stage: Stage, wanted: Wanted, random: Random) -> list[tuple[ObjectClass, Path]]:
    kind = VEHICLE.get(wanted.party, "person")
    pace = Pace(kind, random.uniform(*SPEED_M_S[kind]), wanted.time_s)
    if wanted.party in WAYS:
        return [(kind, WAYS[wanted.party](stage, wanted, pace, random))]
    across, turn = _point(stage, wanted, random, kind), _turn(stage, wanted, random)
    path = _through(stage.lens, pace, [across], come=turn, go=turn)
    if wanted.party != "pair":
        return [(kind, path)]
    apart = random.uniform(0.75, 1.0)
    beside = across[0] - turn[1] * apart, across[1] + turn[0] * apart
    return [(kind, path), (kind, _through(stage.lens, pace, [beside], come=turn, go=turn))]


def _point(stage: Stage, wanted: Wanted, random: Random, kind: ObjectClass) -> Place:
    """A point of the line, not too near to its ends as the picture shows it: lines are drawn longer than the way."""
    (ax, ay, _), (bx, by, _) = (stage.lens.spot(*end) for end in stage.lines[wanted.line_id])
    away = END_SHARE["person" if kind == "person" else "vehicle"]
    share = random.uniform(away, 1 - away)
    return stage.lens.place(ax + (bx - ax) * share, ay + (by - ay) * share)


def _normal(stage: Stage, wanted: Wanted) -> Place:
    """The unit vector across the line in the wanted direction (+1: to its right)."""
    (ax, ay), (bx, by) = stage.lines[wanted.line_id]
    length = math.dist((ax, ay), (bx, by))
    return wanted.direction * (by - ay) / length, -wanted.direction * (bx - ax) / length


def _turn(stage: Stage, wanted: Wanted, random: Random, most: float = 0.7) -> Place:
    """A direction across the line, at most `most` radians from straight over it."""
    x, y = _normal(stage, wanted)
    angle = random.uniform(-most, most)
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def _through(
    lens: Lens, pace: Pace, corners: Sequence[Place], *, come: Place, go: Place, waits_s: Sequence[float] = ()
) -> Path:
    """A way from outside the picture over the corners and out of it again, coming and going in these directions.

    `waits_s` are how long each piece between corners takes at least.
    """
    first, last = corners[0], corners[-1]
    entry, leaving = _out_of_view(lens, first, (-come[0], -come[1]), pace.kind), _out_of_view(lens, last, go, pace.kind)
    places = [entry, *corners, leaving]
    takes = [max(0.05, math.dist(a, b) / pace.speed_m_s) for a, b in pairwise(places)]
    for number, wait in enumerate(waits_s):
        takes[number + 1] = max(takes[number + 1], wait)
    times = np.concatenate([[0.0], np.cumsum(takes)])
    times += pace.time_s - times[1 + len(corners) // 2]
    return Path(tuple(times.tolist()), tuple(places))


def _out_of_view(lens: Lens, start: Place, ahead: Place, kind: ObjectClass) -> Place:
    """The first place of a straight way from `start` at which the figure is out of the picture."""
    length, _, height = SIZE_M[kind]
    for step in np.arange(0.25, FARTHEST_M, 0.25).tolist():
        x, y = start[0] + ahead[0] * step, start[1] + ahead[1] * step
        if y < -length or not (_in_picture(lens, x, y, 0.0, length) or _in_picture(lens, x, y, height, length)):
            return x, y
    return start[0] + ahead[0] * FARTHEST_M, start[1] + ahead[1] * FARTHEST_M


def _in_picture(lens: Lens, x: float, y: float, z: float, length: float) -> bool:
    px, py, scale = lens.spot(x, y, z)
    width, height = lens.size_px
    margin = 0.7 * length * scale
    return -margin < px < width + margin and -margin < py < height + margin


def _loiter(stage: Stage, wanted: Wanted, pace: Pace, random: Random) -> Path:
    """Stops on the line, shifts about on it within `SWAY_M` for some seconds, and then goes over."""
    (x, y), turn = _point(stage, wanted, random, "person"), _turn(stage, wanted, random, 0.4)
    (nx, ny), stays = _normal(stage, wanted), int(random.integers(3, 7))
    sway = random.uniform(-SWAY_M, SWAY_M, (stays, 2))
    corners = [(x + nx * a - ny * b * 2, y + ny * a + nx * b * 2) for a, b in sway.tolist()]
    waits = random.uniform(0.8, 2.0, stays - 1).tolist()
    return _through(stage.lens, pace, corners, come=turn, go=turn, waits_s=waits)


def _loop(stage: Stage, wanted: Wanted, pace: Pace, random: Random) -> Path:
    """Comes along beside the line, goes around its end at some distance, and back on its other side."""
    a, b = stage.lines[wanted.line_id]
    end, other = (a, b) if random.random() < 0.5 else (b, a)
    length = math.dist(a, b)
    ox, oy = (end[0] - other[0]) / length, (end[1] - other[1]) / length
    (nx, ny), wide, far = _normal(stage, wanted), random.uniform(0.9, 1.5), random.uniform(0.9, 1.5)
    corners = [
        (end[0] - nx * wide - ox * 0.5, end[1] - ny * wide - oy * 0.5),
        (end[0] + ox * far, end[1] + oy * far),
        (end[0] + nx * wide - ox * 0.5, end[1] + ny * wide - oy * 0.5),
    ]
    ways = (nx + ox, ny + oy), (nx - ox, ny - oy)
    come, go = ((x / math.hypot(x, y), y / math.hypot(x, y)) for x, y in ways)
    return _through(stage.lens, pace, corners, come=come, go=go)


def _pass_by(stage: Stage, wanted: Wanted, pace: Pace, random: Random) -> Path:
    """Walks along the line at some distance, and not over it."""
    (x, y), (nx, ny) = _point(stage, wanted, random, "person"), _normal(stage, wanted)
    aside = random.uniform(0.8, 2.5)
    way = (ny, -nx) if random.random() < 0.5 else (-ny, nx)
    return _through(stage.lens, pace, [(x - nx * aside, y - ny * aside)], come=way, go=way)


WAYS: Final[Mapping[str, Callable[[Stage, Wanted, Pace, Random], Path]]] = {
    "loiterer": _loiter,
    "looper": _loop,
    "passer": _pass_by,
}


def look_of(kind: ObjectClass, random: Random) -> Look:
    """Random colours, and a person's size."""
    upper, lower = ((int(b), int(g), int(r)) for b, g, r in random.integers(15, 240, (2, 3)).tolist())
    size = random.uniform(0.88, 1.08) if kind == "person" else random.uniform(0.95, 1.05)
    return Look(upper, lower, HAIRS[int(random.integers(len(HAIRS)))], size)
