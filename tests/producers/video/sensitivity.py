"""How much the errors depend on the values that were tuned: each over a grid, on the recordings with truth at hand.

`python -m tests.producers.video.sensitivity` prints the table of `docs/camera.md` anew. The detector looks once at
each frame; the rest is done anew for each value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Final
from unittest.mock import patch

import numpy as np

from producers.video import geometry, tell, track
from producers.video.detect import Detector, Floats
from producers.video.geometry import Joined, Seen, join
from producers.video.source import Frame, recording
from tests.producers.video.helpers import WEIGHTS
from tests.producers.video.test_street import FPS, LINES, SIZE, VIDEO, Outcome, crossed, true_frames

GRIDS: Final[tuple[tuple[ModuleType, str, tuple[float, ...]], ...]] = (
    (geometry, "JOIN_REACH", (0.3, 0.4, 0.5, 0.6, 0.8)),
    (track, "NEW", (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)),
    (tell, "HOLD_MS", (0, 250, 500, 750, 1000, 1250, 1500)),
    (tell, "BORDER", (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04)),
)


@dataclass(frozen=True)
class Clip:
    """A recording as the detector sees it, and what truly was there."""

    name: str
    fps: float
    found: list[Floats]
    true: list[list[Seen]]

    def truth(self) -> Outcome:
        """Persons and crossings of the true boxes."""
        return Outcome(np.array([len(frame) for frame in self.true]), crossed(self.true))

    def ours(self) -> Outcome:
        """The same of our tracks."""
        tracker, joined = track.Tracker(self.fps), Joined()
        blank = Frame(0, np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
        frames, persons = [], []
        for number, found in enumerate(self.found):
            event_ms = round(number * 1000 / self.fps)
            joined, told = join(joined, tracker.follow(found, blank), event_ms)
            frames.append([seen for seen in told if seen.object_class == "person"])
            persons.append(len(tell.visible(joined, event_ms, SIZE)))
        return Outcome(np.array(persons), crossed(frames))


def clips() -> Iterator[Clip]:
    """The street as it is, at lower rates, and in a mirror, where the detector finds other boxes."""
    detector = Detector(WEIGHTS)
    images = [item.image for item in recording(str(VIDEO), 0, FPS) if isinstance(item, Frame)]
    found, true = [detector.find([image])[0] for image in images], true_frames()
    looked = [detector.find([np.ascontiguousarray(image[:, ::-1])])[0] for image in images]
    yield Clip("street", FPS, found, true)
    yield Clip("street, every second frame", FPS / 2, found[::2], true[::2])
    yield Clip("street, every fourth frame", FPS / 4, found[::4], true[::4])
    yield Clip("street, mirrored", FPS, looked, [[_mirrored(seen) for seen in f] for f in true])


def _mirrored(seen: Seen) -> Seen:
    left, top, right, bottom = seen.box
    return Seen(seen.track, (SIZE[0] - right, top, SIZE[0] - left, bottom), seen.object_class, seen.confidence)


def row(clip: Clip, truth: Outcome) -> str:
    """Persons per frame off, and crossings wrong over all lines."""
    ours = clip.ours()
    return f"{ours.persons_off(truth):.2f}, {ours.crossings_off(truth, tuple(LINES))}"


def table(clips: Sequence[Clip]) -> str:
    """For each value of each grid, the errors on each clip; the value in use is marked."""
    truths = [clip.truth() for clip in clips]
    head = f"| | {' | '.join(clip.name for clip in clips)} |\n|{' --- |' * (len(clips) + 1)}"
    lines = [head]
    for module, name, values in GRIDS:
        for value in values:
            mark = "**" if value == getattr(module, name) else ""
            with patch.object(module, name, value):
                cells = [row(clip, truth) for clip, truth in zip(clips, truths, strict=True)]
            lines.append(f"| {mark}{name} {value}{mark} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(list(clips())))
