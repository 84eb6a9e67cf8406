"""E-bike: a motorcycle or bicycle in a building, where its battery is a fire hazard in the stairwell.

Opens at the first one that enters a zone of kind building or floor, or is detected in one; further signs are updates,
at most one a minute; closes when none came for `quiet_s`. Entering counts for the innermost zone only, so that one
e-bike that is brought up to a floor is one alert, not one for each zone around it.
"""

from typing import Final

from infra.clock import local_clock
from infra.events import Alert, Envelope
from infra.site import Site
from streams.signs import Sign, State, close_when_quiet, crossed, detected, take

RULE: Final = "e_bike"
KINDS: Final = ("building", "floor")


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the zone, seen for the first time; changes `state`, returns what is to be published."""
    zone, limits = site.zone[envelope.zone_id], site.limits.e_bike
    if zone.kind not in KINDS:
        return []
    published = close_when_quiet(state, envelope.start_ms, limits.quiet_s, "e-bikes")
    entered = [
        (event_ms, what)
        for event_ms, line_id, direction, what in crossed(envelope)
        if what in limits.classes and site.entered(line_id, direction) == zone.id
    ]
    seen = [(event_ms, what) for event_ms, what in detected(envelope) if what in limits.classes]
    if entered or seen:
        event_ms, what = min(entered or seen)
        sign = Sign(event_ms, len(entered or seen), RULE, zone.id, "critical")
        how = f"last a {what} {'entered' if entered else 'seen'} at {local_clock(event_ms, site.tz)}"
        published += take(state, sign, envelope, lambda signs: f"{zone.name}: {signs} sign(s) of e-bikes, {how}")
    return published
