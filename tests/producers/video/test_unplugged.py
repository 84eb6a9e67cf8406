"""Real sources that fail, each beside a healthy one: said, told as health, tried again; the other is as if alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from infra.clock import SystemClock
from infra.events import Health
from producers.video.fleet import Fleet, Member
from producers.video.source import Fault, Frame, Image, live, recording, shown
from tests.producers.helpers import MemorySink
from tests.producers.video.helpers import START_MS, judged, site_with_view, street, walk
from tests.producers.video.rtsp import PASSWORD, h264_rtsp
from tests.producers.video.streams import mjpeg, silent_rtsp
from tests.producers.video.test_fleet import by_boot, find_nothing, member

SITE = site_with_view()


def health(sink: MemorySink, boot: str) -> list[Health]:
    """The health that one camera told."""
    return [envelope.health for envelope in judged(sink, SITE) if envelope.health and envelope.boot_id == boot]


def beside_a_healthy_one(bad: Sequence[Member], sink: MemorySink) -> list[str]:
    """Run them beside a healthy recording, which must tell what it tells alone; what was said."""
    said: list[str] = []
    alone = MemorySink()
    Fleet([member("good", iter(walk()), alone)], find_nothing, print).run()
    totals = Fleet([member("good", iter(walk()), sink), *bad], find_nothing, said.append).run()
    assert by_boot(sink)["good"] == by_boot(alone)["good"]
    assert totals["good"].failed is None
    return said


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A short recording."""
    import cv2

    path = tmp_path / "whole.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("fault", ["corrupt", "empty", "codec", "missing"])
def test_a_file_that_cannot_be_read(video: Path, tmp_path: Path, fault: str) -> None:
    whole, path = video.read_bytes(), tmp_path / f"{fault}.mp4"
    assert whole.count(b"mp4v") == 1
    contents = {
        "corrupt": whole[: len(whole) // 3],  # the index of an MP4 is at its end
        "empty": b"",
        "codec": whole.replace(b"mp4v", b"zzzz").replace(b"esds", b"zzzz"),
    }
    if fault in contents:
        path.write_bytes(contents[fault])
    sink = MemorySink()
    (said,) = beside_a_healthy_one([member("bad", recording(str(path), START_MS, 25), sink)], sink)
    assert said.startswith(f"bad: {path}: ")
    assert "\n  do: " in said
    assert [one.online for one in health(sink, "bad")] == [False]


def test_a_folder_with_an_empty_frame(tmp_path: Path) -> None:
    import cv2

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), street(None))
    (tmp_path / "1.png").write_bytes(b"")
    sink = MemorySink()
    said = beside_a_healthy_one([member("bad", recording(str(tmp_path), START_MS, 25), sink)], sink)
    assert said == ["bad: 1.png is not a picture"]
    assert [(one.online, one.decode_errors) for one in health(sink, "bad")] == [(True, 1)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that does not answer is given up after a second."""
    monkeypatch.setattr("producers.video.source.HANG_S", 1.0)


@pytest.mark.usefixtures("impatient")
def test_an_rtsp_camera_that_accepts_and_never_answers() -> None:
    sink, waits = MemorySink(), list[float]()
    with silent_rtsp() as address:
        items = islice(live(address, SystemClock(), sleep=waits.append), 2)
        said = beside_a_healthy_one([member("bad", items, sink, live=True)], sink)
    assert len(said) == 1
    assert said[0].startswith("bad: rtsp://127.0.0.1")
    assert said[0].endswith("does not answer; trying again")
    assert waits == [1.0]
    assert [one.online for one in health(sink, "bad")] == [False]


Camera = Callable[[list[list[Image]]], AbstractContextManager[str]]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("camera", [mjpeg, h264_rtsp])
def test_a_stream_that_stops_midway_and_comes_back(camera: Camera) -> None:
    sink, waits, seen = MemorySink(), list[float](), list[Frame | Fault]()

    def until_it_is_back(address: str) -> Iterator[Frame | Fault]:
        for item in live(address, SystemClock(), sleep=waits.append):
            seen.append(item)
            yield item
            if isinstance(item, Frame) and any(isinstance(one, Fault) for one in seen):
                return

    pictures = [street(x) for x in range(200, 240, 4)]
    with camera([pictures, pictures]) as address:
        said = beside_a_healthy_one([member("bad", until_it_is_back(address), sink, live=True)], sink)
    kinds = [type(item) for item in seen]
    assert kinds == [*[Frame] * (len(kinds) - 2), Fault, Frame]
    assert len(kinds) > 2
    assert said == [f"bad: {shown(address)} has stopped; trying again"]
    assert PASSWORD not in said[0]
    assert waits == [1.0]
    assert not health(sink, "bad")[-1].online  # back is told after a while of frames: test_presence.py


def test_what_an_rtsp_camera_shows_is_what_arrives() -> None:
    sent = [street(x) for x in (150, 300)]
    for picture in sent:
        with h264_rtsp([[picture] * 30]) as address:
            frame = next(live(address, SystemClock()))
        assert isinstance(frame, Frame)
        off = [np.abs(frame.image.astype(int) - other.astype(int)).mean() for other in sent]
        assert off[0 if picture is sent[0] else 1] == min(off) < 3.0


def test_an_rtsp_camera_with_another_password_is_told_without_it() -> None:
    with h264_rtsp([[street(200)]]) as address:
        (item,) = islice(live(address.replace(PASSWORD, "wrong"), SystemClock(), sleep=lambda _: None), 1)
    assert isinstance(item, Fault)
    assert item.offline
    assert "wrong" not in item.reason


def test_a_stream_that_is_gone_is_tried_ever_more_slowly() -> None:
    waits: list[float] = []
    with mjpeg([]) as address:
        items = list(islice(live(address, SystemClock(), sleep=waits.append), 4))
    assert all(isinstance(item, Fault) and item.offline for item in items)
    assert waits == [1.0, 2.0, 4.0]
