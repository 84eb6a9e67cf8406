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
from producers.video.detect import DEMO_WEIGHTS, Detector
from producers.video.optimise import Plan, Precision, in_common, optimise, parse_form, parse_precision, spread
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
    with pytest.raises(UserError, match=r"only \.pt"):
        optimise(Plan(DEMO_WEIGHTS, str(film), tmp_path))
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
