"""What the named queries want to know of an estate's site file: its lines, zones and capacities, as parameters."""

from infra.site import Site
from warehouse.client import Parameter


def estate_parameters(site: Site) -> dict[str, Parameter]:
    """Parameters by name. Lines, zones and effects (what direction +1 of a line adds to a zone) are columns."""
    effects = [(line, zone, sign) for line, zones in site.effects.items() for zone, sign in zones.items()]
    return {
        "estate": site.estate.id,
        "tz": site.estate.timezone,
        "lines": [line.id for line in site.lines],
        "from_zones": [line.from_zone for line in site.lines],
        "to_zones": [line.to_zone for line in site.lines],
        "zones": [zone.id for zone in site.zones],
        "capacities": [zone.capacity for zone in site.zones],
        "effect_lines": [line for line, _, _ in effects],
        "effect_zones": [zone for _, zone, _ in effects],
        "effect_signs": [sign for _, _, sign in effects],
    }
