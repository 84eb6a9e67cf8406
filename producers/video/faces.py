"""Whose face was here before today? The best picture of each track, and the gallery of the day. Pure, in memory only.

A track is worth one picture: the largest, sharpest and surest of its head. What `producers/video/recognise.py` makes of
it is a vector (embedding) that meets the gallery of the local day here. Out comes a random token, the same for the
same person until midnight; it says nothing of the face, since it is not made from it. Pictures and vectors go nowhere
else: this module imports nothing that writes, logs or sends.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from infra.clock import local_day
from producers.video.geometry import JOIN_MS, Floats, Seen
from producers.video.motion import Image

HEAD_PX: Final = 256
"""A head's picture is brought down to so many pixels a side; it is never blown up."""
LEAST_WIDTH_PX: Final = 60
"""Somebody less wide in the picture has a face of some 15 pixels: nothing to know again."""
SHARPNESS_PX: Final = 64
DECIDE_MS: Final = 5_000
"""A track's picture is chosen when the track ends, or when it has been looked at for so long."""
SAME_PERSON: Final = 0.6
"""Euclidean distance below which two faces are one person's: "the decision threshold the network was trained to use",
with which it is right on 99.13 % of LFW's pairs (dlib, examples/dnn_face_recognition_ex.cpp, without jitter); deepface
has the same in `config/threshold.py`, but aligns faces in its own way.
"""
VECTOR: Final = 128
GALLERY_FACES: Final = 10_000
TOKEN_BYTES: Final = 8


@dataclass(frozen=True)
class Head:
    """The picture (BGR) of a track's head at `event_ms`, and how good it is; never shown by `repr`."""

    track: int
    event_ms: int
    image: Image
    quality: float

    def __repr__(self) -> str:
        return f"Head(track={self.track})"


def head_of(image: Image, box: tuple[float, float, float, float]) -> Image | None:
    """The upper end of a person's box, as high as it is wide, as a copy of its own; None where it is too small."""
    import cv2

    height, width = image.shape[:2]
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(width, int(box[2])), min(height, int(box[3]))
    side = right - left
    if side < LEAST_WIDTH_PX or bottom - top < LEAST_WIDTH_PX:
        return None
    head: Image = image[top : min(bottom, top + side), left:right]
    scale = HEAD_PX / max(head.shape[:2])
    if scale >= 1:
        return head.copy()
    small: Image = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return small


def quality(head: Image, confidence: float) -> float:
    """How much there is to see: size in pixels times sharpness times the detector's confidence; for comparing only.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) at one size for all. Whether the face
    is seen from the front is judged later, by a detector that finds no others.
    """
    import cv2

    grey = cv2.cvtColor(
        cv2.resize(head, (SHARPNESS_PX, SHARPNESS_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY
    )
    sharpness = float(np.var(cv2.Laplacian(grey, cv2.CV_64F)))
    size: int = min(head.shape[:2])
    return sharpness * size * confidence


@dataclass
class _Track:
    """A track while it is in view: when it was last seen, and its best head so far."""

    last_ms: int
    first_ms: int | None = None
    best: Head | None = None
    decided: bool = False


class BestHeads:
    """Keeps the best head of each person of one camera, a single one each, until it is chosen or the day is over."""

    def __init__(self, size_px: tuple[int, int], tz: ZoneInfo) -> None:
        self._size_px, self._tz = size_px, tz
        self._tracks: dict[int, _Track] = {}
        self._day: date | None = None

    def look(self, event_ms: int, image: Image, seen: Sequence[Seen]) -> None:
        """Take a better look at who is in the picture; boxes are in pixels of `size_px`, whatever the picture's."""
        self._begin(event_ms)
        scale = image.shape[1] / self._size_px[0]
        for one in seen:
            if one.object_class != "person":
                continue
            track = self._tracks.setdefault(one.track, _Track(event_ms))
            track.last_ms = event_ms
            if not track.decided:
                _look(track, event_ms, image, one, scale)

    def chosen(self, event_ms: int, *, at_end: bool = False) -> list[Head]:
        """The heads whose time has come, each once; with `at_end` all that are left."""
        self._begin(event_ms)
        heads = []
        for name, track in list(self._tracks.items()):
            gone = at_end or event_ms - track.last_ms > JOIN_MS
            if track.best is not None and (gone or event_ms - (track.first_ms or 0) >= DECIDE_MS):
                heads.append(track.best)
                track.best, track.decided = None, True
            if gone:
                del self._tracks[name]
        return heads

    def _begin(self, event_ms: int) -> None:
        """What was kept of yesterday is dropped."""
        day = local_day(event_ms, self._tz)
        if day != self._day:
            self._tracks, self._day = {}, day


def _look(track: _Track, event_ms: int, image: Image, seen: Seen, scale: float) -> None:
    left, top, right, bottom = (edge * scale for edge in seen.box)
    head = head_of(image, (left, top, right, bottom))
    if head is None:
        return
    track.first_ms = event_ms if track.first_ms is None else track.first_ms
    good = quality(head, seen.confidence)
    if track.best is None or good > track.best.quality:
        track.best = Head(seen.track, event_ms, head, good)


def random_token() -> str:
    """A token that nothing can be read from; begins with a letter, so that nobody takes it for a number."""
    return f"v{secrets.token_hex(TOKEN_BYTES)}"


class Gallery:
    """The faces of one local day and their tokens. There is no key to steal: a token is drawn, not derived."""

    def __init__(self, faces: int = GALLERY_FACES, new_token: Callable[[], str] = random_token) -> None:
        self._vectors: Floats = np.zeros((faces, VECTOR), np.float64)
        self._tokens: list[str] = []
        self._new_token = new_token
        self._day: date | None = None

    def __len__(self) -> int:
        return len(self._tokens)

    def token(self, day: date, face: NDArray[np.float64]) -> str | None:
        """The token of the nearest face of the day within `SAME_PERSON`, else a new one.

        None where the gallery is full, and for a face of a day that is over.
        """
        if self._day is not None and day < self._day:
            return None
        self.begin(day)
        known = len(self._tokens)
        distances = np.linalg.norm(self._vectors[:known] - face, axis=1)
        if known and distances.min() < SAME_PERSON:
            return self._tokens[int(distances.argmin())]
        if known == len(self._vectors):
            return None
        self._vectors[known] = face
        self._tokens.append(self._new_token())
        return self._tokens[known]

    def begin(self, day: date) -> None:
        """A day has begun: what is known of any other is forgotten."""
        if day != self._day:
            self.forget()
            self._day = day

    def forget(self) -> None:
        """Overwrite the vectors and drop the tokens."""
        self._vectors.fill(0.0)
        self._tokens.clear()
