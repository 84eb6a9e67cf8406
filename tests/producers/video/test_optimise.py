"""Optimised weights find the same as those that they were made from, on frames of the camera."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from anfang import cli
from infra.errors import UserError
from producers.scenes.run import Plan as Film
from producers.scenes.run import run as render
from producers.scenes.train import TRAINED
from producers.video.detect import Detector
from producers.video.fit import Size, exported_for, fit, kept_cells, target_shape
from producers.video.optimise import STRIDE, Plan, Precision, in_common, optimise, parse_form, parse_precision, spread
from tests.producers.scenes.judge import CASES, NIGHT_MS


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of a rendered scene."""
    case, path = CASES[0], tmp_path_factory.mktemp("film") / "scene.mp4"
    render(case.site, Film(case.camera_id, NIGHT_MS, 0.5, 31), path)
    return path


@pytest.mark.parametrize(("form", "precision"), [("openvino", "int8"), ("openvino", "fp16"), ("onnx", "fp32")])
def test_the_same_is_found_and_the_speed_is_told(film: Path, tmp_path: Path, form: str, precision: Precision) -> None:
    made = optimise(Plan(TRAINED, str(film), tmp_path, parse_form(form), precision, most=20))
    assert made.calibrated == (10 if precision == "int8" else 0)
    assert made.compared == 10
    assert made.detections > 20
    assert made.same >= (0.9 if precision == "int8" else 0.99)
    assert min(made.ms_before, made.ms_after) > 0
    (found,) = Detector(Path(made.weights)).find(spread(str(film), 2)[1:])
    assert (found[:, 4] > 0.5).sum() > 0
    assert 0 < made.size_bytes < 4_000_000


def test_weights_of_openvino_are_cut_to_the_picture_and_find_the_same(film: Path, tmp_path: Path) -> None:
    square = optimise(Plan(TRAINED, str(_padded(film, tmp_path)), tmp_path, precision="fp16", most=10))
    made = optimise(Plan(Path(square.weights), str(film), tmp_path, most=20))
    old, new = exported_for(Path(square.weights)), exported_for(Path(made.weights))
    assert (new.width, new.height) == (old.width, old.height - STRIDE)
    assert made.precision == "kept"
    assert made.same >= 0.97
    assert made.detections > 20
    with pytest.raises(UserError, match=rf"is for {new.height} pixels, less than {old.height}"):
        fit(Path(made.weights), old.height, tmp_path / "other")


def _padded(film: Path, folder: Path) -> Path:
    """Frames of the film with a grey strip below, so that a model for them is higher."""
    import cv2

    padded = folder / "padded"
    padded.mkdir()
    for number, image in enumerate(spread(str(film), 10)):
        strip = STRIDE * image.shape[1] // 320  # the model's width
        grey = np.full((strip, *image.shape[1:]), 114, np.uint8)
        cv2.imwrite(str(padded / f"{number:03d}.png"), np.vstack([image, grey]))
    return padded


def test_cells_that_stay_keep_what_is_theirs() -> None:
    old, new = Size(64, 96), Size(32, 96)
    numbers = np.arange(old.cells())[None, None, :]
    kept = kept_cells(numbers, old, new)[0, 0].tolist()
    places = [(stride, y, x) for stride in (8, 16, 32) for y in range(64 // stride) for x in range(96 // stride)]
    assert kept == [number for number, (stride, y, _) in enumerate(places) if (y + 1) * stride <= 32]
    assert target_shape(np.array([1, 2, 64, 6]), old, new).tolist() == [1, 2, 64, 3]
    assert target_shape(np.array([1, 64, 2, 3]), old, new).tolist() == [1, 64, 1, 3]
    assert target_shape(np.array([1, 4, 126]), old, new).tolist() == [1, 4, 63]


def test_what_does_not_find_the_same_is_refused(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from producers.video import optimise as module

    def spoilt(detector: Detector, images: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]) -> object:
        found, ms = timed(detector, images)
        seen.append(detector)
        return (found if len(seen) == 1 else [one + 50.0 for one in found]), ms

    seen: list[Detector] = []
    timed = module.timed
    monkeypatch.setattr(module, "timed", spoilt)
    with pytest.raises(UserError, match=r"only 0\.0% of the detections"):
        optimise(Plan(TRAINED, str(film), tmp_path, precision="fp16", most=10))


def test_detections_in_common_are_paired_once() -> None:
    one = np.array([[0.0, 0, 10, 10, 0.9, 0], [20, 0, 30, 10, 0.9, 0]])
    twice = np.vstack([one[:1], one[:1] + np.array([0.5, 0, 0.5, 0, 0, 0])])
    other_class = one + np.array([0, 0, 0, 0, 0, 1])
    assert [in_common(one, other) for other in (one, twice, other_class, one[:0])] == [2, 1, 0, 0]


def test_a_wrong_wish_is_told(film: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--form paddle: not known"):
        parse_form("paddle")
    with pytest.raises(UserError, match="--precision int4: not known"):
        parse_precision("int4")


def test_the_command_prints_what_it_made(film: Path, tmp_path: Path) -> None:
    words = ["produce", "optimise", str(TRAINED), "--frames", str(film), "--out", str(tmp_path), "--precision", "fp16"]
    result = CliRunner().invoke(cli, [*words, "--most", "8"])
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert Path(made["weights"]) == tmp_path / "scenes_fp16_openvino_model"
    assert made["same"] > 0.9
