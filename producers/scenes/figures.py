"""How persons and vehicles look: each is drawn from a few solid shapes in metres, and its box is what was drawn.

A figure's own coordinates: forward, to its left, and up from the point of the ground that it stands on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from infra.events import ObjectClass
from producers.scenes.lens import Lens, Place
from producers.video.source import Image

Colour = tuple[int, int, int]
Solid = tuple[float, float, float]
Box = tuple[float, float, float, float]

SIZE_M: Final[dict[ObjectClass, Solid]] = {
    "person": (0.5, 0.5, 1.72),
    "bicycle": (1.7, 0.5, 1.6),
    "motorcycle": (1.8, 0.6, 1.5),
    "car": (4.2, 1.8, 1.45),
    "truck": (5.6, 2.1, 2.5),
}
"""Length, width and height, riders included."""
FRACTION_BITS: Final = 4
STRIDE_M: Final = 1.5
TYRE: Final[Colour] = (25, 25, 25)
GLASS: Final[Colour] = (70, 55, 45)
SKIN: Final[Colour] = (120, 150, 200)
HAIR: Final[Colour] = (30, 30, 35)


@dataclass(frozen=True)
class Look:
    """Colours (BGR) of upper and lower part, hair or helmet, and size against the usual."""

    upper: Colour
    lower: Colour
    head: Colour = HAIR
    size: float = 1.0


class Pen:
    """Draws the shapes of one figure at its place and keeps their box (left, top, right, bottom in pixels)."""

    def __init__(self, image: Image, lens: Lens, place: Place, heading: Place, size: float = 1.0) -> None:
        self._image, self._lens, self._place, self._heading, self._size = image, lens, place, heading, size
        self.box: Box = (math.inf, math.inf, -math.inf, -math.inf)

    def spot(self, point: Solid) -> tuple[float, float, float]:
        """Where a point of the figure appears, and the pixels a metre of it has."""
        forward, left, up = (self._size * one for one in point)
        (x, y), (ux, uy) = self._place, self._heading
        px, py, scale = self._lens.spot(x + forward * ux - left * uy, y + forward * uy + left * ux, up)
        return px, py, scale * self._size

    def limb(self, start: Solid, end: Solid, start_m: float, end_m: float, colour: Colour) -> None:
        """A tapered bar from one point to another, `start_m` and `end_m` thick, as seen from any side."""
        (x0, y0, scale0), (x1, y1, scale1) = self.spot(start), self.spot(end)
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        across_x, across_y = (y0 - y1) / length / 2, (x1 - x0) / length / 2
        a, b = start_m * scale0, end_m * scale1
        self._fill(
            [
                (x0 + across_x * a, y0 + across_y * a),
                (x1 + across_x * b, y1 + across_y * b),
                (x1 - across_x * b, y1 - across_y * b),
                (x0 - across_x * a, y0 - across_y * a),
            ],
            colour,
        )

    def ball(self, centre: Solid, radius_m: float, colour: Colour) -> None:
        """A ball."""
        import cv2

        x, y, scale = self.spot(centre)
        radius = max(0.6, radius_m * scale)
        whole = 1 << FRACTION_BITS
        middle = round(x * whole), round(y * whole)
        cv2.circle(self._image, middle, round(radius * whole), colour, cv2.FILLED, cv2.LINE_AA, FRACTION_BITS)
        self._grow(x - radius, y - radius, x + radius, y + radius)

    def face(self, corners: Sequence[Solid], colour: Colour) -> None:
        """A flat convex face."""
        self._fill([self.spot(corner)[:2] for corner in corners], colour)

    def wheel(self, forward: float, left: float, radius_m: float, colour: Colour, rim_m: float | None = None) -> None:
        """An upright wheel on the ground: a disc, or a ring `rim_m` thick."""
        turns = [2 * math.pi * n / 12 for n in range(12)]
        points = [(forward + radius_m * math.cos(a), left, radius_m + radius_m * math.sin(a)) for a in turns]
        if rim_m is None:
            self.face(points, colour)
        else:
            for a, b in zip(points, points[1:] + points[:1], strict=True):
                self.limb(a, b, rim_m, rim_m, colour)

    def block(self, low: Solid, high: Solid, colour: Colour, side: Colour | None = None) -> None:
        """An upright box between two corners, its faces shaded; `side` is the colour of the upright ones."""
        (f0, l0, u0), (f1, l1, u1) = low, high
        upright = side or colour
        faces = [
            ((f0, 0.0), [(f0, l0, u0), (f0, l1, u0), (f0, l1, u1), (f0, l0, u1)], (-1.0, 0.0), 0.7),
            ((f1, 0.0), [(f1, l0, u0), (f1, l1, u0), (f1, l1, u1), (f1, l0, u1)], (1.0, 0.0), 0.8),
            ((0.0, l0), [(f0, l0, u0), (f1, l0, u0), (f1, l0, u1), (f0, l0, u1)], (0.0, -1.0), 0.62),
            ((0.0, l1), [(f0, l1, u0), (f1, l1, u0), (f1, l1, u1), (f0, l1, u1)], (0.0, 1.0), 0.88),
        ]
        for (forward, left), corners, (ahead, aside), light in faces:
            if self._towards_camera(forward, left, ahead, aside):
                self.face(corners, shaded(upright, light))
        self.face([(f0, l0, u1), (f1, l0, u1), (f1, l1, u1), (f0, l1, u1)], colour)

    def _towards_camera(self, forward: float, left: float, ahead: float, aside: float) -> bool:
        """Whether an upright face through this point shows itself; the camera is above the ground's origin."""
        (x, y), (ux, uy) = self._place, self._heading
        camera_forward, camera_left = -(x * ux + y * uy), x * uy - y * ux
        return (camera_forward - forward) * ahead + (camera_left - left) * aside > 0

    def _fill(self, corners: Sequence[tuple[float, float]], colour: Colour) -> None:
        import cv2

        points = np.asarray(corners)
        whole = np.round(points * (1 << FRACTION_BITS)).astype(np.int32)
        cv2.fillConvexPoly(self._image, whole, colour, cv2.LINE_AA, FRACTION_BITS)
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        self._grow(min(xs), min(ys), max(xs), max(ys))

    def _grow(self, left: float, top: float, right: float, bottom: float) -> None:
        a, b, c, d = self.box
        self.box = min(a, left), min(b, top), max(c, right), max(d, bottom)


