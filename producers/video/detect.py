"""The detector: an ultralytics model from a file (.pt, ONNX, OpenVINO folder), picture in, arrays out.

Nothing is fetched or sent: weights must be a file, and ultralytics is told that there is no network.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.errors import UserError
from infra.events import ObjectClass
from producers.video.source import Image

Floats = NDArray[np.float64]

CLASSES: Final[tuple[ObjectClass, ...]] = ("person", "bicycle", "motorcycle", "car", "truck")
PERSON: Final = CLASSES.index("person")
TOLD_AS: Final[dict[str, ObjectClass]] = {name: name for name in CLASSES} | {"bus": "truck"}
"""What a model's own class is told as; a bus is a large vehicle. Other classes are not told."""
LEAST_CONFIDENCE: Final = 0.1
"""Weak detections do not begin a track, but they continue one."""
MOST_OVERLAP: Final = 0.6
"""Intersection over union from which two boxes are one: at ultralytics' 0.7 a third is found between two abreast."""
OFFLINE: Final = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}


DEMO_WEIGHTS: Final = Path(__file__).parents[1] / "scenes" / "weights" / "scenes_int8_openvino_model"
"""Trained on rendered scenes (`producers/scenes/train.py`), and of no use on any other picture."""


def named_weights(given: Path | None) -> Path | None:
    """The weights of this name: `demo` are those for rendered scenes, anything else is a path."""
    return DEMO_WEIGHTS if given == Path("demo") else given


def extra_missing(error: ImportError) -> UserError:
    """What to tell when the vision extra is not installed."""
    return UserError(f"{error.name} is not installed", "run `uv sync --extra vision` (some GB)")


def offline() -> None:
    """Tell ultralytics that there is no network, before it is imported."""
    os.environ.update(OFFLINE)


class Detector:
    """Finds persons and vehicles in a picture."""

    def __init__(self, weights: Path) -> None:
        if not weights.exists():
            raise UserError(f"{weights}: no such weights", "give --weights PATH (.pt, .onnx or an OpenVINO folder)")
        offline()
        try:
            from ultralytics import YOLO
        except ImportError as error:
            raise extra_missing(error) from error
        try:
            self._model = YOLO(str(weights), task="detect")
            names: dict[int, str] = dict(self._model.names)
        except Exception as error:  # ultralytics raises whatever its backends raise
            raise UserError(f"{weights}: not weights that ultralytics reads ({error})", "give other weights") from error
        self._classes = {index: CLASSES.index(TOLD_AS[name]) for index, name in names.items() if name in TOLD_AS}
        if not self._classes:
            raise UserError(f"{weights}: finds none of {', '.join(CLASSES)}", "give weights trained on such classes")

    def find(self, images: Sequence[Image]) -> list[Floats]:
        """For each picture n x 6: left, top, right, bottom in pixels, confidence, index into `CLASSES`.

        Pictures of one shape go through the model together, as far as the model takes more than one at a time
        (ultralytics splits the batch for one that does not).
        """
        found: dict[int, Floats] = {}
        for shape in {image.shape for image in images}:
            alike = [number for number, image in enumerate(images) if image.shape == shape]
            found |= zip(alike, self._find_alike([images[number] for number in alike]), strict=True)
        return [found[number] for number in range(len(images))]

    def _find_alike(self, images: list[Image]) -> list[Floats]:
        results = self._model.predict(
            images, conf=LEAST_CONFIDENCE, iou=MOST_OVERLAP, classes=list(self._classes), verbose=False
        )
        return [self._told(result.boxes.data.cpu().numpy().astype(np.float64)) for result in results]

    def _told(self, boxes: Floats) -> Floats:
        """The boxes, the model's own classes replaced by ours."""
        boxes[:, 5] = [self._classes[int(index)] for index in boxes[:, 5]]
        return boxes
