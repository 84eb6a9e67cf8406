"""A site whose plaza camera has a view, the shared recordings and weights, and what needs the vision extra."""

import importlib.util
import os
from pathlib import Path

import pytest

from infra.events import Envelope
from infra.site import Camera, Site, View
from infra.validate import judge
from tests.producers.helpers import SMALL, MemorySink

CHECKOUT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("ANFANG_SHARED") or CHECKOUT.parent / "shared")
WEIGHTS = SHARED / "models" / "yolo11n_int8_openvino_model"
STREET = SHARED / "data" / "TUD-Stadtmitte"

WANTS_CV2 = pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None, reason="needs the vision extra: uv sync --extra vision"
)
WANTS_MODEL = pytest.mark.skipif(
    importlib.util.find_spec("ultralytics") is None or not WEIGHTS.exists() or not STREET.exists(),
    reason="needs the vision extra (uv sync --extra vision), and weights and recording in ../shared or ANFANG_SHARED",
)

LINE_X = 320.0
START_MS = 1_716_768_000_000


def site_with_view(view: View | None = None, camera_id: str = "cam_plaza") -> Site:
    """The small site, its plaza camera seeing the plaza right of the upright line at `LINE_X`: +1 is to the right."""
    view = view or View(
        size_px=(640, 480),
        zones={"plaza": ((LINE_X, 0), (640, 0), (640, 480), (LINE_X, 480))},
        lines={"plaza_edge": ((LINE_X, 480), (LINE_X, 0))},
    )
    cameras = tuple(
        camera.model_copy(update={"view": view}) if camera.id == camera_id else camera for camera in SMALL.cameras
    )
    return SMALL.model_copy(update={"cameras": cameras})


def plaza_camera(site: Site) -> Camera:
    """The camera of `site_with_view`."""
    return site.camera["cam_plaza"]


def judged(sink: MemorySink, site: Site) -> list[Envelope]:
    """What was sent, each valid by the platform's own judge."""
    found = [judge(sent.value, sent.timestamp_ms, site) for sent in sink.sent]
    envelopes = [envelope for envelope in found if isinstance(envelope, Envelope)]
    assert len(envelopes) == len(found), [refusal for refusal in found if not isinstance(refusal, Envelope)]
    assert [sent.key.decode() for sent in sink.sent] == [envelope.zone_id for envelope in envelopes]
    return envelopes