def shaded(colour: Colour, light: float) -> Colour:
    """The colour with more or less light on it."""
    blue, green, red = (min(255, int(one * light)) for one in colour)
    return blue, green, red


def draw_person(pen: Pen, look: Look, walked_m: float) -> None:
    """Somebody on foot; legs and arms swing with the metres walked."""
    swing = math.sin(2 * math.pi * walked_m / STRIDE_M)
    for side in (-1, 1):
        step, lift = 0.34 * swing * side, 0.05 * max(0.0, math.cos(2 * math.pi * walked_m / STRIDE_M) * side)
        pen.limb((0, 0.09 * side, 0.92), (step, 0.09 * side, 0.05 + lift), 0.2, 0.13, look.lower)
        pen.limb((step - 0.05, 0.09 * side, 0.03 + lift), (step + 0.17, 0.09 * side, 0.03 + lift), 0.08, 0.07, TYRE)
    _arms(pen, look, swing)
    pen.limb((0, 0, 0.85), (0, 0, 1.45), 0.34, 0.42, look.upper)
    _head(pen, look, (0.03, 0, 1.6))


def _arms(pen: Pen, look: Look, swing: float) -> None:
    for side in (-1, 1):
        hand = (-0.26 * swing * side, 0.27 * side, 0.82)
        pen.limb((0, 0.22 * side, 1.42), hand, 0.13, 0.09, shaded(look.upper, 0.8))
        pen.ball(hand, 0.05, SKIN)


def _head(pen: Pen, look: Look, at: Solid) -> None:
    pen.ball(at, 0.12, SKIN)
    pen.ball((at[0] - 0.03, at[1], at[2] + 0.04), 0.11, look.head)


