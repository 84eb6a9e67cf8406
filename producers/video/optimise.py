"""`anfang produce optimise`: weights into a form that runs faster here, and a look whether it still finds the same.

ultralytics exports (.pt → OpenVINO or ONNX; 8 bits through nncf or onnxruntime, offline). int8 is calibrated on frames
of the camera it will watch (Jacob et al. 2018, Quantization and Training of Neural Networks): the ranges of what runs
through the model are measured there. Weights that are OpenVINO's already are cut to the shape of the camera's picture
(`fit.py`) and else stay as they are. Then both look at other frames of it, and are compared.
"""

import logging
import math
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec
import numpy as np
import yaml

from infra.errors import UserError
from producers.feed import Progress, no_progress
from producers.video.detect import Detector, Floats, extra_missing, offline
from producers.video.fit import exported_for, fit
from producers.video.source import Frame, Image, recording

Form = Literal["openvino", "onnx"]
Precision = Literal["int8", "fp16", "fp32"]
Made = Precision | Literal["kept"]
BITS: Final[dict[Precision, int | None]] = {"int8": 8, "fp16": 16, "fp32": None}
LEAST_SAME: Final[dict[Made, float]] = {"int8": 0.9, "fp16": 0.98, "fp32": 0.99, "kept": 0.97}
"""Share of the detections that both must have in common. 8 bits move what is near the threshold; where padding is cut,
what stood at its edge moves a little.
"""
SURE: Final = 0.25
SAME_PLACE: Final = 0.6
"""Two boxes of one class are one detection from this overlap (intersection over union) on."""
STRIDE: Final = 32
WARM_UP: Final = 3


@dataclass(frozen=True)
class Plan:
    """What to make of `weights`, in which folder, and `frames` (a video or folder) to calibrate and compare on.

    `weights` are a .pt, or an OpenVINO folder to be cut to shape: `form` and `precision` then stay as they are.

    `most` frames are taken, evenly, half of them for each.
    """

    weights: Path
    frames: str
    out: Path
    form: Form = "openvino"
    precision: Precision = "int8"
    most: int = 200


class Optimised(msgspec.Struct, frozen=True, kw_only=True):
    """What was made. Times are ms per frame of the model with decoding of its answer, one frame at a time, on this
    machine now; `same` is the share of detections in common, of those of both, over `compared` frames.
    """

    weights: str
    precision: Made
    size_bytes: int
    size_bytes_before: int
    calibrated: int
    compared: int
    detections: int
    same: float
    ms_before: float
    ms_after: float


def optimise(plan: Plan, progress: Progress = no_progress) -> Optimised:
    """Export and compare. Raises UserError when something is missing, or the result does not find the same."""
    before = Detector(plan.weights)
    precision: Made = "kept" if plan.weights.is_dir() else plan.precision
    if precision != "kept" and plan.weights.suffix != ".pt":
        raise UserError(f"{plan.weights}: cannot be optimised", "give a .pt, or a folder that OpenVINO was exported to")
    images = spread(plan.frames, plan.most)
    progress(0.2)
    made = _fitted(plan, images[0]) if precision == "kept" else _export(plan, images[::2])
    progress(0.7)
    compared = images[1::2] or images
    found, ms_before = timed(before, compared)
    found_after, ms_after = timed(Detector(made), compared)
    progress(1.0)
    common = sum(in_common(a, b) for a, b in zip(found, found_after, strict=True))
    both = sum(len(a) + len(b) for a, b in zip(found, found_after, strict=True))
    same = 2 * common / both if both else 1.0
    if same < LEAST_SAME[precision]:
        raise UserError(
            f"{made}: only {same:.1%} of the detections are those of {plan.weights} ({LEAST_SAME[precision]:.0%})",
            "take more frames, of the camera itself, or give --precision fp16",
        )
    return Optimised(
        weights=str(made),
        precision=precision,
        size_bytes=_size(made),
        size_bytes_before=_size(plan.weights),
        calibrated=len(images[::2]) if precision == "int8" else 0,
        compared=len(compared),
        detections=sum(map(len, found)),
        same=round(same, 4),
        ms_before=round(ms_before, 2),
        ms_after=round(ms_after, 2),
    )


def parse_form(text: str) -> Form:
    """Parse --form. Raises UserError saying what was expected."""
    known: dict[str, Form] = {form: form for form in get_args(Form)}
    if text not in known:
        raise UserError(f"--form {text}: not known", f"give {' or '.join(known)}")
    return known[text]


