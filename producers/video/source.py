"""Frames with their event times, from a video file, a folder of frames, or a live camera (RTSP, HTTP, USB).

A recording gives every frame. A live camera gives its latest frame: what came while the last one was worked on is
dropped, and counted. A recording that cannot be read is a UserError; a live camera that cannot is a `Fault`, and is
tried again after 1, 2, 4, … 30 s.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from infra.clock import Clock
from infra.errors import UserError

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

Image = NDArray[np.uint8]

PICTURES: Final = (".jpg", ".jpeg", ".png", ".bmp")
RETRY_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
HANG_S: Final = 10.0
"""A live camera that gives no frame for so long is closed and opened again."""


@dataclass(frozen=True)
class Frame:
    """One picture, height x width x 3 (BGR); `dropped` frames came between the last one and this.

    `done` is the share of the recording up to here, as far as it is known.
    """

    event_ms: int
    image: Image
    dropped: int = 0
    done: float = 0.0


@dataclass(frozen=True)
class Fault:
    """Frames that could not be had: `lost` of a recording, or (`offline`) a live camera that does not answer."""

    event_ms: int
    reason: str
    lost: int = 0
    offline: bool = False


class Capture(Protocol):
    """What we use of `cv2.VideoCapture`."""

    def read(self) -> tuple[bool, Image | None]:
        """(whether there was a frame, the frame)."""
        ...

    def release(self) -> None:
        """Close it."""
        ...


def is_live(source: str) -> bool:
    """Whether the source is a camera and not a recording."""
    return source.isdecimal() or bool(re.match(r"(rtsps?|https?|rtmp|udp)://", source))


def shown(source: str) -> str:
    """The source for messages: of a camera's address no more than the host, for passwords stand anywhere in it."""
    if not is_live(source) or source.isdecimal():
        return source
    plain = re.fullmatch(r"(\w+://)(?:[^/?@]*@)?([\w.:\[\]-]+)(?:[/?][^@]*)?", source)
    return f"{plain[1]}{plain[2]}" if plain else f"{source.partition('://')[0]}://…"


def recording(source: str, start_ms: int, fps: float) -> Iterator[Frame | Fault]:
    """Every frame of a file, or of a folder at `fps`; frame 0 is at `start_ms`. UserError if none can be read."""
    path = Path(source)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder", "give a video, a folder of frames, or rtsp://… of a camera")
    if path.is_dir():
        yield from _folder(path, start_ms, fps)
    else:
        yield from _file(path, start_ms)


def _folder(path: Path, start_ms: int, fps: float) -> Iterator[Frame | Fault]:
    import cv2

    files = sorted((file for file in path.iterdir() if file.suffix.lower() in PICTURES), key=_natural)
    if not files:
        raise UserError(f"{path}: no frames in this folder", f"put {', '.join(PICTURES)} files there, in order by name")
    bad = 0
    for number, file in enumerate(files):
        event_ms = start_ms + round(number * 1000 / fps)
        content = np.fromfile(file, np.uint8)
        image: Image | None = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
        if image is None:
            bad += 1
            yield Fault(event_ms, f"{file.name} is not a picture", lost=1)
        else:
            yield Frame(event_ms, image, done=(number + 1) / len(files))
    if bad == len(files):
        raise UserError(f"{path}: none of {bad} frames can be read", "look whether the files are pictures at all")


def _natural(file: Path) -> list[tuple[int, str]]:
    """Order frame_2 before frame_10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.name)]


def _file(path: Path, start_ms: int) -> Iterator[Frame | Fault]:
    import cv2

    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)", "copy the recording again")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise UserError(f"{path}: not a video that can be read", "look whether it plays, or convert it to H.264 in MP4")
    expected, read, event_ms, first = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0, start_ms - 1, 0.0
    try:
        while True:
            ok, image = capture.read()
            if not ok or image is None:
                break
            position = capture.get(cv2.CAP_PROP_POS_MSEC)
            first = position if read == 0 else first  # files cut out of longer ones do not begin at 0
            read += 1
            event_ms = max(event_ms + 1, start_ms + round(position - first))
            yield Frame(event_ms, image, done=min(1.0, read / max(1, expected)))
    finally:
        capture.release()
    if read == 0:
        raise UserError(f"{path}: no frame can be decoded", "its codec is not known or it is cut: convert it to H.264")
    if read < expected:
        yield Fault(event_ms, f"{path}: {expected - read} of {expected} frames cannot be decoded", lost=expected - read)


class _Latest:
    """Reads a capture on a thread of its own and keeps the latest frame only."""

    def __init__(self, capture: Capture, clock: Clock) -> None:
        self._capture, self._clock = capture, clock
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while not self._ended:
            ok, image = self._capture.read()
            with self._changed:
                if not ok or image is None:
                    self._ended = True
                else:
                    dropped = 0 if self._frame is None else self._frame.dropped + 1
                    self._frame = Frame(self._clock.now_ms(), image, dropped)
                self._changed.notify()
        self._capture.release()

    def take(self, timeout_s: float) -> Frame | None:
        """The latest frame not taken yet; None when the camera has stopped or hangs."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._ended, timeout_s)
            frame, self._frame = self._frame, None
            return frame

    def stop(self) -> None:
        """End the thread after its next frame; it may hang in the driver, so nobody waits for it."""
        self._ended = True


def open_camera(source: str) -> Capture | None:
    """The camera's stream, or None if it does not answer in time."""
    import cv2

    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(HANG_S * 1000), cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(HANG_S * 1000)]
    capture = cv2.VideoCapture(int(source)) if source.isdecimal() else cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        return None
    opened: Capture = capture
    return opened


def live(
    source: str,
    clock: Clock,
    *,
    opener: Callable[[str], Capture | None] = open_camera,
    sleep: Callable[[float], object] = time.sleep,
    hang_s: float = HANG_S,
) -> Iterator[Frame | Fault]:
    """The latest frames of a live camera, without end; between them a `Fault` for each time it could not be had."""
    failures = 0
    while True:
        capture = opener(source)
        reason = f"{shown(source)} does not answer"
        if capture is not None:
            latest = _Latest(capture, clock)
            try:
                while (frame := latest.take(hang_s)) is not None:
                    failures, reason = 0, f"{shown(source)} has stopped"
                    yield frame
            finally:
                latest.stop()
        yield Fault(clock.now_ms(), reason, offline=True)
        sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
        failures += 1