def draw_bicycle(pen: Pen, look: Look) -> None:
    """A bicycle without its rider."""
    for forward in (-0.52, 0.52):
        pen.wheel(forward, 0, 0.33, TYRE, 0.06)
    bars: list[tuple[Solid, Solid]] = [
        ((-0.52, 0, 0.33), (-0.15, 0, 0.85)),
        ((-0.52, 0, 0.33), (0.0, 0, 0.3)),
        ((0.0, 0, 0.3), (-0.15, 0, 0.85)),
        ((0.0, 0, 0.3), (0.42, 0, 0.8)),
        ((-0.13, 0, 0.78), (0.42, 0, 0.8)),
        ((0.52, 0, 0.33), (0.4, 0, 1.0)),
    ]
    for start, end in bars:
        pen.limb(start, end, 0.06, 0.06, look.lower)
    pen.limb((0.4, -0.26, 1.0), (0.4, 0.26, 1.0), 0.05, 0.05, TYRE)


def draw_motorcycle(pen: Pen, look: Look) -> None:
    """A motorcycle or e-bike without its rider: small wheels, a closed body with a footboard, a shield in front."""
    for forward in (-0.6, 0.62):
        pen.wheel(forward, 0, 0.24, TYRE)
    pen.block((-0.85, -0.16, 0.35), (0.0, 0.16, 0.78), look.lower)
    pen.block((0.0, -0.16, 0.2), (0.4, 0.16, 0.32), shaded(look.lower, 0.7))
    pen.block((0.4, -0.2, 0.25), (0.58, 0.2, 1.0), look.lower)
    pen.limb((0.42, -0.32, 1.05), (0.42, 0.32, 1.05), 0.07, 0.07, TYRE)


def draw_rider(pen: Pen, look: Look, walked_m: float, *, pedals: bool) -> None:
    """Who sits on it, hands at the bar; on a bicycle the feet go round."""
    turn = walked_m / 0.7 if pedals else 0.0
    for side in (-1, 1):
        foot = (
            (0.02 + 0.16 * side * math.cos(turn), 0.1 * side, 0.32 + 0.16 * side * math.sin(turn))
            if pedals
            else (0.25, 0.14 * side, 0.35)
        )
        knee = ((foot[0] - 0.15) / 2 + 0.18, 0.11 * side, (foot[2] + 0.95) / 2 + 0.08)
        pen.limb((-0.15, 0.09 * side, 0.92), knee, 0.2, 0.16, shaded(look.lower, 0.8))
        pen.limb(knee, foot, 0.15, 0.12, shaded(look.lower, 0.8))
    for side in (-1, 1):
        pen.limb((0.08, 0.2 * side, 1.38), (0.4, 0.24 * side, 1.04), 0.12, 0.09, shaded(look.upper, 0.8))
    pen.limb((-0.15, 0, 0.88), (0.08, 0, 1.45), 0.34, 0.42, look.upper)
    _head(pen, look, (0.14, 0, 1.6))


def draw_car(pen: Pen, look: Look) -> None:
    """A car."""
    _wheels(pen, (-1.3, 1.3), 0.9, 0.32)
    pen.block((-2.1, -0.88, 0.28), (2.1, 0.88, 0.85), look.upper)
    pen.block((-1.5, -0.78, 0.85), (0.9, 0.78, 1.42), look.upper, GLASS)
    _wheels(pen, (-1.3, 1.3), 0.9, 0.32, near_only=True)


def draw_truck(pen: Pen, look: Look) -> None:
    """A light truck: the cab in front, a tall box behind; whichever is further away is drawn first."""
    _wheels(pen, (-1.8, 1.8), 1.05, 0.42)
    parts = [((-2.8, -1.05, 0.6), (1.1, 1.05, 2.5), look.lower), ((1.25, -1.0, 0.4), (2.8, 1.0, 1.95), look.upper)]
    parts.sort(key=lambda part: pen.spot(((part[0][0] + part[1][0]) / 2, 0, 0))[2])
    for low, high, colour in parts:
        pen.block(low, high, colour)
        if colour is look.upper:
            pen.face([(2.82, -0.85, 1.25), (2.82, 0.85, 1.25), (2.82, 0.8, 1.85), (2.82, -0.8, 1.85)], GLASS)
    _wheels(pen, (-1.8, 1.8), 1.05, 0.42, near_only=True)


def _wheels(pen: Pen, at: tuple[float, float], side_m: float, radius_m: float, *, near_only: bool = False) -> None:
    """Four wheels, or the two on the side that is nearer to the camera."""
    sides = sorted((-side_m, side_m), key=lambda left: pen.spot((0, left, 0))[2])
    for left in sides[1:] if near_only else sides:
        for forward in at:
            pen.wheel(forward, left, radius_m, TYRE)
