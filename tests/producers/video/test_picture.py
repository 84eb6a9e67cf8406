"""Pictures of troubled cameras, made from a drawn scene and from the real recordings; and what is no trouble."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from infra.events import Picture
from producers.video.picture import FROZEN_MS, HOLD_MS, JUDGE_MS, RECOVER_MS, RELEARN_MS, Judged, is_due, judge, reduced
from producers.video.source import Image
from tests.producers.video.helpers import SHARED

Change = Callable[[Image, float], Image]
"""What becomes of a picture, so many seconds after the trouble began."""

BEFORE_S = 30
STREET = SHARED / "data" / "TUD-Stadtmitte" / "TUD-Stadtmitte.mp4"
PASSAGE = SHARED / "data" / "intel" / "one-by-one-person-detection.mp4"


NOISE = np.random.default_rng(8).normal(0, 1, (1200, 1200, 1)).astype(np.float32)


def noisy(image: Image, sigma: float = 3.0) -> Image:
    """With noise of a sensor; another for each other picture."""
    (height, width), place = image.shape[:2], int(image[::40, ::40].sum())
    noise = NOISE[place % 401 :, place % 397 :][:height, :width]
    return _grey_levels(image + sigma * noise)


def _grey_levels(values: NDArray[np.float32]) -> Image:
    levels: Image = np.clip(values, 0, 255).astype(np.uint8)
    return levels


@cache
def drawn_scene() -> Image:
    """Houses, windows and a pavement, 640 x 480."""
    dice = np.random.default_rng(4)
    image = np.full((480, 640, 3), 150, np.uint8)
    for x in range(0, 640, 80):
        cv2.rectangle(image, (x, int(dice.integers(20, 90))), (x + 78, 260), dice.integers(70, 200, 3).tolist(), -1)
        for y in range(100, 240, 45):
            cv2.rectangle(image, (x + 15, y), (x + 35, y + 28), dice.integers(20, 90, 3).tolist(), -1)
    for x in range(-300, 900, 60):
        cv2.line(image, (320 + x // 4, 265), (320 + x, 480), (90, 90, 90), 3)
    for y in (290, 330, 400):
        cv2.line(image, (0, y), (640, y), (100, 100, 100), 3)
    return image


def drawn(seconds: int) -> Iterator[Image]:
    """The scene with a walker, one picture a second."""
    for second in range(seconds):
        image = drawn_scene().copy()
        x = second * 37 % 640
        cv2.rectangle(image, (x, 280), (x + 30, 380), (40, 60, 30), -1)
        yield noisy(image)


@cache
def frames(recording: Path, fps: int) -> list[Image]:
    """A frame of each second."""
    capture, found = cv2.VideoCapture(str(recording)), list[Image]()
    while (read := capture.read())[0]:
        found.append(read[1])
    return found[::fps]


def filmed(recording: Path, fps: int, seconds: int) -> Iterator[Image]:
    """A real recording, to and fro for as long as is asked."""
    all_frames = frames(recording, fps)
    there_and_back = [*all_frames, *all_frames[-2:0:-1]]
    return (there_and_back[second % len(there_and_back)] for second in range(seconds))


def wants(recording: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not recording.exists(), reason=f"needs {recording} (ANFANG_SHARED)")


SCENES = [
    pytest.param(drawn, id="drawn"),
    pytest.param(partial(filmed, STREET, 25), id="street", marks=wants(STREET)),
    pytest.param(partial(filmed, PASSAGE, 10), id="passage", marks=wants(PASSAGE)),
]


def told(pictures: Iterator[Image], change: Change | None = None, back_s: float = 1e9) -> list[tuple[int, Picture]]:
    """(seconds after the trouble began, what is told from then on)."""
    judged, changes = Judged(), list[tuple[int, Picture]]()
    for second, image in enumerate(pictures):
        since_s = second - BEFORE_S
        troubled = change is not None and 0 <= since_s < back_s
        small = reduced(change(image, since_s) if change is not None and troubled else image)
        after = judge(judged, small, second * 1000)
        if after.told != judged.told:
            changes.append((since_s, after.told))
        judged = after
    return changes


def blur(image: Image, _s: float, sigma: float) -> Image:
    soft: Image = cv2.GaussianBlur(image, (0, 0), sigma)
    return soft


def turned(image: Image, _s: float, degrees: float = 0, share: tuple[float, float] = (0, 0), zoom: float = 1) -> Image:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    matrix[:, 2] += share[0] * width, share[1] * height
    view: Image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return view


def covered(image: Image, _s: float, share: float, grey: int) -> Image:
    """A hand or a bag from the left."""
    hidden = image.copy()
    hidden[:, : int(image.shape[1] * share)] = grey
    return noisy(hidden)


def sprayed(image: Image, _s: float) -> Image:
    return _grey_levels(blur(image, 0, 25) * np.float32(0.6) + 70)


def dark(image: Image, _s: float, gain: float) -> Image:
    return noisy((image * gain).astype(np.uint8), 4)


def dusk(image: Image, since_s: float) -> Image:
    return dark(image, since_s, max(0.15, 1 - since_s / 60))


def lamps(image: Image, _s: float) -> Image:
    """Lamps go on: every part of the picture in light of its own."""
    light = np.random.default_rng(9).uniform(0.15, 1.6, (4, 5)).astype(np.float32)
    field = cv2.resize(light, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)[..., None]
    return noisy(np.clip(image * field * 0.7, 0, 255).astype(np.uint8), 4)


def infrared(image: Image, _s: float) -> Image:
    """The camera changes to infrared: grey, and what was darker may be brighter (by hue)."""
    grey, hue = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.cvtColor(image, cv2.COLOR_BGR2HSV)[..., 0]
    return noisy(np.repeat(np.where(hue > 90, 200 - grey * 0.6, grey * 0.9)[..., None], 3, 2).astype(np.uint8), 4)


def bus(image: Image, since_s: float, stop_s: float) -> Image:
    """A bus of four fifths of the picture passes every minute, and stops in the middle for `stop_s`."""
    height, width = image.shape[:2]
    side = np.full((height - height // 12, width * 4 // 5, 3), (40, 60, 180), np.uint8)
    for x in range(0, side.shape[1], 60):
        cv2.rectangle(side, (x, height // 6), (x + 45, height // 2), (200, 190, 180), -1)
    ride_s = since_s % 60
    moving_s = min(ride_s, 3) + max(0, ride_s - 3 - stop_s)
    left = round(-side.shape[1] + moving_s * 0.3 * width)
    passing = image.copy()
    for_x = range(max(0, left), min(width, left + side.shape[1]))
    if for_x:
        passing[height // 12 :, for_x.start : for_x.stop] = side[:, for_x.start - left : for_x.stop - left]
    return passing


def crowd(image: Image, since_s: float) -> Image:
    """160 people who walk to and fro all over the picture."""
    full, dice = image.copy(), np.random.default_rng(1)
    height, width = image.shape[:2]
    for _ in range(160):
        x, y, speed = dice.uniform(0, width), dice.uniform(height / 10, height), dice.normal(0, width / 16, 2)
        left, top = int((x + speed[0] * since_s) % width), int((y + speed[1] * since_s) % height)
        size = (width // 16, height // 6)
        coat, bag = (dice.integers(0, 255, 3).tolist() for _ in range(2))
        cv2.rectangle(full, (left, top), (left + size[0], top + size[1]), coat, -1)
        cv2.rectangle(full, (left + 8, top + 25), (left + size[0] - 8, top + 40), bag, -1)
    return full


TROUBLES: list[tuple[str, Change]] = [
    ("blurred", partial(blur, sigma=3)),
    ("blurred", partial(blur, sigma=10)),
    ("blurred", sprayed),
    ("moved", partial(turned, share=(0.05, 0.02))),
    ("moved", partial(turned, share=(0.3, 0.1))),
    ("moved", partial(turned, degrees=5)),
    ("moved", partial(turned, degrees=30)),
    ("moved", partial(turned, zoom=1.3)),
    ("covered", partial(covered, share=0.7, grey=60)),
    ("covered", partial(covered, share=0.9, grey=200)),
    ("covered", partial(covered, share=1.0, grey=110)),
    ("black", partial(covered, share=1.0, grey=2)),
]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("expected", "trouble"), TROUBLES)
def test_trouble_is_told_after_the_hold_and_ends_by_itself(
    scene: Callable[[int], Iterator[Image]], expected: Picture, trouble: Change
) -> None:
    changes = told(scene(BEFORE_S + 90), trouble, back_s=60)
    assert [picture for _, picture in changes] == [expected, "ok"]
    (begin_s, _), (end_s, _) = changes
    assert HOLD_MS / 1000 - 1 <= begin_s <= HOLD_MS / 1000 + 20
    assert 60 + RECOVER_MS / 1000 - 1 <= end_s <= 60 + RECOVER_MS / 1000 + 15


NO_TROUBLES: list[Change] = [
    lambda image, _: image,
    partial(blur, sigma=0.7),
    partial(covered, share=0.3, grey=60),
    partial(dark, gain=0.4),
    partial(dark, gain=0.2),
    dusk,
    lamps,
    infrared,
    partial(bus, stop_s=0),
    partial(bus, stop_s=12),
    crowd,
]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("change", NO_TROUBLES)
def test_light_night_people_and_passing_things_are_no_trouble(
    scene: Callable[[int], Iterator[Image]], change: Change
) -> None:
    assert told(scene(BEFORE_S + 70), change) == []


@pytest.mark.parametrize("fps", [10, 1])
@wants(PASSAGE)
def test_the_real_recordings_are_ok_throughout(fps: int) -> None:
    assert told(filmed(PASSAGE, fps, 1_400 // fps)) == []
    if STREET.exists():
        assert told(filmed(STREET, fps, 300)) == []


def test_a_picture_without_the_slightest_change_is_frozen_until_it_moves() -> None:
    still = reduced(drawn_scene())
    judged, when = Judged(), dict[Picture, int]()
    for ms in range(0, FROZEN_MS + 60_000, JUDGE_MS):
        judged = judge(judged, still if ms <= FROZEN_MS + 30_000 else still + np.uint8(ms // 1000 % 2), ms)
        when.setdefault(judged.told, ms)
    assert when == {"ok": 0, "frozen": FROZEN_MS - JUDGE_MS}
    assert judged.told == "ok"


def test_a_camera_that_stays_moved_for_a_day_is_taken_as_it_is() -> None:
    judged = Judged()
    for second, image in enumerate(drawn(BEFORE_S)):
        judged = judge(judged, reduced(image), second * 1000)
    aside = [reduced(noisy(turned(drawn_scene(), 0, 10), 3 + n)) for n in range(2)]
    for second in range(BEFORE_S, BEFORE_S + 60):
        judged = judge(judged, aside[second % 2], second * 1000)
    assert judged.told == "moved"
    judged = msgspec.structs.replace(judged, moved_ms=RELEARN_MS - 30_000)
    for second in range(BEFORE_S + 60, BEFORE_S + 120):
        judged = judge(judged, aside[second % 2], second * 1000)
    assert judged.told == "ok"


def test_it_is_judged_no_more_often_than_need_be() -> None:
    judged = judge(Judged(), reduced(drawn_scene()), 5_000)
    assert is_due(Judged(), 0)
    assert [is_due(judged, ms) for ms in (5_040, 5_000 + JUDGE_MS, 4_000)] == [False, True, True]
