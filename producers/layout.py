"""The site as numbers: zones, lines and cameras by index, and what a crossing of each line changes.

Everything that handles a day of an estate at once (numpy columns) works on this, not on the site's names.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from infra.limits import OUTSIDE
from infra.site import Site

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NOBODY = -1
OFFSET_STEP_S = 37


@dataclass(frozen=True)
class Layout:
    """Indexes into the site's zones, lines, cameras. A pair is a camera and one zone that it sends envelopes to."""

    site: Site

    @cached_property
    def zone_at(self) -> dict[str, int]:
        """Zone index by id."""
        return {zone.id: index for index, zone in enumerate(self.site.zones)}

    @cached_property
    def line_at(self) -> dict[str, int]:
        """Line index by id."""
        return {line.id: index for index, line in enumerate(self.site.lines)}

    @cached_property
    def camera_at(self) -> dict[str, int]:
        """Camera index by id."""
        return {camera.id: index for index, camera in enumerate(self.site.cameras)}

    @cached_property
    def line_camera(self) -> Ints:
        """For each line, the camera that counts it: the first that names it, or `NOBODY`."""
        counted = np.full(len(self.site.lines), NOBODY, np.int64)
        for index, camera in reversed(list(enumerate(self.site.cameras))):
            for line in camera.lines:
                counted[self.line_at[line]] = index
        return counted

    @cached_property
    def effect_start(self) -> Ints:
        """Line i changes the zones `effect_zone[effect_start[i] : effect_start[i + 1]]`; length lines + 1."""
        return np.cumsum([0] + [len(self.site.effects[line.id]) for line in self.site.lines])

    @cached_property
    def effect_zone(self) -> Ints:
        """Zone indexes that the lines change, line after line."""
        changed = [self.zone_at[zone] for line in self.site.lines for zone in self.site.effects[line.id]]
        return np.array(changed, np.int64)

    @cached_property
    def effect_sign(self) -> Ints:
        """What a crossing in direction +1 adds, beside `effect_zone`."""
        return np.array([sign for line in self.site.lines for sign in self.site.effects[line.id].values()], np.int64)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """(camera, zone) of each pair, camera after camera, home zone first."""
        zones = self.site.camera_zones
        return [(index, self.zone_at[zone]) for camera, index in self.camera_at.items() for zone in zones[camera]]

    @cached_property
    def pair_camera(self) -> Ints:
        """The camera of each pair."""
        return np.array([camera for camera, _ in self.pairs], np.int64)

    @cached_property
    def pair_zone(self) -> Ints:
        """The zone of each pair."""
        return np.array([zone for _, zone in self.pairs], np.int64)

    @cached_property
    def pair_is_home(self) -> Bools:
        """Whether the pair's zone is its camera's home zone, where health is told."""
        return np.concatenate([[True], self.pair_camera[1:] != self.pair_camera[:-1]])

    @cached_property
    def pair_fraction(self) -> Floats:
        """The share of the zone that the camera sees, 0 where it does not count persons in view."""
        return np.array([self._fraction(camera, zone) for camera, zone in self.pairs])

    def _fraction(self, camera: int, zone: int) -> float:
        seen = self.site.zones[zone]
        return seen.visible_fraction if seen.id in self.site.cameras[camera].zones else 0.0

    @cached_property
    def pair_of(self) -> Ints:
        """The pair of each camera (row) and zone (column), or `NOBODY`."""
        table = np.full((len(self.site.cameras), len(self.site.zones)), NOBODY, np.int64)
        table[self.pair_camera, self.pair_zone] = np.arange(len(self.pairs))
        return table

    @cached_property
    def camera_offset_ms(self) -> Ints:
        """When in the minute each camera tells its health: a whole second, spread over the cameras."""
        return np.arange(len(self.site.cameras)) * OFFSET_STEP_S % 60 * 1000

    @cached_property
    def portals(self) -> list[int]:
        """Lines between outside and a zone: the ways into the estate. A perimeter is none."""
        return [
            i
            for i, line in enumerate(self.site.lines)
            if OUTSIDE in (line.from_zone, line.to_zone) and self.site.zone[self.inner_zone(i)].kind != "perimeter"
        ]

    @cached_property
    def gate_lines(self) -> list[int]:
        """Lines with a gate on them that lead outside, in file order of the gates."""
        guarded = dict.fromkeys(self.line_at[gate.line] for gate in self.site.gates)
        return [line for line in guarded if line in set(self.portals)]

    def inner_zone(self, line: int) -> str:
        """The zone on the estate's side of a portal."""
        return self.site.inner_zone(self.site.lines[line].id)

    def inward(self, line: int) -> int:
        """The direction (+1 or -1) of a portal that leads into the estate."""
        return self.site.inward(self.site.lines[line].id)

    def midpoint(self, line: int) -> tuple[float, float]:
        """The middle of a line, in metres."""
        (x0, y0), (x1, y1) = self.site.lines[line].points_m
        return (x0 + x1) / 2, (y0 + y1) / 2


def expand(counts: Ints) -> tuple[Ints, Ints]:
    """For ragged rows of `counts` items: (row, position in row) of every item, row after row."""
    row = np.repeat(np.arange(len(counts)), counts)
    position = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return row, position
