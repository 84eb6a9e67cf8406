"""Mistakes in a site file that no single field shows: repeated ids, references to nothing, circles, odd drawings."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from infra import ground
from infra.documents import Location, Mistake
from infra.limits import OUTSIDE
from infra.windows import unknown_names

if TYPE_CHECKING:
    from infra.site import Camera, Site, Vendor, View

MAX_RESIDUAL_M: Final = 2.0
"""So far from where it was measured may a point of a view's `ground` come to lie: less than `FireLane.still_m`."""


def inconsistencies(site: "Site") -> Iterator[Mistake]:
    """Mistakes that no single field shows: repeated ids, references to nothing, circles."""
    for group in ("schedules", "zones", "lines", "cameras", "gates", "staff"):
        yield from _repeated(group, [part.id for part in getattr(site, group)])
    yield from _references(site)
    known = {"zones": set(site.zone), "cameras": set(site.camera), "schedules": set(site.schedule)}
    yield from unknown_names(site.maintenance, site.suppress, known)
    yield from _circles(site)


def _repeated(group: str, ids: list[str]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            yield (group, index, "id"), f"expected a new id, {name!r} is taken"
        seen.add(name)


def _references(site: "Site") -> Iterator[Mistake]:
    zones, lines, schedules = set(site.zone), set(site.line), set(site.schedule)
    check = _reference_check
    for i, zone in enumerate(site.zones):
        yield from check(("zones", i, "parent"), zone.parent, zones, "a zone of this file")
        yield from check(("zones", i, "opening_hours"), zone.opening_hours, schedules, "a schedule of this file")
        yield from check(("zones", i, "empty_hours"), zone.empty_hours, schedules, "a schedule of this file")
        for j, neighbour in enumerate(zone.neighbours):
            yield from check(("zones", i, "neighbours", j), neighbour, zones, "a zone of this file")
    for i, line in enumerate(site.lines):
        yield from check(
            ("lines", i, "from_zone"), line.from_zone, zones | {OUTSIDE}, 'a zone of this file or "outside"'
        )
        yield from check(("lines", i, "to_zone"), line.to_zone, zones | {OUTSIDE}, 'a zone of this file or "outside"')
        if line.from_zone == line.to_zone:
            yield ("lines", i, "to_zone"), f"expected a zone other than from_zone, got {line.to_zone!r}"
    for i, camera in enumerate(site.cameras):
        for j, name in enumerate(camera.zones):
            yield from check(("cameras", i, "zones", j), name, zones, "a zone of this file")
        for j, name in enumerate(camera.lines):
            yield from check(("cameras", i, "lines", j), name, lines, "a line of this file")
        if camera.faces is not None and camera.kind != "counting":
            yield ("cameras", i, "faces"), f"expected faces on cameras of kind counting only, this one is {camera.kind}"
        if camera.view is not None:
            yield from _view_mistakes(("cameras", i, "view"), camera, camera.view)
        if camera.vendor is not None:
            yield from _vendor_mistakes(("cameras", i, "vendor"), camera, camera.vendor)
    for i, gate in enumerate(site.gates):
        yield from check(("gates", i, "line"), gate.line, lines, "a line of this file")
    for i, shift in enumerate(site.staff):
        yield from check(("staff", i, "schedule"), shift.schedule, schedules, "a schedule of this file")


def _view_mistakes(loc: Location, camera: "Camera", view: "View") -> Iterator[Mistake]:
    """What is drawn must be the camera's and lie in the picture; every line that it counts must be drawn."""
    width, height = view.size_px
    for kind, drawn, own in (("zones", view.zones, camera.zones), ("lines", view.lines, camera.lines)):
        for name, points in drawn.items():
            if name not in own:
                yield (*loc, kind, name), f"expected one of this camera's {kind} ({', '.join(own) or 'none'})"
            if not all(0 <= x <= width and 0 <= y <= height for x, y in points):
                yield (*loc, kind, name), f"expected points inside the picture of {width} x {height} pixels"
            if len(set(points)) < len(points):
                yield (*loc, kind, name), "expected points that differ"
    for name in camera.lines:
        if name not in view.lines:
            yield (*loc, "lines"), f"expected line {name!r} drawn here: this camera counts it"
    yield from _ground_mistakes((*loc, "ground"), view)


def _ground_mistakes(loc: Location, view: "View") -> Iterator[Mistake]:
    """The points must lie in the picture, determine the ground, and fit each other."""
    if view.ground is None:
        return
    width, height = view.size_px
    for j, (x, y, _, _) in enumerate(view.ground):
        if not (0 <= x <= width and 0 <= y <= height):
            yield (*loc, j), f"expected a point inside the picture of {width} x {height} pixels"
    try:
        off_m = ground.residuals_m(view.ground, ground.fit(view.ground))
    except ValueError as error:
        yield loc, f"expected {error}"
        return
    for j, off in enumerate(off_m.tolist()):
        if off > MAX_RESIDUAL_M:
            yield (*loc, j), f"expected points that fit to {MAX_RESIDUAL_M} m, this one is off by {off:.2f} m"


def _vendor_mistakes(loc: Location, camera: "Camera", vendor: "Vendor") -> Iterator[Mistake]:
    """What a camera's names stand for must be its own, and each name must stand for one thing."""
    for name, told in vendor.lines.items():
        yield from _reference_check(
            (*loc, "lines", name, "line"), told.line, set(camera.lines), "a line of this camera"
        )
    for name, zone in vendor.zones.items():
        yield from _reference_check((*loc, "zones", name), zone, set(camera.zones), "a zone of this camera")
        if name in vendor.lines:
            yield (*loc, "zones", name), f"expected {name!r} under lines or under zones, not both"
    if not vendor.lines and not vendor.zones:
        yield loc, "expected the camera's own names under lines or zones"


def _reference_check(loc: Location, name: str | None, known: set[str], what: str) -> Iterator[Mistake]:
    if name is not None and name not in known:
        yield loc, f"expected {what}, got {name!r}"


def _circles(site: "Site") -> Iterator[Mistake]:
    for i, zone in enumerate(site.zones):
        seen, current = {zone.id}, zone.parent
        while current is not None and current in site.zone:
            if current in seen:
                yield ("zones", i, "parent"), f"expected a tree of zones, {zone.id!r} contains itself"
                break
            seen.add(current)
            current = site.zone[current].parent
