"""Where detections are told to stand: by the measured ground through the whole path, else at the zone's centre."""

import numpy as np
import pytest

from infra.events import Detections, Envelope
from infra.site import Camera, GroundPoint, Point, Site, View
from producers.video.geometry import Seen
from producers.video.place import AROUND_M, Places
from producers.video.tell import Teller
from streams import stays
from streams.rules import fire_lane
from tests.producers.video.helpers import START_MS, plaza_camera, site_with_view, site_with_views

CENTRE = (150.0, 95.0)
GROUND = (
    (40.0, 460.0, 110.0, 60.0),
    (600.0, 460.0, 190.0, 60.0),
    (370.0, 160.0, 190.0, 130.0),
    (270.0, 160.0, 110.0, 130.0),
)
"""The four corners of the plaza as a camera south of it sees them: 560 px wide in front, 100 px 300 px higher up."""
HORIZON = 460 - 300 * 560 / (560 - 100)
PICTURE: tuple[Point, ...] = ((0, 0), (640, 0), (640, 480), (0, 480))
VIEW = View(size_px=(640, 480), zones={"plaza": PICTURE}, lines={"plaza_edge": ((270, 160), (40, 460))}, ground=GROUND)


def told(site: Site, seen: list[Seen]) -> list[Point]:
    """Where the envelope of one frame says that they stand."""
    one = Teller(site, plaza_camera(site), "boot")
    one.frame(START_MS, seen)
    (envelope,) = one.finish()
    found = envelope.detections
    assert isinstance(found, Detections)
    return list(zip(found.x_m, found.y_m, strict=True))


def standing(*places: Point) -> list[Seen]:
    """Persons who stand at such pixels."""
    return [Seen(n, (x - 15, y - 100, x + 15, y), "person", 0.8) for n, (x, y) in enumerate(places, 1)]


def test_where_somebody_stands_is_told_in_metres_of_the_site() -> None:
    seen = standing((40, 460), (320, 460), (370, 160))
    assert told(site_with_view(VIEW), seen) == [(110, 60), (150, 60), (190, 130)]


def test_without_ground_it_is_the_centre_of_the_zone() -> None:
    assert told(site_with_view(), standing((400, 300), (500, 470))) == [CENTRE, CENTRE]


def test_far_beyond_the_zone_it_is_its_edge_and_above_the_horizon_its_centre() -> None:
    places = Places(site_with_view(VIEW), VIEW)
    assert places.of("plaza", np.array([[320, HORIZON + 1], [320, HORIZON - 1]])).tolist() == [
        [150.0, 130 + AROUND_M],
        list(CENTRE),
    ]


def lane_camera(ground: tuple[GroundPoint, ...] | None) -> tuple[Site, Camera]:
    """The small site, its perimeter camera looking along the fire lane, 560 px for its 125 m."""
    view = View(size_px=(640, 480), zones={"fire_lane": PICTURE}, lines={"pump_door": ((1, 1), (1, 9))}, ground=ground)
    site = site_with_views({"cam_perimeter": view})
    return site, site.camera["cam_perimeter"]


LANE = (
    (40.0, 400.0, 90.0, 135.0),
    (600.0, 400.0, 215.0, 135.0),
    (600.0, 200.0, 215.0, 145.0),
    (40.0, 200.0, 90.0, 145.0),
)


@pytest.mark.parametrize(("ground", "alerts"), [(LANE, 0), (None, 1)])
def test_two_cars_that_stop_one_after_the_other_are_not_one_that_stands(
    ground: tuple[GroundPoint, ...] | None, alerts: int
) -> None:
    """What it is for: each stands for four minutes, 40 m apart; at the zone's centre they seem to be one."""
    site, camera = lane_camera(ground)
    one, state = Teller(site, camera, "boot"), stays.State()
    envelopes: list[Envelope] = []
    for second in range(8 * 60):
        track, x = (1, 200.0) if second < 4 * 60 else (2, 380.0)
        car = Seen(track, (x - 40, 240, x + 40, 300), "car", 0.8)
        envelopes += one.frame(START_MS + 1000 * second, [car])
    envelopes += one.finish()
    found = [alert for envelope in envelopes for alert in fire_lane.step(state, envelope, site)]
    assert len(found) == alerts
