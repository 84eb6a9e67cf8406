"""Frames and their times from files, folders and live cameras; what is wrong is told, and a camera is tried again."""

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from infra.clock import FakeClock
from infra.errors import UserError
from producers.video.source import RETRY_S, Fault, Frame, Image, is_live, live, recording, shown

START_MS = 1_716_768_000_000
FPS = 10.0


def picture(brightness: int) -> Image:
    """One even grey picture."""
    return np.full((48, 64, 3), brightness, np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twenty frames, each brighter than the last."""
    import cv2

    path = tmp_path / "twenty.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (64, 48))
    for number in range(20):
        writer.write(picture(10 * number))
    writer.release()
    return path


def frames(source: Path) -> list[Frame]:
    """All frames of a recording."""
    return [item for item in recording(str(source), START_MS, FPS) if isinstance(item, Frame)]


def test_every_frame_of_a_file_comes_with_its_time(video: Path) -> None:
    found = frames(video)
    assert [frame.event_ms - START_MS for frame in found] == [100 * n for n in range(20)]
    assert [round(float(frame.image.mean()) / 10) for frame in found] == list(range(20))
    assert found[-1].done == 1.0


def test_a_folder_is_read_in_the_order_of_its_numbers_and_bad_frames_are_told(tmp_path: Path) -> None:
    import cv2

    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"f{number}.png"), picture(number * 10))
    (tmp_path / "f3.png").write_bytes(b"")
    (tmp_path / "f4.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not a frame")
    items = list(recording(str(tmp_path), START_MS, FPS))
    assert [(item.event_ms - START_MS, isinstance(item, Frame)) for item in items] == [
        (0, True),
        (100, True),
        (200, False),
        (300, False),
        (400, True),
    ]
    assert [item.lost for item in items if isinstance(item, Fault)] == [1, 1]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [("none.mp4", None, "no such file"), ("empty.mp4", b"", "0 bytes"), ("text.mp4", b"hello" * 500, "not a video")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=expected):
        frames(tmp_path / name)


def test_a_file_that_breaks_off_gives_its_frames_and_says_how_many_are_lost(video: Path, tmp_path: Path) -> None:
    content = bytearray(video.read_bytes())
    begin, size = content.index(b"mdat") + 4, content.index(b"moov") - content.index(b"mdat")
    content[begin + size // 2 : begin + size - 16] = bytes(size - 16 - size // 2)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content)
    items = list(recording(str(cut), START_MS, FPS))
    good = sum(isinstance(item, Frame) for item in items)
    assert 0 < good < 20
    assert [item.lost for item in items if isinstance(item, Fault)] == [20 - good]


def test_an_empty_folder_and_one_without_any_picture_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no frames"):
        frames(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="none of 1 frames"):
        frames(tmp_path)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("rtsp://cam/1", True), ("0", True), ("http://cam/v", True), ("gate.mp4", False), ("frames/0", False)],
)
def test_what_is_live(source: str, expected: bool) -> None:
    assert is_live(source) == expected


class Camera:
    """Gives `count` frames, then ends, or hangs."""

    def __init__(self, count: int, *, hangs: bool = False) -> None:
        self._left, self._hangs, self._never = count, hangs, threading.Event()

    def read(self) -> tuple[bool, Image | None]:
        """One frame."""
        if self._left == 0:
            if self._hangs:
                self._never.wait(5)
            return False, None
        self._left -= 1
        return True, picture(self._left)

    def release(self) -> None:
        """Nothing to close."""


def watch(cameras: list[Camera | None], items: int, hang_s: float = 5.0) -> tuple[list[Frame | Fault], list[float]]:
    """The first items of a camera that is opened as often as listed, and how long was waited between."""
    waits: list[float] = []
    openings: Iterator[Camera | None] = iter(cameras)
    address, clock = "rtsp://me:secret@cam/1", FakeClock(START_MS)
    stream = live(address, clock, opener=lambda _: next(openings), sleep=waits.append, hang_s=hang_s)
    return list(islice(stream, items)), waits


def test_a_camera_that_does_not_answer_is_tried_again_ever_more_slowly() -> None:
    items, waits = watch([None] * 9, 9)
    assert all(isinstance(item, Fault) and item.offline for item in items)
    assert waits == [*RETRY_S, 30.0, 30.0]
    assert all("secret" not in item.reason for item in items if isinstance(item, Fault))


def test_a_camera_that_comes_back_gives_frames_again_and_the_next_wait_is_short() -> None:
    items, waits = watch([None, None, Camera(1), Camera(1)], 6)
    assert [type(item).__name__ for item in items] == ["Fault", "Fault", "Frame", "Fault", "Frame", "Fault"]
    assert waits == [1.0, 2.0, 1.0]


def test_a_camera_that_hangs_is_left() -> None:
    items, _ = watch([Camera(1, hangs=True), None], 3, hang_s=0.2)
    assert [type(item).__name__ for item in items] == ["Frame", "Fault", "Fault"]


class Gated(Camera):
    """One frame, and 49 more as fast as they are read once `go` is set; then it hangs."""

    def __init__(self) -> None:
        super().__init__(50, hangs=True)
        self.go, self.done = threading.Event(), threading.Event()

    def read(self) -> tuple[bool, Image | None]:
        """One frame."""
        if self._left == 49:
            self.go.wait(5)
        if self._left == 0:
            self.done.set()
        return super().read()


def test_frames_that_nobody_took_are_dropped_and_counted() -> None:
    camera = Gated()
    stream = live("0", FakeClock(START_MS), opener=lambda _: camera, sleep=lambda _: None)
    first = next(stream)
    camera.go.set()
    camera.done.wait(5)
    second = next(stream)
    assert isinstance(first, Frame)
    assert isinstance(second, Frame)
    assert (first.dropped, second.dropped) == (0, 48)


def test_a_password_is_not_shown() -> None:
    assert shown("rtsp://me:secret@cam:554/1") == "rtsp://cam:554"
    assert shown("rtsp://10.0.0.7:554/user=admin&password=secret&channel=1") == "rtsp://10.0.0.7:554"
    assert shown("http://cam/video.cgi?user=admin&pwd=secret") == "http://cam"
    assert shown("rtsp://me:se@cret@cam/1") == shown("rtsp://me:se/cret@cam/1") == "rtsp://…"
    assert shown("0") == "0"
