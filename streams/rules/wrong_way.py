"""Wrong way: a line with an `allowed_direction` is crossed against it.

Each such line has one alert at a time (`signs.on_lines`). Without `allowed_direction`, the default, a line may be
crossed both ways. Lines of a perimeter are `perimeter_crossing`'s.
"""

from typing import Final

from infra.events import Alert, Envelope
from infra.site import Line, Site
from streams.rules import perimeter_crossing
from streams.signs import LineRule, State, on_lines, way

RULE: Final = "wrong_way"


def step(states: dict[str, State], envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope, seen for the first time; `states` are those of the zone's lines, changed in place."""
    return on_lines(states, envelope, site, _ON_LINES, site.limits.wrong_way.quiet_s)


def _is_wrong(site: Site, line: Line, direction: int) -> bool:
    return line.allowed_direction == -direction and not perimeter_crossing.is_watched(line, site)


def _explain(site: Site, line: Line, direction: int, last: str, signs: int) -> str:
    return f"{line.id}: {signs} crossing(s) against the way {way(line, -direction, site)}, last {last}"


_ON_LINES: Final = LineRule(RULE, "warning", "crossings the wrong way", _is_wrong, _explain)
