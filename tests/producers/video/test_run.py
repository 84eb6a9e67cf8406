"""From frames to a file of valid envelopes, with a detector that is told what to see; and what the command says."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from anfang import cli
from infra.errors import UserError
from infra.events import ObjectClass
from infra.settings import SMALL_SITE
from producers.video.geometry import Seen
from producers.video.motion import IDLE_MS
from producers.video.run import Plan, Watch, run, warned
from producers.video.source import Fault, Frame, Image
from tests.producers.helpers import SMALL, MemorySink
from tests.producers.video.helpers import STREET, WANTS_CV2, WANTS_MODEL, WEIGHTS, judged, plaza_camera, site_with_view

SITE = site_with_view()
START_MS = 1_716_768_000_000
SIZE = (640, 480)


def street(x: float | None, size: tuple[int, int] = SIZE) -> Image:
    """A grey street, and a dark person at `x`."""
    width, height = size
    image = np.full((height, width, 3), 150, np.uint8)
    image[: height // 3] = 200
    if x is not None:
        left, right = (int(place * width / 640) for place in (x - 15, x + 15))
        image[height * 2 // 5 : height * 3 // 5, left:right] = 40
    return image


def find_dark(image: Image) -> list[Seen]:
    """The dark person, found by looking."""
    rows, columns = np.nonzero(image[:, :, 0] < 100)
    if not len(rows):
        return []
    box = (float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max()))
    kind: ObjectClass = "person"
    return [Seen(1, box, kind, 0.9)]


def watched(frames: list[Frame | Fault], sink: MemorySink, busy_fps: float = 25) -> Watch:
    """A watch that has taken such frames."""
    watch = Watch(SITE, plaza_camera(SITE), boot_id="boot", find=find_dark, busy_fps=busy_fps, sink=sink)
    for frame in frames:
        watch.take(frame)
    return watch


def walk(size: tuple[int, int] = SIZE) -> list[Frame | Fault]:
    """A walk over the line, then ten seconds of an empty street."""
    places = [*range(200, 440, 4), *[None] * 250]
    return [Frame(START_MS + 40 * n, street(x, size)) for n, x in enumerate(places)]


@WANTS_CV2
def test_a_walk_is_one_crossing_and_an_empty_street_is_hardly_looked_at() -> None:
    sink = MemorySink()
    result = watched(walk(), sink).finish()
    envelopes = judged(sink, SITE)
    assert result.crossings == {"plaza_edge": (1, 0)}
    assert sum(len(e.crossings.crossing_id) for e in envelopes if e.crossings) == 1
    assert result.frames == 310
    assert result.looks < 60 + 60 + 250 * 40 / IDLE_MS
    assert envelopes[-1].visible == 0


@WANTS_CV2
def test_a_smaller_stream_of_the_same_shape_will_do_and_another_shape_is_told() -> None:
    assert watched(walk((320, 240)), MemorySink()).finish().crossings == {"plaza_edge": (1, 0)}
    with pytest.raises(UserError, match="320 x 320"):
        watched(walk((320, 320)), MemorySink())


@WANTS_CV2
def test_faults_are_counted_and_told() -> None:
    sink = MemorySink()
    items = walk()
    faults: list[Frame | Fault] = [Fault(START_MS + 19_000, "cut", 2), Fault(START_MS + 20_000, "gone", offline=True)]
    result = watched([*items, *faults], sink).finish()
    assert (result.offline, result.decode_errors) == (1, 2)
    health = [envelope.health for envelope in judged(sink, SITE) if envelope.health]
    assert [(one.online, one.decode_errors) for one in health] == [(True, 0), (False, 2)]


@WANTS_CV2
def test_frames_lost_at_the_end_of_a_recording_are_told() -> None:
    sink = MemorySink()
    watched([*walk(), Fault(START_MS + 13_000, "cut", 3)], sink).finish()
    health = [envelope.health for envelope in judged(sink, SITE) if envelope.health]
    assert [one.decode_errors for one in health] == [0, 3]


class Lossy(MemorySink):
    """Kafka is gone: what was sent did not arrive."""

    def flush(self) -> int:
        """Say so."""
        raise UserError("Kafka did not take it", "start Kafka")


@WANTS_CV2
def test_what_did_not_arrive_is_noticed_long_before_the_end() -> None:
    sink = Lossy()
    with pytest.raises(UserError, match="did not take"):
        watched(walk(), sink)
    assert len(sink.sent) == 1


@WANTS_CV2
def test_it_looks_no_more_often_than_it_may() -> None:
    assert watched(walk()[:60], MemorySink(), busy_fps=5).finish().looks <= 13


def test_a_fault_that_goes_on_is_told_once_and_again_after_frames() -> None:
    fault, frame = Fault(START_MS, "cam does not answer", offline=True), Frame(START_MS, street(None))
    told: list[str] = []
    items: list[Frame | Fault] = [fault, fault, frame, fault, Fault(START_MS, "cut", lost=2)]
    assert list(warned(iter(items), told.append)) == items
    assert told == ["cam does not answer; trying again", "cam does not answer; trying again", "cut"]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (Plan("a.mp4", "cam_nowhere", None), "cam_nowhere: not in the site file"),
        (Plan("a.mp4", "cam_gate_north", None), "does not say where its zones and lines lie"),
        (Plan("a.mp4", "cam_plaza", None, "yesterday"), "yesterday: not a time"),
        (Plan("a.mp4", "cam_plaza", None), "no detector weights"),
        (Plan("a.mp4", "cam_plaza", Path("none.pt")), "none.pt: no such weights"),
    ],
)
def test_a_wrong_plan_is_told(plan: Plan, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        run(SITE, plan, MemorySink())


VIEW = (
    ", view: {size_px: [640, 480], zones: {plaza: [[320, 0], [640, 0], [640, 480], [320, 480]]}, "
    "lines: {plaza_edge: [[320, 480], [320, 0]]}}}"
)


@WANTS_MODEL
def test_the_command_writes_a_recording_of_envelopes(tmp_path: Path) -> None:
    line = next(text for text in SMALL_SITE.read_text(encoding="utf-8").split("\n") if "id: cam_plaza" in text)
    site, out = tmp_path / "site.yaml", tmp_path / "street.jsonl"
    site.write_text(SMALL_SITE.read_text(encoding="utf-8").replace(line, line.removesuffix("}") + VIEW), "utf-8")
    words = ["produce", "video", str(STREET / "TUD-Stadtmitte.mp4"), "--camera", "cam_plaza", "--site", str(site)]
    options = ["--weights", str(WEIGHTS), "--start", "2024-05-27T08:00:00", "--to", f"jsonl:{out}"]
    result = CliRunner().invoke(cli, [*words, *options])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    records = [json.loads(text) for text in out.read_text(encoding="utf-8").splitlines()]
    assert (told["frames"], told["messages"]) == (179, len(records))
    assert records[0]["timestamp_ms"] == told["first_event_ms"] == START_MS
    assert {record["key"] for record in records} == {"plaza"}


def test_the_shipped_sites_still_have_their_cameras() -> None:
    assert [camera.view for camera in SMALL.cameras] == [None] * len(SMALL.cameras)
