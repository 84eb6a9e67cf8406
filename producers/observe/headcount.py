"""How many persons somebody counted in a zone, as a message to the streams."""

from typing import Final

from infra.clock import Clock, parse_ms
from infra.errors import UserError
from infra.events import MAX_CLOCK_ERROR_MS, MAX_PERSONS, SCHEMA_VERSION, Headcount, derived_id, encoder
from infra.site import Site
from infra.topics import HEADCOUNTS
from producers.sink import Sink

USUAL_ERROR: Final = 0.02
"""Standard deviation of a count by hand, as a share of the persons, where nobody says how good it is."""


def headcount(
    site: Site, zone_id: str, persons: int, *, error: float | None, at: str | None, by: str, clock: Clock
) -> Headcount:
    """The headcount in these words. Raises UserError for an unknown zone, a time that is none, or numbers out of range.

    Its id is made from zone, time and who counted: said again with another number, it stands in for the first.
    """
    if zone_id not in site.zone:
        raise UserError(f"zone {zone_id!r} is not in the site file", f"choose one of: {', '.join(site.zone)}")
    event_ms = clock.now_ms() if at is None else _time_ms(at, site, clock)
    error_persons = max(1.0, round(USUAL_ERROR * persons, 1)) if error is None else error
    if not (0 <= persons <= MAX_PERSONS and 0 <= error_persons <= MAX_PERSONS):
        raise UserError(f"{persons} persons ± {error_persons:g}: out of range", f"give numbers from 0 to {MAX_PERSONS}")
    if not 1 <= len(by) <= 96:
        raise UserError(f"--by {by!r}: too long, or nobody", "give 1 to 96 characters")
    return Headcount(
        schema_version=SCHEMA_VERSION,
        headcount_id=derived_id("headcount", site.estate.id, zone_id, event_ms, by),
        estate_id=site.estate.id,
        zone_id=zone_id,
        event_ms=event_ms,
        persons=persons,
        error_persons=error_persons,
        by=by,
    )


def _time_ms(at: str, site: Site, clock: Clock) -> int:
    try:
        event_ms = parse_ms(at, site.tz)
    except ValueError:
        raise UserError(f"--at {at}: not a time", "give e.g. 2024-05-27T22:30 (local) or …+08:00") from None
    if abs(event_ms - clock.now_ms()) > MAX_CLOCK_ERROR_MS:
        raise UserError(f"--at {at}: more than a day from now", "report what was counted today")
    return event_ms


def send(counted: Headcount, sink: Sink, clock: Clock) -> None:
    """Send one headcount, under its zone's key, and wait until it has arrived."""
    sink.send(HEADCOUNTS, counted.zone_id.encode(), encoder.encode(counted), clock.now_ms())
    sink.flush()
