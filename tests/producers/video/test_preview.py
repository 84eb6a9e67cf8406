"""The preview: heads are gone from the written file, the rest is there; no envelope changes; its owner alone reads."""

import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import UserError
from infra.site import View
from producers.video.detect import Floats
from producers.video.geometry import Seen
from producers.video.preview import CELLS, Preview, hide_heads
from producers.video.run import Plan, run
from producers.video.source import Frame, Image
from producers.video.watch import Watch
from tests.producers.helpers import MemorySink
from tests.producers.video.helpers import PLAZA_VIEW, START_MS, plaza_camera, site_with_view, site_with_views

SITE = site_with_view()
PERSON_PX = (60, 180)
TEXTURE = np.random.default_rng(1).integers(0, 256, (PERSON_PX[1] // 4, PERSON_PX[0] // 4), np.uint8)
"""What a person wears and is known by: coarse noise, so that a video codec keeps it."""
FEET = 400


def box_at(x: int) -> tuple[int, int, int, int]:
    """The box of a person at `x`."""
    return x - PERSON_PX[0] // 2, FEET - PERSON_PX[1], x + PERSON_PX[0] // 2, FEET


def with_person(x: int) -> Image:
    """A grey street with the person."""
    image = np.full((480, 640, 3), 150, np.uint8)
    left, top, right, bottom = box_at(x)
    image[top:bottom, left:right] = np.kron(TEXTURE, np.ones((4, 4), np.uint8))[:, :, None]
    return image


def detail(image: Image, box: tuple[int, int, int, int]) -> float:
    """The mean square of the steps between neighbouring pixels in that part of the picture."""
    left, top, right, bottom = box
    part = image[top:bottom, left:right].astype(np.float64).mean(axis=2)
    return float((np.diff(part, axis=0) ** 2).mean() + (np.diff(part, axis=1) ** 2).mean())


def head_and_legs(x: int) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """The upper quarter of the person's box and the part between hips and feet, without the drawn outline."""
    left, top, right, bottom = box_at(x)
    return (left + 6, top + 6, right - 6, top + PERSON_PX[1] // 4), (left + 6, top + 90, right - 6, bottom - 30)


def found_at(x: int, confidence: float = 0.9) -> Floats:
    """What the detector says of the person."""
    return np.array([[*box_at(x), confidence, 0]], np.float64)


def follow(found: Floats, _frame: Frame) -> list[Seen]:
    """Every sure box is a track."""
    return [Seen(1, (b[0], b[1], b[2], b[3]), "person", b[4]) for b in found.tolist() if b[4] > 0.5]


WALK = range(200, 440, 4)


def film(path: Path | None, found: list[Floats], sink: MemorySink) -> None:
    """The walk, with what the detector found in each frame, into a preview."""
    camera = plaza_camera(SITE)
    preview = None if path is None else Preview(path, camera, SITE.tz)
    watch = Watch(
        SITE, camera, boot_id="boot", start_ms=START_MS, follow=follow, busy_fps=25, sink=sink, preview=preview
    )
    for n, (x, boxes) in enumerate(zip(WALK, found, strict=True)):
        if (frame := watch.take(Frame(START_MS + 40 * n, with_person(x)))) is not None:
            watch.look(frame, boxes)
    watch.finish()


def frames_of(path: Path) -> list[Image]:
    """What a player shows."""
    import av

    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    "found",
    [
        [found_at(x) for x in WALK],
        [found_at(x, 0.2) for x in WALK],
        [found_at(x) if n < 10 or n % 10 > 2 else np.empty((0, 6)) for n, x in enumerate(WALK)],
    ],
    ids=["tracked", "too weak for a track", "lost again and again"],
)
def test_no_head_is_in_the_file_and_the_rest_is(tmp_path: Path, found: list[Floats]) -> None:
    path = tmp_path / "deep" / "gate.mp4"
    film(path, found, MemorySink())
    shown = frames_of(path)
    assert len(shown) == len(WALK)
    for x, image in zip(WALK, shown, strict=True):
        head, legs = head_and_legs(x)
        truth = with_person(x)
        assert detail(image, head) < 0.1 * detail(truth, head), x
        assert detail(image, legs) > 0.5 * detail(truth, legs), x


def test_the_file_is_its_owners_alone_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "gate.mp4"
    path.write_bytes(b"older and longer" * 100_000)
    path.chmod(0o644)
    film(path, [found_at(x) for x in WALK], MemorySink())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"older" not in path.read_bytes()


def test_it_changes_no_envelope_and_says_what_they_say(tmp_path: Path) -> None:
    found = [found_at(x) for x in WALK]
    plain, filmed = MemorySink(), MemorySink()
    film(None, found, plain)
    film(tmp_path / "gate.mp4", found, filmed)
    assert filmed.sent == plain.sent
    assert any(envelope.crossings for envelope in filmed.envelopes())


def test_a_film_is_readable_up_to_a_moment_before_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "gate.mp4"
    camera = plaza_camera(SITE)
    preview = Preview(path, camera, SITE.tz)
    watch = Watch(
        SITE, camera, boot_id="b", start_ms=START_MS, follow=follow, busy_fps=25, sink=MemorySink(), preview=preview
    )
    for n in range(1500):
        watch.take(Frame(START_MS + 40 * n, with_person(300)))
    assert len(frames_of(path)) > 500


sides = st.floats(-300, 900, allow_nan=False)


@given(st.lists(st.tuples(sides, sides, st.floats(0.5, 700), st.floats(0.5, 700)), max_size=4))
def test_of_every_head_few_cells_are_left_and_nothing_else_changes(
    boxes: list[tuple[float, float, float, float]],
) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (480, 640, 3), np.uint8)
    hidden = noise.copy()
    hide_heads(hidden, np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float64).reshape(-1, 4))
    ys, xs = np.mgrid[:480, :640]
    near = np.zeros((480, 640), bool)
    for x, y, w, h in boxes:
        quarter = hidden[max(0, int(y)) : max(0, int(y + h / 4)), max(0, int(x)) : max(0, int(x + w))]
        if len(boxes) == 1:
            assert len(np.unique(quarter.reshape(-1, 3), axis=0)) <= CELLS**2
        near |= (abs(xs - x - w / 2) <= 0.65 * w + 1) & (ys >= y - 0.15 * w - 1) & (ys <= y + max(h / 3, w) + 1)
    assert (hidden == noise)[~near].all()


