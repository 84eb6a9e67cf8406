"""What the command `anfang produce video` says of wrong plans, and the file that it writes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anfang import cli
from infra.errors import UserError
from infra.settings import SMALL_SITE
from producers.video.run import Plan, boot_id_of, named_sources, run
from tests.producers.helpers import SMALL, MemorySink
from tests.producers.video.helpers import STREET, WANTS_MODEL, WEIGHTS, site_with_view

SITE = site_with_view()
START_MS = 1_716_768_000_000


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (Plan(["a.mp4"], ["cam_nowhere"], None), "cam_nowhere: not in the site file"),
        (Plan(["a.mp4"], ["cam_gate_north"], None), "does not say where its zones and lines lie"),
        (Plan(["a.mp4", "b.mp4"], ["cam_plaza"], None), "2 sources, 1 cameras"),
        (Plan(["a.mp4", "b.mp4"], ["cam_plaza", "cam_plaza"], None), "cam_plaza: given twice"),
        (Plan(["a.mp4"], ["cam_plaza"], None, "yesterday"), "yesterday: not a time"),
        (Plan(["a.mp4"], ["cam_plaza"], None), "no detector weights"),
        (Plan(["a.mp4"], ["cam_plaza"], Path("none.pt")), "none.pt: no such weights"),
    ],
)
def test_a_wrong_plan_is_told(plan: Plan, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        run(SITE, plan, MemorySink())


def test_without_a_source_the_camera_s_own_smaller_stream_is_watched() -> None:
    urls = {"cam_plaza": ("rtsp://a/1", "rtsp://a/2"), "cam_clubhouse": ("rtsp://b/1", None)}
    cameras = tuple(
        camera.model_copy(
            update=dict(zip(("stream_url", "detect_url"), urls.get(camera.id, (None, None)), strict=True))
        )
        for camera in SITE.cameras
    )
    site = site_with_view().model_copy(update={"cameras": cameras})
    assert named_sources(site, ["cam_clubhouse", "cam_plaza"]) == ["rtsp://b/1", "rtsp://a/2"]
    with pytest.raises(UserError, match="cam_gate_north: no source given"):
        named_sources(site, ["cam_plaza", "cam_gate_north"])


def test_a_live_camera_has_a_new_boot_at_each_start_and_a_recording_never(tmp_path: Path) -> None:
    camera = SITE.camera["cam_plaza"]
    (tmp_path / "a.mp4").write_bytes(b"frames")
    for source, different in (("rtsp://10.0.0.7/1", 9), ("0", 9), (str(tmp_path / "a.mp4"), 1)):
        plan = Plan([source], ["cam_plaza"], None, "2024-05-27")
        assert len({boot_id_of(plan, source, camera, START_MS) for _ in range(9)}) == different


def test_a_recording_has_another_boot_with_other_weights_or_frames_of_the_same_names(tmp_path: Path) -> None:
    def boot(folder: str, weights: bytes, frame: bytes) -> str:
        frames, model = tmp_path / folder / "frames", tmp_path / folder / "model"
        for file, content in ((frames / "1.jpg", frame), (model / "a.bin", weights), (model / "a.xml", b"<net/>")):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return boot_id_of(Plan([str(frames)], ["cam_plaza"], model), str(frames), SITE.camera["cam_plaza"], START_MS)

    assert boot("a", b"old", b"monday") == boot("b", b"old", b"monday")
    assert len({boot("a", weights, frame) for weights in (b"old", b"new") for frame in (b"monday", b"tuesday")}) == 4


VIEW = (
    ", view: {size_px: [640, 480], zones: {plaza: [[320, 0], [640, 0], [640, 480], [320, 480]]}, "
    "lines: {plaza_edge: [[320, 480], [320, 0]]}}}"
)


def site_file(folder: Path, *cameras: str) -> Path:
    """The small site as a file, such cameras with a view: each has one zone and one line."""
    text = SMALL_SITE.read_text(encoding="utf-8")
    for camera_id in cameras:
        line = next(one for one in text.split("\n") if f"id: {camera_id}," in one)
        camera = SMALL.camera[camera_id]
        view = VIEW.replace("plaza_edge", camera.lines[0]).replace("{plaza:", f"{{{camera.zones[0]}:")
        text = text.replace(line, line.removesuffix("}") + view)
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@WANTS_MODEL
def test_the_command_writes_envelopes_and_ends_with_1_where_one_of_several_cannot_be_read(tmp_path: Path) -> None:
    site, out, empty = site_file(tmp_path, "cam_plaza", "cam_gate_north"), tmp_path / "a.jsonl", tmp_path / "empty.mp4"
    empty.touch()
    words = ["produce", "video", str(STREET / "TUD-Stadtmitte.mp4"), "--camera", "cam_plaza", "--site", str(site)]
    options = ["--weights", str(WEIGHTS), "--start", "2024-05-27T08:00:00", "--to", f"jsonl:{out}"]
    result = CliRunner().invoke(cli, [*words, *options])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["cameras"]["cam_plaza"]
    alone = out.read_text(encoding="utf-8").splitlines()
    records = [json.loads(text) for text in alone]
    assert (told["frames"], told["messages"]) == (179, len(records))
    assert records[0]["timestamp_ms"] == told["first_event_ms"] == START_MS
    assert {record["key"] for record in records} == {"plaza"}
    result = CliRunner().invoke(cli, [*words, str(empty), "--camera", "cam_gate_north", *options])
    assert result.exit_code == 1
    assert f"cam_gate_north: {empty}: the file is empty" in result.stderr
    assert json.loads(result.stdout)["cameras"]["cam_gate_north"]["failed"].endswith("(0 bytes)")
    beside = out.read_text(encoding="utf-8").splitlines()
    assert [text for text in beside if '"key":"plaza"' in text] == alone
    assert any('"online":false' in text and '"key":"estate"' in text for text in beside)


def test_the_shipped_sites_still_have_their_cameras() -> None:
    assert [camera.id for camera in SMALL.cameras if camera.view] == ["cam_gate_south"]