def parse_precision(text: str) -> Precision:
    """Parse --precision. Raises UserError saying what was expected."""
    known: dict[str, Precision] = {precision: precision for precision in BITS}
    if text not in known:
        raise UserError(f"--precision {text}: not known", f"give one of {', '.join(known)}")
    return known[text]


def spread(source: str, most: int) -> list[Image]:
    """At most `most` frames of a recording, evenly spread over it."""
    count = sum(isinstance(item, Frame) for item in recording(source, 0, 1.0))
    step = max(1, -(-count // most))
    frames = (item.image for item in recording(source, 0, 1.0) if isinstance(item, Frame))
    return list(islice(frames, 0, None, step))


def _fitted(plan: Plan, image: Image) -> Path:
    """Cut OpenVINO weights to the shape of the picture, into `plan.out`."""
    width = exported_for(plan.weights).width
    height = _height(image, width)
    target = plan.out / f"{plan.weights.name.removesuffix('_openvino_model')}_{height}x{width}_openvino_model"
    if target.is_dir():
        shutil.rmtree(target)
    fit(plan.weights, height, target)
    return target


def _export(plan: Plan, images: Sequence[Image]) -> Path:
    """Let ultralytics export in a folder of its own, and put the result into `plan.out`."""
    offline()
    logging.getLogger("nncf").setLevel(logging.ERROR)
    try:
        from ultralytics import YOLO
    except ImportError as error:
        raise extra_missing(error) from error
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copy(plan.weights, folder))
        model = YOLO(str(copied), task="detect")
        width = _width(model.overrides.get("imgsz", 640))
        with redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):  # nncf and torch are talkative
            made = model.export(
                format=plan.form,
                imgsz=[_height(images[0], width), width],
                quantize=BITS[plan.precision],
                data=str(_calibration(Path(folder), images, dict(model.names))) if plan.precision == "int8" else None,
                device="cpu",
                verbose=False,
            )
        suffix = "_openvino_model" if plan.form == "openvino" else ".onnx"
        target = plan.out / f"{plan.weights.stem}_{plan.precision}{suffix}"
        plan.out.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        shutil.move(str(Path(made)), target)
    return target


def _width(trained: int | Sequence[int]) -> int:
    """The width of picture that the model was trained on."""
    return trained if isinstance(trained, int) else trained[-1]


def _height(image: Image, width: int) -> int:
    """The height of the camera's picture brought to that width, in whole strides: nothing is spent on padding."""
    high, wide, _ = image.shape
    strides: int = math.ceil(high * width / wide / STRIDE)
    return strides * STRIDE


def _calibration(folder: Path, images: Sequence[Image], names: dict[int, str]) -> Path:
    """The frames as ultralytics reads a data set; they need no labels."""
    import cv2

    pictures = folder / "images"
    pictures.mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(str(pictures / f"{number:05d}.png"), image)
    described = folder / "frames.yaml"
    described.write_text(
        yaml.safe_dump({"path": str(folder), "train": "images", "val": "images", "names": names}), encoding="utf-8"
    )
    return described


def timed(detector: Detector, images: Sequence[Image]) -> tuple[list[Floats], float]:
    """The sure detections in each picture, and the median time for one in ms."""
    found, times = [], []
    for image in [*images[:WARM_UP], *images]:
        began = time.perf_counter()
        (seen,) = detector.find([image])
        times.append(1000 * (time.perf_counter() - began))
        found.append(seen[seen[:, 4] >= SURE])
    warm = len(images[:WARM_UP])
    return found[warm:], float(np.median(times[warm:]))


def in_common(a: Floats, b: Floats) -> int:
    """How many detections two looks at one picture have in common: one class, one place, each paired once."""
    overlap = _overlap(a, b) * (a[:, 5:6] == b[None, :, 5])
    pairs = 0
    while overlap.size and overlap.max() >= SAME_PLACE:
        row, column = np.unravel_index(overlap.argmax(), overlap.shape)
        overlap[row, :], overlap[:, column] = 0, 0
        pairs += 1
    return pairs


def _overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of n and m boxes, n x m."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    common = np.clip(high - low, 0, None).prod(axis=2)
    size_a, size_b = ((boxes[:, 2:4] - boxes[:, :2]).prod(axis=1) for boxes in (a, b))
    result: Floats = common / np.maximum(1e-9, size_a[:, None] + size_b[None] - common)
    return result


def _size(path: Path) -> int:
    return (
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size
    )
