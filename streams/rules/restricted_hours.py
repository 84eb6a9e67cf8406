"""Restricted hours: somebody in a zone while it is closed.

Opens at the first person who enters, or is seen in, a zone outside its opening hours; further signs are updates, at
most one a minute; closes when none came for `quiet_s` of event time. Leaving a closed zone is no sign. Who enters
is told with the line and its direction.
"""

from typing import Final

from infra.clock import local_clock
from infra.events import Alert, Envelope
from infra.site import Site
from streams.signs import Sign, State, close_when_quiet, crossed, detected, take, way

RULE: Final = "restricted_hours"


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the zone, seen for the first time; changes `state`, returns what is to be published."""
    published = close_when_quiet(state, envelope.start_ms, site.limits.restricted_hours.quiet_s, "persons")
    if not site.is_open(envelope.zone_id, envelope.start_ms):
        published += _closed_zone(state, envelope, site)
    return published


def _closed_zone(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    entered = [
        (event_ms, f"entered by {line_id} from {way(site.line[line_id], direction, site)}")
        for event_ms, line_id, direction, what in crossed(envelope)
        if what == "person" and direction * site.effects[line_id].get(envelope.zone_id, 0) > 0
    ]
    seen = [(event_ms, "seen") for event_ms, what in detected(envelope) if what == "person"]
    if not (entered or seen or envelope.visible):
        return []
    event_ms, how = min(entered or seen, default=(envelope.end_ms, "seen"))
    sign = Sign(event_ms, len(entered) or envelope.visible or 1, RULE, envelope.zone_id, "critical")
    name, last = site.zone[envelope.zone_id].name, f"{how} at {local_clock(event_ms, site.tz)}"
    return take(state, sign, envelope, lambda signs: f"{name} is closed; {signs} sign(s) of persons, last {last}")
