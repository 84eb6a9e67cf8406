"""Three persons from the pictures that the ultralytics wheel brings, and a street for them to walk along."""

import importlib.util
from pathlib import Path
from typing import Final

import numpy as np

from producers.video.motion import Image

_WHEEL: Final = importlib.util.find_spec("ultralytics")
PERSONS: Final = {  # picture and box of a person whose face is seen from the front
    "coach": ("zidane.jpg", (750, 40, 1140, 715)),
    "passer": ("bus.jpg", (48, 400, 245, 900)),
    "second": ("bus.jpg", (222, 405, 345, 860)),
}
LEAST_HEIGHT_PX: Final = 660
NO_FACE: Final = ("bus.jpg", (668, 390, 809, 880))
"""A person seen from the side."""


def asset(name: str) -> Image:
    """One of the wheel's pictures, BGR."""
    import cv2

    assert _WHEEL is not None
    assert _WHEEL.origin is not None
    image: Image = cv2.imread(str(Path(_WHEEL.origin).parent / "assets" / name))
    return image


def cut_out(who: str) -> Image:
    """One person with what is around him, enlarged where he is small."""
    import cv2

    name, (left, top, right, bottom) = PERSONS[who]
    person = asset(name)[top:bottom, left:right]
    scale = max(1.0, LEAST_HEIGHT_PX / len(person))
    large: Image = cv2.resize(person, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return large


def street(who: str, x: int | None, size: tuple[int, int] = (1280, 720)) -> Image:
    """A grey street; `who` stands with the left edge at `x`, as large as in his picture, or is not there."""
    width, height = size
    image = np.full((height, width, 3), 150, np.uint8)
    image[: height // 2] = 190
    if x is not None:
        person = cut_out(who)[:height]
        person = person[:, max(0, -x) : max(0, width - x)]
        image[height - len(person) :, max(0, x) : max(0, x) + person.shape[1]] = person
    return image
