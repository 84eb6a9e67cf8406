"""Wrong way: a line with an `allowed_direction` is crossed against it.

Each such line has one alert at a time: it opens at the first crossing, further ones are updates, at most one a minute,
and it closes when none came for `quiet_s`. A crossing is told to every zone that it changes; it counts in one, the
first of `Site.effects`. Without `allowed_direction`, the default, a line may be crossed both ways.
"""

from typing import Final

from infra.clock import iso_ms
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
        published += take(states.setdefault(line_id, State()), sign, envelope, _Explanation(line, what, event_ms))
    return published


class _Explanation:
    """Says in words what `signs` crossings of the line were, the last one by `what`."""

    def __init__(self, line: Line, what: str, event_ms: int) -> None:
        self._line, self._what, self._event_ms = line, what, event_ms

    def __call__(self, signs: int) -> str:
        line = self._line
        start, end = (line.from_zone, line.to_zone) if line.allowed_direction == 1 else (line.to_zone, line.from_zone)
        last = f"last a {self._what} at {iso_ms(self._event_ms)}"
        return f"{line.id}: {signs} crossing(s) against the way {start} to {end}, {last}"
