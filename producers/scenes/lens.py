"""A fixed camera over flat ground: from metres to pixels and back. Pure.

The ground's origin lies under the camera: x to the right, y away from it, z up, all in metres. A pinhole without
distortion (Hartley and Zisserman, Multiple View Geometry, chapter 6).
"""

import math
from dataclasses import dataclass
from functools import cached_property

Place = tuple[float, float]
"""A point of the ground, in metres."""
Spot = tuple[float, float, float]
"""Where a point of the world appears: x and y in pixels, and how many pixels a metre has there."""
NEAREST_M = 0.2


@dataclass(frozen=True)
class Lens:
    """A camera `height_m` above the ground that looks down by `pitch_deg`; `focal` is in picture widths."""

    size_px: tuple[int, int]
    height_m: float = 5.5
    pitch_deg: float = 36.0
    focal: float = 0.9

    @cached_property
    def _turn(self) -> tuple[float, float, float]:
        """Cosine and sine of the pitch, and the focal length in pixels."""
        pitch = math.radians(self.pitch_deg)
        return math.cos(pitch), math.sin(pitch), self.focal * self.size_px[0]

    def spot(self, x: float, y: float, z: float = 0.0) -> Spot:
        """Where the point appears; what is behind the camera is taken to be `NEAREST_M` before it."""
        cosine, sine, focal = self._turn
        below = self.height_m - z
        scale = focal / max(NEAREST_M, y * cosine + below * sine)
        return self.size_px[0] / 2 + x * scale, self.size_px[1] / 2 + (below * cosine - y * sine) * scale, scale

    def place(self, x_px: float, y_px: float) -> Place:
        """The ground that a pixel shows. Raises ValueError for a pixel that shows the sky."""
        cosine, sine, focal = self._turn
        right, down = (x_px - self.size_px[0] / 2) / focal, (y_px - self.size_px[1] / 2) / focal
        fall = sine + down * cosine
        if fall <= 0:
            raise ValueError(f"pixel {x_px:.0f}, {y_px:.0f} is above the horizon")
        reach = self.height_m / fall
        return right * reach, (cosine - down * sine) * reach
