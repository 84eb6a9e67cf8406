"""A site whose plaza camera has a view, a drawn street for it, and the shared recordings and weights."""

import os
from pathlib import Path

import numpy as np
import pytest

from infra.events import Envelope, ObjectClass
from infra.settings import SMALL_SITE
from infra.site import Camera, Site, View, load_site
from infra.validate import judge
from producers.video.detect import Floats
from producers.video.geometry import Seen
from producers.video.source import Fault, Frame, Image
from tests.producers.helpers import MemorySink

CHECKOUT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("ANFANG_SHARED") or CHECKOUT.parent / "shared")
WEIGHTS = SHARED / "models" / "yolo11n_int8_openvino_model"
STREET = SHARED / "data" / "TUD-Stadtmitte"

WANTS_MODEL = pytest.mark.skipif(
    not WEIGHTS.exists() or not STREET.exists(), reason="needs weights and recording in ../shared or ANFANG_SHARED"
)

LINE_X = 320.0
SIZE = (640, 480)
START_MS = 1_716_768_000_000
NOTHING: Floats = np.empty((0, 6))


PLAZA_VIEW = View(
    size_px=SIZE,
    zones={"plaza": ((LINE_X, 0), (640, 0), (640, 480), (LINE_X, 480))},
    lines={"plaza_edge": ((LINE_X, 480), (LINE_X, 0))},
)
"""The plaza right of the upright line at `LINE_X`: +1 is to the right."""


def site_with_views(views: dict[str, View]) -> Site:
    """The small site, its cameras of such ids with such views."""
    site = load_site(SMALL_SITE)
    cameras = tuple(camera.model_copy(update={"view": views.get(camera.id)}) for camera in site.cameras)
    return site.model_copy(update={"cameras": cameras})


def site_with_view(view: View = PLAZA_VIEW) -> Site:
    """The small site, its plaza camera with a view."""
    return site_with_views({"cam_plaza": view})


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


def street(x: float | None, size: tuple[int, int] = SIZE) -> Image:
    """A grey street, and a dark person at `x`."""
    width, height = size
    image = np.full((height, width, 3), 150, np.uint8)
    image[: height // 3] = 200
    if x is not None:
        left, right = (int(place * width / 640) for place in (x - 15, x + 15))
        image[height * 2 // 5 : height * 3 // 5, left:right] = 40
    return image


def follow_dark(_found: Floats, frame: Frame) -> list[Seen]:
    """The dark person, found by looking."""
    rows, columns = np.nonzero(frame.image[:, :, 0] < 100)
    if not len(rows):
        return []
    box = (float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max()))
    kind: ObjectClass = "person"
    return [Seen(1, box, kind, 0.9)]


def walk(size: tuple[int, int] = SIZE) -> list[Frame | Fault]:
    """A walk over the line, then ten seconds of an empty street."""
    places = [*range(200, 440, 4), *[None] * 250]
    return [Frame(START_MS + 40 * n, street(x, size)) for n, x in enumerate(places)]
