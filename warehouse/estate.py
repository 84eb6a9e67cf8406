"""What the warehouse wants to know of an estate's site file: parameters of the named queries, and tables of names."""

from collections.abc import Iterator
from datetime import datetime

from clickhouse_driver import Client

from infra.limits import OUTSIDE
from infra.site import Line, Site, minutes_of_week
from warehouse.client import Parameter, identifier


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


def record_site(client: Client, site: Site, now: datetime) -> None:
    """Write the site's names into `estates`, `zones`, `lines`, `devices` and `shifts`, as role `loader`.

    `now` is UTC. What the file no longer has keeps its name, but is no longer of today's file.
    """
    common = {"estate_id": site.estate.id, "recorded_at": now}
    for table, rows in site_rows(site).items():
        if rows:
            names = ", ".join(map(identifier, (*common, *rows[0])))
            client.execute(f"INSERT INTO {identifier(table)} ({names}) VALUES", [{**common, **row} for row in rows])


def site_rows(site: Site) -> dict[str, list[dict[str, object]]]:
    """The rows of each table, without estate and time; `estates`, which says what is of today, comes last."""
    return {
        "zones": [
            {
                "zone_id": zone.id,
                "name": zone.name,
                "kind": zone.kind,
                "parent_id": zone.parent or "",
                "capacity": zone.capacity,
                "has_homes": int(zone.has_homes),
            }
            for zone in site.zones
        ],
        "lines": [_line_row(site, line) for line in site.lines],
        "devices": list(_device_rows(site)),
        "shifts": list(_shift_rows(site)),
        "estates": [
            {
                "name": site.estate.name,
                "timezone": site.estate.timezone,
                "handover_day": site.estate.handover_date,
                "households": site.estate.households,
                "residents": site.estate.residents,
            }
        ],
    }


def line_name(site: Site, line: Line) -> str:
    """What people call a line: its gates, else the zones on both sides, and its cameras where another has the same."""
    gates = [gate.name for gate in site.gates_at.get(line.id, ())]
    if gates:
        return "、".join(gates)
    sides = {line.from_zone, line.to_zone}
    names = [site.zone[side].name for side in (line.from_zone, line.to_zone) if side != OUTSIDE]
    alone = sum({other.from_zone, other.to_zone} == sides for other in site.lines) == 1
    seen_by = [] if alone else [camera.name for camera in site.cameras if line.id in camera.lines] or [line.id]
    return " ".join(["–".join(names), *seen_by])


def _line_row(site: Site, line: Line) -> dict[str, object]:
    return {
        "line_id": line.id,
        "name": line_name(site, line),
        "from_zone": line.from_zone,
        "to_zone": line.to_zone,
        "inward": site.inward(line.id),
        "border": int(OUTSIDE in (line.from_zone, line.to_zone)),
    }


def _device_rows(site: Site) -> Iterator[dict[str, object]]:
    for camera in site.cameras:
        zone = site.camera_zones[camera.id][0]
        yield {"device_id": camera.id, "kind": camera.kind, "name": camera.name, "zone_id": zone}
    for gate in site.gates:
        yield {"device_id": gate.id, "kind": "gate", "name": gate.name, "zone_id": site.inner_zone(gate.line)}


def _shift_rows(site: Site) -> Iterator[dict[str, object]]:
    for shift in site.staff:
        spans = [span for text in site.schedule[shift.schedule].weekly for span in minutes_of_week(text)]
        for start, end in sorted(set(spans)):
            yield {"shift_id": shift.id, "role": shift.role, "start_minute": start, "end_minute": end}
