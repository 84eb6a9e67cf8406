"""Many cameras in one process: each as if alone, none held up by another, the detector once for all that are due."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import UserError
from infra.site import View
from producers.video.detect import Floats
from producers.video.fleet import DEPTH, End, Fleet, Inbox, Member, warned
from producers.video.run import Plan, fitting, run
from producers.video.source import Fault, Frame, Image
from producers.video.watch import Watch
from tests.producers.helpers import MemorySink, Sent
from tests.producers.video.helpers import (
    NOTHING,
    PLAZA_VIEW,
    SHARED,
    START_MS,
    STREET,
    WANTS_MODEL,
    WEIGHTS,
    follow_dark,
    judged,
    plaza_camera,
    site_with_view,
    site_with_views,
    street,
    walk,
)

SITE = site_with_view()
WAIT_S = 20.0


def find_nothing(images: Sequence[Image]) -> list[Floats]:
    """A detector for a tracker that looks for itself."""
    return [NOTHING for _ in images]


def member(name: str, items: Iterator[Frame | Fault], sink: MemorySink, *, live: bool = False) -> Member:
    """One more camera like the plaza's."""
    camera = plaza_camera(SITE)
    watch = Watch(SITE, camera, boot_id=name, start_ms=START_MS, follow=follow_dark, busy_fps=25, sink=sink)
    return Member(name, lambda _: items, watch, live)


def by_boot(sink: MemorySink) -> dict[str, list[Sent]]:
    """What was sent, by the camera's run."""
    told: dict[str, list[Sent]] = {}
    for sent, envelope in zip(sink.sent, judged(sink, SITE), strict=True):
        told.setdefault(envelope.boot_id, []).append(sent)
    return told


def broken(after: Sequence[Frame | Fault]) -> Iterator[Frame | Fault]:
    """A recording that cannot be read further."""
    yield from after
    raise UserError("cut.mp4: no frame can be decoded", "convert it")


def test_what_a_recording_gives_comes_in_order_and_waits_for_room() -> None:
    inbox, frames = Inbox(2), [Frame(n, street(None, (64, 48))) for n in range(20)]
    given = Event()

    def give() -> None:
        for frame in frames[:DEPTH]:
            inbox.put(1, frame)
        given.set()
        for frame in frames[DEPTH:]:
            inbox.put(1, frame)

    Thread(target=give, daemon=True).start()
    assert given.wait(WAIT_S)
    assert [inbox.take() for _ in frames] == [[(1, frame)] for frame in frames]


@given(st.lists(st.sampled_from(["frame", "fault", "take"]), max_size=60))
def test_of_a_live_camera_every_frame_is_taken_or_counted_and_no_fault_is_lost(steps: list[str]) -> None:
    inbox, image = Inbox(1), np.zeros((1, 1, 3), np.uint8)
    given, taken = 0, 0
    faults: list[int] = []
    waiting: list[str] = []
    for number, step in enumerate([*steps, *["take"] * 60]):
        if step == "take" and waiting:
            ((_, item),) = inbox.take()
            assert isinstance(item, Frame | Fault)
            taken += 1 + item.dropped if isinstance(item, Frame) else 0
            faults += [item.event_ms] if isinstance(item, Fault) else []
            waiting.pop(0)
        elif step == "frame":
            inbox.renew(0, Frame(number, image))
            given += 1
            waiting += [] if waiting[-1:] == ["frame"] else ["frame"]
        elif step == "fault":
            inbox.renew(0, Fault(number, "gone", offline=True))
            waiting.append("fault")
    assert (taken, faults) == (given, [number for number, step in enumerate(steps) if step == "fault"])


def test_at_most_one_item_of_each_camera_is_due() -> None:
    inbox, image = Inbox(3), street(None, (64, 48))
    for camera in (0, 2, 2):
        inbox.put(camera, Frame(camera, image))
    inbox.put(0, End())
    assert [[camera for camera, _ in inbox.take()] for _ in range(2)] == [[0, 2], [0, 2]]


def test_each_camera_tells_in_company_what_it_tells_alone() -> None:
    together, alone = MemorySink(), MemorySink()
    shifted: list[Frame | Fault] = [Frame(START_MS + 40 * n, street(x)) for n, x in enumerate(range(440, 200, -3))]
    sources = {"a": walk(), "b": shifted, "c": walk((320, 240))}
    totals = Fleet([member(name, iter(items), together) for name, items in sources.items()], find_nothing, print).run()
    for name, items in sources.items():
        assert Fleet([member(name, iter(items), alone)], find_nothing, print).run() == {name: totals[name]}
    assert by_boot(together) == by_boot(alone)
    assert [totals[name].crossings["plaza_edge"] for name in sources] == [(1, 0), (0, 1), (1, 0)]


def test_the_detector_sees_all_that_is_due_at_once() -> None:
    batches: list[int] = []
    full = [Event(), Event()]

    def items(number: int) -> Iterator[Frame | Fault]:
        for n, x in enumerate(range(200, 280, 4)):
            full[number].set() if n == DEPTH - 1 else None
            yield Frame(START_MS + 40 * n, street(x))

    def find(images: Sequence[Image]) -> list[Floats]:
        assert all(event.wait(WAIT_S) for event in full)
        batches.append(len(images))
        return find_nothing(images)

    sink = MemorySink()
    totals = Fleet([member("a", items(0), sink), member("b", items(1), sink)], find, print).run()
    assert max(batches) == 2
    assert sum(batches) == totals["a"].looks + totals["b"].looks