GATE = View(size_px=(640, 480), lines={"gate_north": ((0, 240), (640, 240))})
BOTH = site_with_views({"cam_plaza": PLAZA_VIEW, "cam_gate_north": GATE})


class Blind:
    """A detector that finds nothing."""

    def __init__(self, weights: Path) -> None: ...

    def find(self, images: Sequence[Image]) -> list[Floats]:
        """Nothing in any picture."""
        return [np.empty((0, 6)) for _ in images]


def preview_of(sources: list[Path], preview: Path) -> None:
    """What the command does with such sources."""
    cameras = ["cam_plaza", "cam_gate_north"][: len(sources)]
    run(BOTH, Plan([str(source) for source in sources], cameras, Path("w"), preview=preview), MemorySink())


@pytest.mark.parametrize(
    ("sources", "preview", "expected"),
    [
        (["a.mp4", "b.mp4"], "out.mp4", "one file for 2 cameras"),
        (["a.mp4"], "a.mp4", "that is the recording itself"),
        (["a.mp4"], "a.mp4/out.mp4", "Not a directory|File exists"),
    ],
)
def test_a_preview_in_the_way_is_told_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: list[str], preview: str, expected: str
) -> None:
    monkeypatch.setattr("producers.video.run.Detector", Blind)
    (tmp_path / "a.mp4").write_bytes(b"a recording")
    with pytest.raises(UserError, match=expected):
        preview_of([tmp_path / source for source in sources], tmp_path / preview)
    assert (tmp_path / "a.mp4").read_bytes() == b"a recording"


def test_several_cameras_get_a_film_each_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    monkeypatch.setattr("producers.video.run.Detector", Blind)
    sources = [tmp_path / "plaza", tmp_path / "gate"]
    for source, length in zip(sources, (3, 5), strict=True):
        source.mkdir()
        for n in range(length):
            cv2.imwrite(str(source / f"{n}.png"), with_person(300 + n))
    preview_of(sources, tmp_path / "films")
    lengths = {path.name: len(frames_of(path)) for path in (tmp_path / "films").iterdir()}
    assert lengths == {"cam_plaza.mp4": 3, "cam_gate_north.mp4": 5}
