"""Geometry of the plan: the site's metres (y to the north) become SVG units (y down), one unit a metre. Pure."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from msgspec import Struct

from infra.site import Camera, Gate, Site, Zone

MARGIN_M: Final = 6.0
CURVE_WIDTH: Final = 96
CURVE_HEIGHT: Final = 24
NOT_DRAWN: Final = frozenset({"floor"})
"""Floors lie above each other; their building stands for them."""


class Spot(Struct, frozen=True):
    """Cameras that stand at one place: `(x, y)` in SVG units."""

    spot_id: str
    x: float
    y: float
    cameras: tuple[str, ...]


class Plan:
    """What of a site is drawn where."""

    def __init__(self, site: Site) -> None:
        self._site = site
        points = [point for zone in site.zones for point in zone.polygon_m]
        points += [camera.position_m for camera in site.cameras]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self._left, self._top = min(xs) - MARGIN_M, max(ys) + 2 * MARGIN_M
        self.width, self.height = max(xs) - min(xs) + 2 * MARGIN_M, max(ys) - min(ys) + 3 * MARGIN_M

    @cached_property
    def zones(self) -> list[Zone]:
        """The zones that are drawn, those that contain others first."""
        drawn = [zone for zone in self._site.zones if zone.kind not in NOT_DRAWN]
        return sorted(drawn, key=lambda zone: len(self._site.ancestry(zone.id)))

    @cached_property
    def has_parts(self) -> frozenset[str]:
        """Zones that contain other drawn zones: their number stands at the upper edge, pale of colour."""
        return frozenset(zone.parent for zone in self.zones if zone.parent)

    @cached_property
    def children(self) -> dict[str | None, list[Zone]]:
        """For each zone those within it, in file order; under None those within none."""
        parents = dict.fromkeys(zone.parent for zone in self._site.zones)
        return {parent: [zone for zone in self._site.zones if zone.parent == parent] for parent in parents}

    @cached_property
    def spots(self) -> list[Spot]:
        """The places where cameras stand."""
        at: dict[tuple[float, float], list[Camera]] = {}
        for camera in self._site.cameras:
            at.setdefault(camera.position_m, []).append(camera)
        return [
            Spot(f"s{n}", *self.point(place), tuple(camera.id for camera in cameras))
            for n, (place, cameras) in enumerate(at.items())
        ]

    @cached_property
    def spot_of(self) -> dict[str, Spot]:
        """For each camera where it stands."""
        return {camera: spot for spot in self.spots for camera in spot.cameras}

    def point(self, place_m: Sequence[float]) -> tuple[float, float]:
        """A place in metres as SVG units."""
        return round(place_m[0] - self._left, 2), round(self._top - place_m[1], 2)

    def polygon(self, zone: Zone) -> str:
        """The zone's outline, as `points` of an SVG polygon."""
        return " ".join(f"{x:g},{y:g}" for x, y in map(self.point, zone.polygon_m))

    def label(self, zone: Zone) -> tuple[float, float, float]:
        """Where the zone's number stands and its size: (x, y, font size)."""
        points = [self.point(point) for point in zone.polygon_m]
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        top, bottom = min(y for _, y in points), max(y for _, y in points)
        if zone.id in self.has_parts:
            size = round(self.width / 45, 2)
            above = max(size * 0.4, MARGIN_M - 1)
            return left + size * 0.3, top - above if zone.parent is None else top + size * 1.1, size
        size = round(max(3.5, min((right - left) / 3.4, (bottom - top) / 2.4, self.width / 26)), 2)
        return round((left + right) / 2, 2), round((top + bottom) / 2 + size * 0.35, 2), size

    def gate(self, gate: Gate) -> tuple[float, float]:
        """The middle of the gate's line."""
        first, last = (self.point(point) for point in self._site.line[gate.line].points_m)
        return (first[0] + last[0]) / 2, (first[1] + last[1]) / 2


def curve_most(curve: Sequence[int | None]) -> int | None:
    """The highest point of a curve; None where it has none."""
    return max((value for value in curve if value is not None), default=None)


def curve_path(curve: Sequence[int | None]) -> str:
    """The day's curve as `d` of an SVG path of `CURVE_WIDTH` x `CURVE_HEIGHT`; where nobody could tell it is broken."""
    most = curve_most(curve) or 1
    width = CURVE_WIDTH / max(len(curve) - 1, 1)
    path, pen_down = [], False
    for n, value in enumerate(curve):
        if value is not None:
            y = CURVE_HEIGHT - 1 - (CURVE_HEIGHT - 2) * value / most
            path.append(f"{'L' if pen_down else 'M'}{n * width:.1f} {y:.1f}" + ("" if pen_down else "h.1"))
        pen_down = value is not None
    return "".join(path)
