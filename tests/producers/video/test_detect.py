"""The detector on a picture that everybody knows, and weights that are none."""

from collections import Counter
from pathlib import Path

import pytest

from infra.errors import UserError
from producers.video.detect import CLASSES, Detector
from producers.video.source import Frame
from producers.video.track import Tracker
from tests.producers.video.helpers import WANTS_MODEL, WEIGHTS

pytestmark = WANTS_MODEL


def test_persons_and_the_bus_are_found_and_weak_tracks_do_not_begin() -> None:
    import cv2
    from ultralytics.utils import ASSETS

    image = cv2.imread(str(ASSETS / "bus.jpg"))
    (found,) = Detector(WEIGHTS).find([image])
    sure = found[found[:, 4] >= 0.25]
    assert Counter(CLASSES[int(index)] for index in sure[:, 5]) == {"person": 4, "truck": 1}
    tracks = Tracker(25).follow(found, Frame(0, image))
    assert {seen.object_class for seen in tracks} == {"person", "truck"}
    assert all(seen.track >= 0 and seen.confidence >= 0.4 for seen in tracks)
    assert len({seen.track for seen in tracks}) == len(tracks)


def test_an_empty_frame_has_no_tracks() -> None:
    import numpy as np

    nothing = np.zeros((480, 640, 3), np.uint8)
    (found,) = Detector(WEIGHTS).find([nothing])
    assert found.shape == (0, 6)
    assert Tracker(25).follow(found, Frame(0, nothing)) == []


def test_an_unconfirmed_track_is_not_told() -> None:
    import numpy as np

    image, tracker = np.zeros((480, 640, 3), np.uint8), Tracker(25)
    box = np.array([[100.0, 100, 150, 250, 0.9, 0]])
    tracker.follow(np.empty((0, 6)), Frame(0, image))
    assert [len(tracker.follow(found, Frame(0, image))) for found in (box, np.empty((0, 6)), box, box)] == [0, 0, 0, 1]


@pytest.mark.parametrize("name", ["text.pt", "text.onnx", "folder_openvino_model"])
def test_weights_that_are_none_are_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if "." in name:
        path.write_text("no weights", encoding="utf-8")
    else:
        path.mkdir()
    with pytest.raises(UserError, match="not weights"):
        Detector(path)
