"""What stands still in a scene: ground with its texture, painted lines, trees; and the light on it. Seeded."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from producers.scenes.figures import Box, Colour, Pen, shaded
from producers.scenes.lens import Lens, Place
from producers.video.source import Image

SHADE: Final = 0.62
"""Brightness of what lies in the shadow."""
NOISE_PICTURES: Final = 8
GROUNDS: Final[tuple[Colour, ...]] = (
    (112, 114, 116),
    (138, 142, 148),
    (96, 98, 98),
    (126, 140, 152),
    (92, 120, 100),
)
"""Asphalt, concrete, dark asphalt, paving, grass."""
LEAVES: Final[Colour] = (52, 92, 58)
BARK: Final[Colour] = (48, 66, 82)


@dataclass(frozen=True)
class Tree:
    """A young tree: people pass behind it and before it."""

    place: Place
    height_m: float

    def draw(self, image: Image, lens: Lens) -> Box:
        """Trunk and crown; the box of the crown, which hides what is behind it."""
        trunk = self.height_m * 0.6
        Pen(image, lens, self.place, (0.0, 1.0)).limb((0, 0, 0), (0, 0, trunk), 0.16, 0.12, BARK)
        pen = Pen(image, lens, self.place, (0.0, 1.0))
        for n in range(7):
            angle = 2.4 * n
            at = (0.35 * math.cos(angle), 0.35 * math.sin(angle), trunk + 0.12 * n)
            pen.ball(at, 0.42, shaded(LEAVES, 0.75 + 0.07 * n))
        return pen.box


@dataclass(frozen=True)
class Light:
    """The sun and the camera's sensor: metres of shadow per metre of height, slow changes of light, and noise."""

    shadow: Place
    gain: float = 1.0
    swing: float = 0.06
    period_s: float = 47.0
    noise: float = 3.0

    def gain_at(self, time_s: float) -> float:
        """Brightness at a time, 1.0 as painted."""
        return self.gain * (1 + self.swing * math.sin(2 * math.pi * time_s / self.period_s))


class Backdrop:
    """The ground in light and in shadow, and the noise of the sensor, for one lens."""

    def __init__(self, lens: Lens, light: Light, random: np.random.Generator) -> None:
        self._light = light
        self.lit = _ground(lens, random)
        self.shaded = (self.lit * SHADE).astype(np.uint8)
        width, height = lens.size_px
        grains = random.normal(0, light.noise, (NOISE_PICTURES, height, width, 1))
        self._noise = np.repeat(grains, 3, axis=3).astype(np.int16)

    def exposed(self, image: Image, time_s: float, number: int) -> Image:
        """The picture as the sensor gives it: in the light of that time, with noise."""
        import cv2

        bright = cv2.convertScaleAbs(image, alpha=self._light.gain_at(time_s))
        grain = self._noise[(number * 5 + number // NOISE_PICTURES) % NOISE_PICTURES]
        exposed: Image = cv2.add(bright, grain, dtype=cv2.CV_8U)
        return exposed


def _ground(lens: Lens, random: np.random.Generator) -> Image:
    """A main ground, some strips and slabs of others, painted stripes, and a coarse and a fine grain."""
    import cv2

    width, height = lens.size_px
    first, *others = random.permutation(len(GROUNDS)).tolist()
    image = np.full((height, width, 3), GROUNDS[first], np.uint8)
    for number in others[: int(random.integers(1, 4))]:
        _patch(image, lens, random, GROUNDS[number])
    for _ in range(int(random.integers(0, 4))):
        _stripe(image, lens, random)
    coarse = cv2.resize(random.normal(0, 7, (height // 24 + 2, width // 24 + 2)).astype(np.float32), (width, height))
    fine = random.normal(0, 4, (height, width)).astype(np.float32)
    grained: Image = np.clip(image + (coarse + fine)[:, :, None], 0, 255).astype(np.uint8)
    return grained


def _patch(image: Image, lens: Lens, random: np.random.Generator, colour: Colour) -> None:
    """A strip of another ground, somewhere and in some direction."""
    x, y, turn = random.uniform(-8, 8), random.uniform(3, 16), random.uniform(0, math.pi)
    wide, ahead = random.uniform(1, 4), (math.cos(turn), math.sin(turn))
    Pen(image, lens, (x, max(y, wide + 1)), ahead).face(
        [(-30, -wide, 0), (30, -wide, 0), (30, wide, 0), (-30, wide, 0)], shaded(colour, random.uniform(0.85, 1.1))
    )


def _stripe(image: Image, lens: Lens, random: np.random.Generator) -> None:
    """A white or yellow stripe painted on the ground."""
    turn = random.uniform(0, math.pi)
    pen = Pen(image, lens, (random.uniform(-5, 5), random.uniform(4, 14)), (math.cos(turn), math.sin(turn)))
    colour = (215, 215, 215) if random.random() < 0.6 else (60, 190, 215)
    half, wide = random.uniform(0.5, 4), random.uniform(0.05, 0.15)
    pen.face([(-half, -wide, 0), (half, -wide, 0), (half, wide, 0), (-half, wide, 0)], colour)
