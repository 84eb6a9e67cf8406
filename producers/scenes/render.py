"""A scene and its pictures: the same scene gives the same frames, and beside each frame the boxes of what is in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.events import ObjectClass
from producers.scenes.backdrop import Backdrop, Light, Tree
from producers.scenes.figures import (
    SIZE_M,
    Box,
    Look,
    Pen,
    draw_bicycle,
    draw_car,
    draw_motorcycle,
    draw_person,
    draw_rider,
    draw_truck,
)
from producers.scenes.lens import Lens
from producers.scenes.path import Path
from producers.video.source import Image

LEAST_SHOWN = 0.3
"""Share of a figure's box that must be within the picture, and not behind another, for it to be labelled."""
LEAST_PX = 5.0


@dataclass(frozen=True)
class Actor:
    """Somebody or something that moves through the scene while its path lasts; a cycle has its rider on it."""

    kind: ObjectClass
    look: Look
    path: Path

    @property
    def classes(self) -> tuple[ObjectClass, ...]:
        """What a detector sees in it: a rider is a person and a vehicle."""
        return ("person", self.kind) if self.kind in ("bicycle", "motorcycle") else (self.kind,)


@dataclass(frozen=True)
class Scene:
    """All that a rendered video is made from; `seed` is that of ground and noise."""

    lens: Lens
    light: Light
    actors: Sequence[Actor]
    trees: Sequence[Tree] = ()
    seed: int = 0


@dataclass(frozen=True)
class Labelled:
    """One box (left, top, right, bottom in pixels, within the picture) and what is in it; `actor` is its index."""

    object_class: ObjectClass
    box: Box
    actor: int


@dataclass(frozen=True)
class Rendered:
    """One picture, height x width x 3 (BGR), `time_s` after the scene's start."""

    time_s: float
    image: Image
    boxes: tuple[Labelled, ...]


def rendered(scene: Scene, times_s: Sequence[float]) -> Iterator[Rendered]:
    """The pictures of a scene at these times."""
    backdrop = Backdrop(scene.lens, scene.light, np.random.default_rng([scene.seed, 1]))
    starts = np.array([actor.path.times_s[0] for actor in scene.actors])
    ends = np.array([actor.path.times_s[-1] for actor in scene.actors])
    for number, time_s in enumerate(times_s):
        here = np.flatnonzero((starts <= time_s) & (time_s <= ends)).tolist()
        yield _picture(scene, backdrop, here, time_s, number)


def _picture(scene: Scene, backdrop: Backdrop, here: list[int], time_s: float, number: int) -> Rendered:
    """Ground, shadows, then trees and figures from the furthest to the nearest."""
    import cv2

    image = backdrop.lit.copy()
    mask = np.zeros(image.shape[:2], np.uint8)
    for index in here:
        _shadow(mask, scene, scene.actors[index], time_s)
    cv2.copyTo(backdrop.shaded, mask, image)
    standing: list[tuple[float, int | Tree]] = [(tree.place[1], tree) for tree in scene.trees]
    standing += [(scene.actors[index].path.at(time_s)[1], index) for index in here]
    drawn: list[tuple[Box, Labelled | None]] = []
    for _, one in sorted(standing, key=lambda pair: -pair[0]):
        if isinstance(one, Tree):
            drawn.append((one.draw(image, scene.lens), None))
        else:
            parts = _draw(image, scene.lens, scene.actors[one], time_s)
            drawn += [(box, Labelled(name, box, one)) for name, box in parts]
    boxes = _shown(drawn, scene.lens.size_px)
    return Rendered(time_s, backdrop.exposed(image, time_s, number), boxes)


def _shadow(mask: NDArray[np.uint8], scene: Scene, actor: Actor, time_s: float) -> None:
    """The shadow on the ground of the block that the actor just fits into, into the mask."""
    import cv2

    length, width, height = (one * actor.look.size for one in SIZE_M[actor.kind])
    (x, y), (ux, uy) = actor.path.at(time_s), actor.path.heading(time_s)
    sun_x, sun_y = scene.light.shadow
    feet = 0.5 if actor.kind == "person" else 1.0
    corners = []
    for up, spread in ((0.0, feet), (height, 0.6)):
        for ahead, aside in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            f, s = ahead * length / 2 * spread, aside * width / 2 * spread
            corners.append(scene.lens.spot(x + f * ux - s * uy + up * sun_x, y + f * uy + s * ux + up * sun_y)[:2])
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(np.array(corners)).astype(np.int32)), 255)


def _draw(image: Image, lens: Lens, actor: Actor, time_s: float) -> list[tuple[ObjectClass, Box]]:
    """Draw one actor; the classes and boxes of it and of who rides it."""
    place, heading, walked = actor.path.at(time_s), actor.path.heading(time_s), actor.path.walked_m(time_s)

    def pen() -> Pen:
        return Pen(image, lens, place, heading, actor.look.size)

    body = pen()
    if actor.kind == "person":
        draw_person(body, actor.look, walked)
    elif actor.kind == "car":
        draw_car(body, actor.look)
    elif actor.kind == "truck":
        draw_truck(body, actor.look)
    else:
        (draw_bicycle if actor.kind == "bicycle" else draw_motorcycle)(body, actor.look)
        rider = pen()
        draw_rider(rider, actor.look, walked, pedals=actor.kind == "bicycle")
        return [(actor.kind, body.box), ("person", rider.box)]
    return [(actor.kind, body.box)]


def _shown(drawn: Sequence[tuple[Box, Labelled | None]], size_px: tuple[int, int]) -> tuple[Labelled, ...]:
    """The labels cut to the picture, without what is too small, or hidden behind what was drawn later."""
    width, height = size_px
    kept = []
    for number, (whole, one) in enumerate(drawn):
        cut = max(0.0, whole[0]), max(0.0, whole[1]), min(float(width), whole[2]), min(float(height), whole[3])
        small = cut[2] - cut[0] < LEAST_PX or cut[3] - cut[1] < LEAST_PX
        if one is None or small or _area(cut) < LEAST_SHOWN * _area(whole):
            continue
        nearer = (box for box, other in drawn[number + 1 :] if other is None or other.actor != one.actor)
        if all(_common(cut, box) < (1 - LEAST_SHOWN) * _area(cut) for box in nearer):
            kept.append(Labelled(one.object_class, cut, one.actor))
    return tuple(kept)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _common(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
