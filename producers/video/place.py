"""Where on the site something stands: by the camera's measured ground, else at its zone's centre."""

from typing import Final

import numpy as np

from infra import ground
from infra.site import Site, View
from producers.video.geometry import Floats

AROUND_M: Final = 2.0
"""So far beyond the zone's bounding box a place may be told: zones are drawn roughly, and the ground measured so."""


class Places:
    """Turns ground points in one camera's picture into metres of the site."""

    def __init__(self, site: Site, view: View) -> None:
        self._polygon = {zone: np.array(site.zone[zone].polygon_m, np.float64) for zone in view.zones}
        self._matrix = None if view.ground is None else ground.fit(view.ground)

    def of(self, zone: str, points_px: Floats) -> Floats:
        """n x 2 ground points seen in `zone` → n x 2 metres, in centimetres.

        What would lie farther than `AROUND_M` beyond the zone's bounding box is moved to that edge, so that a standing
        car stays in one place; what is above the horizon, or all where no ground is measured, is at the zone's centre.
        """
        polygon = self._polygon[zone]
        centre = np.broadcast_to(polygon.mean(axis=0), points_px.shape)
        if self._matrix is None:
            return centre.round(2)
        found = ground.to_ground(self._matrix, points_px)
        near = np.clip(found, polygon.min(axis=0) - AROUND_M, polygon.max(axis=0) + AROUND_M)
        told: Floats = np.where(np.isnan(near), centre, near).round(2)
        return told
