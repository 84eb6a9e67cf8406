"""Hand-made envelopes and a small site with all that the rules look at."""

from collections.abc import Callable, Sequence

import msgspec

from infra.events import Alert, Crossings, Detections, Envelope
from infra.settings import SMALL_SITE
from infra.site import Site, load_site

SMALL = load_site(SMALL_SITE)


def changed_site(zones: dict[str, dict[str, object]], lines: dict[str, dict[str, object]], site: Site = SMALL) -> Site:
    """The small site, or another, with these fields of zones and lines replaced."""
    content = site.model_dump(mode="json")
    for group, changes in (("zones", zones), ("lines", lines)):
        content[group] = [part | changes.get(part["id"], {}) for part in content[group]]
    return Site.model_validate(content)


def envelope(
    zone_id: str,
    at_ms: int,
    *,
    visible: int | None = None,
    detections: Detections | None = None,
    crossings: Crossings | None = None,
) -> Envelope:
    """One envelope of half a second; its seq is its time, so that evidence tells which it was."""
    return Envelope(
        schema_version=1,
        estate_id=SMALL.estate.id,
        zone_id=zone_id,
        camera_id="cam_perimeter",
        boot_id="b",
        seq=at_ms,
        start_ms=at_ms,
        end_ms=at_ms + 500,
        visible=visible,
        detections=detections,
        crossings=crossings,
    )


def seen(zone_id: str, at_ms: int, what: str, *places: tuple[float, float]) -> Envelope:
    """An envelope that detects one `what` at each of `places`, each time under new track ids."""
    n = len(places)
    columns = {
        "event_ms": [at_ms] * n,
        "track_id": [at_ms % 1_000_000 + i for i in range(n)],
        "object_class": [what] * n,
        "x_m": [float(x) for x, _ in places],
        "y_m": [float(y) for _, y in places],
        "confidence": [0.9] * n,
    }
    return envelope(zone_id, at_ms, detections=msgspec.convert(columns, Detections))


def crossing(zone_id: str, at_ms: int, line_id: str, direction: int, what: str = "person") -> Envelope:
    """An envelope with one crossing."""
    columns = {
        "crossing_id": [f"{line_id}{at_ms}"],
        "event_ms": [at_ms],
        "line_id": [line_id],
        "direction": [direction],
        "track_id": [1],
        "object_class": [what],
    }
    return envelope(zone_id, at_ms, crossings=msgspec.convert(columns, Crossings))


def told(step: Callable[[Envelope], list[Alert]], story: Sequence[Envelope], start_ms: int) -> list[tuple[float, str]]:
    """(seconds since `start_ms` at which the alert's news happened, status) of all that `step` publishes."""
    alerts = [alert for one in story for alert in step(one)]
    return [((alert.updated_ms - start_ms) / 1000, alert.status) for alert in alerts]
