"""Perimeter crossing: somebody or something crosses a line of a zone of kind perimeter, in any direction.

A way that is allowed (`allowed_direction` of the line) raises nothing; the other one is told here and not as
`wrong_way`. Each such line has one alert at a time (`signs.on_lines`).
"""

from typing import Final

from infra.events import Alert, Envelope
from infra.site import Line, Site
from streams.signs import LineRule, State, on_lines, way

RULE: Final = "perimeter_crossing"


def step(states: dict[str, State], envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope, seen for the first time; `states` are those of the zone's lines, changed in place."""
    return on_lines(states, envelope, site, _ON_LINES, site.limits.perimeter_crossing.quiet_s)


def is_watched(line: Line, site: Site) -> bool:
    """Whether the line leads into or out of a perimeter."""
    return any(site.zone[end].kind == "perimeter" for end in (line.from_zone, line.to_zone) if end in site.zone)


def _is_crossing(site: Site, line: Line, direction: int) -> bool:
    return is_watched(line, site) and line.allowed_direction != direction


def _explain(site: Site, line: Line, direction: int, last: str, signs: int) -> str:
    return f"{line.id}: {signs} crossing(s) of the perimeter, last {last} from {way(line, direction, site)}"


_ON_LINES: Final = LineRule(RULE, "critical", "crossings of the perimeter", _is_crossing, _explain)
