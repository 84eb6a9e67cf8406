"""Wrong way: a line with an `allowed_direction` is crossed against it.

Each such line has one alert at a time: it opens at the first crossing, further ones are updates, at most one a minute,
and it closes when none came for `quiet_s`. A crossing is told to every zone that it changes; it counts in one, the
first of `Site.effects`. Without `allowed_direction`, the default, a line may be crossed both ways.
"""

from functools import partial
from typing import Final

from infra.clock import local_clock
from infra.events import Alert, Envelope
from infra.site import Line, Site
from streams.signs import Sign, State, close_when_quiet, crossed, take

RULE: Final = "wrong_way"


def step(states: dict[str, State], envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope, seen for the first time; `states` are those of the zone's lines, changed in place."""
    quiet_s = site.limits.wrong_way.quiet_s
    published = [
        alert
        for state in states.values()
        for alert in close_when_quiet(state, envelope.start_ms, quiet_s, "crossings the wrong way")
    ]
    for event_ms, line_id, direction, what in crossed(envelope):
        line = site.line[line_id]
        if line.allowed_direction in (None, direction) or next(iter(site.effects[line_id])) != envelope.zone_id:
            continue
        sign = Sign(event_ms, 1, RULE, line_id, "warning")
        explain = partial(_explain, line, f"a {what} at {local_clock(event_ms, site.tz)}")
        published += take(states.setdefault(line_id, State()), sign, envelope, explain)
    return published


def _explain(line: Line, last: str, signs: int) -> str:
    start, end = (line.from_zone, line.to_zone) if line.allowed_direction == 1 else (line.to_zone, line.from_zone)
    return f"{line.id}: {signs} crossing(s) against the way {start} to {end}, last {last}"