def test_a_recording_that_cannot_be_read_is_told_and_the_others_are_as_without_it() -> None:
    sink, alone, told = MemorySink(), MemorySink(), list[str]()
    cut = walk()[:30]
    totals = Fleet(
        [member("bad", broken(cut), sink), member("good", iter(walk()), sink)], find_nothing, told.append
    ).run()
    Fleet([member("good", iter(walk()), alone)], find_nothing, print).run()
    assert by_boot(sink)["good"] == by_boot(alone)["good"]
    assert told == ["bad: cut.mp4: no frame can be decoded\n  do: convert it"]
    assert (totals["bad"].failed, totals["good"].failed) == ("cut.mp4: no frame can be decoded", None)
    health = [e.health.online for e in judged(sink, SITE) if e.health and e.boot_id == "bad"]
    assert health == [True, False]


def test_one_recording_alone_that_cannot_be_read_is_the_users_error() -> None:
    with pytest.raises(UserError, match="no frame can be decoded"):
        Fleet([member("bad", broken([]), MemorySink())], find_nothing, print).run()


def test_a_defect_on_a_thread_is_not_kept_quiet() -> None:
    def defect() -> Iterator[Frame | Fault]:
        yield walk()[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Fleet([member("a", defect(), MemorySink()), member("b", iter(walk()), MemorySink())], find_nothing, print).run()


def test_a_camera_that_hangs_holds_up_nobody() -> None:
    through = Event()

    def hanging() -> Iterator[Frame | Fault]:
        yield walk()[0]
        assert through.wait(WAIT_S), "the others waited for this one"

    def healthy() -> Iterator[Frame | Fault]:
        yield from walk()
        through.set()

    sink = MemorySink()
    totals = Fleet([member("hangs", hanging(), sink), member("good", healthy(), sink)], find_nothing, print).run()
    assert (totals["hangs"].frames, totals["good"].frames) == (1, 310)


def endless() -> Iterator[Frame | Fault]:
    """A live camera."""
    number = 0
    while True:
        yield Frame(START_MS + 40 * number, street(200 + number % 200))
        number += 1


class Interrupting:
    """A detector at whose call number `after` Ctrl-C is pressed."""

    def __init__(self, after: int) -> None:
        self._left = after

    def __call__(self, images: Sequence[Image]) -> list[Floats]:
        """Nothing found."""
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
        return find_nothing(images)


def test_ctrl_c_ends_live_cameras_in_good_order_and_breaks_off_a_recording() -> None:
    sink = MemorySink()
    live = [member(name, endless(), sink, live=True) for name in ("a", "b")]
    totals = Fleet(live, Interrupting(20), print).run()
    assert all(watched.frames > 0 and watched.failed is None for watched in totals.values())
    assert set(by_boot(sink)) == {"a", "b"}
    with pytest.raises(KeyboardInterrupt):
        Fleet([member("c", iter(walk()), sink), live[0]], Interrupting(2), print).run()


def test_a_fault_that_goes_on_is_told_once_and_again_after_frames() -> None:
    fault, frame = Fault(START_MS, "cam does not answer", offline=True), Frame(START_MS, street(None))
    told: list[str] = []
    items: list[Frame | Fault] = [fault, fault, frame, fault, Fault(START_MS, "cut", lost=2)]
    assert list(warned(iter(items), told.append)) == items
    assert told == ["cam does not answer; trying again", "cam does not answer; trying again", "cut"]


def test_a_stream_of_another_shape_than_the_view_is_told() -> None:
    camera = plaza_camera(SITE)
    assert len(list(fitting(iter(walk((320, 240))), camera))) == 310
    with pytest.raises(UserError, match="320 x 320"):
        list(fitting(iter(walk((320, 320))), camera))


def test_a_camera_that_shows_another_shape_for_a_while_goes_on() -> None:
    camera, fits = plaza_camera(SITE), street(None)
    frames = [Frame(START_MS + n * 1_000, fits if n in {0, 40} else fits[:, :320]) for n in range(41)]
    found = list(fitting(iter(frames), camera, goes_on=True))
    assert [item.event_ms for item in found if isinstance(item, Frame)] == [START_MS, START_MS + 40_000]
    faults = [item for item in found if isinstance(item, Fault)]
    assert [(fault.event_ms - START_MS, fault.offline) for fault in faults] == [
        (1_000, True),
        (11_000, True),
        (21_000, True),
        (31_000, True),
    ]


def cut(video: Path, frames: int, to: Path) -> Path:
    """The first frames of a video."""
    import cv2

    capture = cv2.VideoCapture(str(video))
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(str(to), cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    for _ in range(frames):
        writer.write(capture.read()[1])
    writer.release()
    return to


@WANTS_MODEL
def test_recordings_in_one_process_give_the_bytes_of_one_process_each(tmp_path: Path) -> None:
    hall_view = View(size_px=(768, 432), lines={"gate_north": ((384, 432), (384, 0))})
    site = site_with_views({"cam_plaza": PLAZA_VIEW, "cam_gate_north": hall_view})
    hall = cut(SHARED / "data" / "intel" / "one-by-one-person-detection.mp4", 80, tmp_path / "hall.mp4")
    sources = {"cam_plaza": str(STREET / "TUD-Stadtmitte.mp4"), "cam_gate_north": str(hall)}

    def sent(cameras: list[str]) -> tuple[dict[bytes, list[Sent]], list[int]]:
        sink = MemorySink()
        start = "2024-05-27T08:00:00"
        totals = run(site, Plan([sources[camera] for camera in cameras], cameras, WEIGHTS, start), sink)
        told = {sent.key: [one for one in sink.sent if one.key == sent.key] for sent in sink.sent}
        return told, [totals.cameras[camera].looks for camera in cameras]

    together, looks = sent(list(sources))
    assert all(looks)
    assert together == sent(["cam_plaza"])[0] | sent(["cam_gate_north"])[0]
