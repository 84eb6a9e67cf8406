"""Loitering: a person stays in a zone that has `loitering_minutes` for longer than that.

A person is a track of one camera: it stays as long as it is detected in the zone with no more than `gap_s` between two
sightings. A track that breaks begins anew, so who is hidden for long, or numbered anew by the tracker, is told late or
not at all; nobody is recognised. Zones without `loitering_minutes`, the default, are not watched: to sit on a square
is what it is for. One alert a zone (`streams/stays.py`).
"""

from typing import Final

from infra.events import Alert, Envelope
from infra.site import Site
from streams.stays import Limit, State, Stay, forget_gone, see, tell_overstayed

RULE: Final = "loitering"
MAX_PERSONS: Final = 500


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the zone, seen for the first time; changes `state`, returns what is to be published."""
    minutes = site.zone[envelope.zone_id].loitering_minutes
    if minutes is None and not state.stays:
        return []
    limit = Limit(RULE, "warning", "persons", minutes or 0, site.limits.loitering.gap_s)
    published = forget_gone(state, envelope.start_ms, limit)
    if minutes is None:  # since the site file was changed, when somebody was there
        return published
    _see_persons(state, envelope)
    return published + tell_overstayed(state, envelope, limit, site)


def _see_persons(state: State, envelope: Envelope) -> None:
    found = envelope.detections
    if found is None:
        return
    known = {stay.who: stay for stay in state.stays}
    columns = zip(found.track_id, found.event_ms, found.object_class, found.x_m, found.y_m, strict=True)
    for track, event_ms, what, x_m, y_m in columns:
        who = f"{envelope.camera_id}/{track}"
        if what != "person" or event_ms <= state.past_to_ms:
            continue
        if who in known:
            see(known[who], event_ms)
        elif len(known) < MAX_PERSONS:
            known[who] = Stay(who, x_m, y_m, event_ms, event_ms)
            state.stays.append(known[who])
