"""The seed's estate at full size, by rule: 16 perimeter cameras, 601 people-counting cameras, 18 personnel gates.

The numbers are those of the report (`雨花街道…支出绩效评价报告`); where it is silent, this is the rule:

- Gates: 3 main entrances with 2 gates each into the common ground, and 4 gates each from it into phase 1, 2 and 3: 18.
  Each gate has one counting line and one counting camera: 18 of the 601.
- Buildings: the other 583 counting cameras are 53 units (单元) of 11: 18 in phase 1, 18 in phase 2, 17 in phase 3.
  Of a unit's 11 cameras one counts the front door, one the basement door, and 9 the lift lobbies of its floor bands
  (27 floors, 3 a band).
- Zones are a tree: estate > phase > unit > floor band; each phase also has a fire lane and a courtyard. Capacities:
  30 persons a floor band (3 floors, 2 flats each, 5 persons), 9 bands a unit, 324 a courtyard.
- Perimeter: 16 cameras every 75 m along a fence of 400 m x 200 m, each on its own strip of ground, closed at night.
- Residents: 53 units x 54 flats = 2 862 households, 3 persons each.

`anfang site generate` writes the file; a test makes sure that the checked-in one is what this rule gives.
"""

from collections.abc import Iterator
from pathlib import Path

UNITS = {1: 18, 2: 18, 3: 17}
BANDS = 9
FLATS_PER_UNIT = 54
PERSONS_PER_FLAT = 3
BAND_CAPACITY = 30
COURTYARD_CAPACITY = 324
ENTRANCES = {"north": ("北门", 200, 200), "south": ("南门", 200, 0), "west": ("西门", 0, 100)}
GATES_PER_ENTRANCE = 2
GATES_PER_PHASE = 4
WIDTH_M, DEPTH_M = 400, 200
FENCE_CAMERAS = 16

HEADER = """\
# The seed's estate at full size: 16 perimeter cameras, 601 people-counting cameras, 18 personnel gates.
# Made by `anfang site generate` from the rule in infra/sites/generate.py; do not edit by hand.
version: 1
estate:
  id: tianjiaocheng
  name: 蓝光天娇城小区
  office: 雨花街道办事处
  committee: 营盘社区居委会
  timezone: Asia/Shanghai
  households: {households}
  residents: {residents}
  handover_date: 2023-12-08

schedules:
  - {{id: day, weekly: ["mon-sun 06:00-22:00"]}}
  - {{id: night, weekly: ["mon-sun 22:00-06:00"]}}
  - {{id: garden_hours, weekly: ["mon-sun 05:30-23:00"]}}

limits:
  over_capacity: {{open_ratio: 1.0, close_ratio: 0.9}}
  restricted_hours: {{quiet_s: 300}}
  camera_silent: {{timeout_s: 180}}
  crossing_miss_rate: 0.05

staff:
  - {{id: guards_day, role: 门岗, schedule: day, people: 9}}
  - {{id: guards_night, role: 夜间巡逻, schedule: night, people: 4}}
"""


def full_site() -> str:
    """The site file as YAML text."""
    households = sum(UNITS.values()) * FLATS_PER_UNIT
    sections = {"zones": _zones(), "lines": _lines(), "cameras": _cameras(), "gates": _gates()}
    text = HEADER.format(households=households, residents=households * PERSONS_PER_FLAT)
    for name, rows in sections.items():
        text += f"\n{name}:\n" + "".join(f"  - {{{row}}}\n" for row in rows)
    return text


def write(path: Path) -> None:
    """Write the site file to `path`."""
    path.write_text(full_site(), encoding="utf-8")


def _units() -> Iterator[tuple[int, int, int, int]]:
    """Phase, unit, and the south-west corner of each unit in metres: rows of 6 units of 14 m x 12 m."""
    for phase, units in UNITS.items():
        for unit in range(1, units + 1):
            row, column = divmod(unit - 1, 6)
            yield phase, unit, _phase_x(phase) + 8 + column * 19, 40 + row * 45


def _phase_x(phase: int) -> int:
    return 5 + (phase - 1) * 130


def _box(x: float, y: float, width: float, depth: float) -> str:
    return f"[[{x:g}, {y:g}], [{x + width:g}, {y:g}], [{x + width:g}, {y + depth:g}], [{x:g}, {y + depth:g}]]"


def _zones() -> Iterator[str]:
    everybody = sum(UNITS.values()) * BANDS * BAND_CAPACITY
    yield f"id: estate, name: 小区, kind: estate, capacity: {everybody}, polygon_m: {_box(0, 0, WIDTH_M, DEPTH_M)}"
    for phase, units in UNITS.items():
        left = _phase_x(phase)
        name, capacity = f"{'一二三'[phase - 1]}期", units * BANDS * BAND_CAPACITY
        yield f"id: p{phase}, name: {name}, kind: phase, parent: estate, capacity: {capacity}, polygon_m: {_box(left, 10, 125, 180)}"
        yield (
            f"id: p{phase}_garden, name: {name}中庭, kind: courtyard, parent: p{phase}, capacity: {COURTYARD_CAPACITY}, "
            f"polygon_m: {_box(left + 5, 15, 115, 18)}, visible_fraction: 0.85"
        )
        yield (
            f"id: p{phase}_fire_lane, name: {name}消防通道, kind: fire_lane, parent: p{phase}, capacity: 60, "
            f"polygon_m: {_box(left, 34, 125, 5)}"
        )
    for phase, unit, x, y in _units():
        name = f"{'一二三'[phase - 1]}期{unit}单元"
        unit_id = f"p{phase}_u{unit:02d}"
        yield f"id: {unit_id}, name: {name}, kind: building, parent: p{phase}, capacity: {BANDS * BAND_CAPACITY}, polygon_m: {_box(x, y, 14, 12)}"
        for band in range(1, BANDS + 1):
            floors = f"{band * 3 - 2}-{band * 3}层"
            yield f"id: {unit_id}_f{band}, name: {name}{floors}, kind: floor, parent: {unit_id}, capacity: {BAND_CAPACITY}, polygon_m: {_box(x, y, 14, 12)}"
    for number, (east, north) in enumerate(_fence(), start=1):
        yield (
            f"id: fence_{number:02d}, name: 周界{number:02d}段, kind: perimeter, parent: estate, capacity: 20, "
            f"polygon_m: {_box(max(0, east - 4), max(0, north - 4), 8, 8)}, opening_hours: garden_hours"
        )


def _fence() -> Iterator[tuple[float, float]]:
    """Positions every 75 m along the fence, from the south-west corner, anticlockwise."""
    step = 2 * (WIDTH_M + DEPTH_M) / FENCE_CAMERAS
    for number in range(FENCE_CAMERAS):
        along = number * step
        if along < WIDTH_M:
            yield along, 0
        elif along < WIDTH_M + DEPTH_M:
            yield WIDTH_M, along - WIDTH_M
        elif along < 2 * WIDTH_M + DEPTH_M:
            yield 2 * WIDTH_M + DEPTH_M - along, DEPTH_M
        else:
            yield 0, 2 * (WIDTH_M + DEPTH_M) - along


def _gate_places() -> Iterator[tuple[str, str, str, str, float, float]]:
    """(line id, entrance name, from zone, to zone, x, y) of the 18 gates, in order."""
    for entrance, (name, x, y) in ENTRANCES.items():
        for number in range(1, GATES_PER_ENTRANCE + 1):
            yield f"gate_{entrance}_{number}", name, "outside", "estate", x + 3 * number, y
    for phase in UNITS:
        for number in range(1, GATES_PER_PHASE + 1):
            entrance = f"{'一二三'[phase - 1]}期"
            yield f"gate_p{phase}_{number}", entrance, "estate", f"p{phase}", _phase_x(phase) + 25 * number, 10


def _lines() -> Iterator[str]:
    def line(line_id: str, from_zone: str, to_zone: str, x: float, y: float) -> str:
        points = f"[[{x:g}, {y:g}], [{x + 2:g}, {y:g}]]"
        return f"id: {line_id}, from_zone: {from_zone}, to_zone: {to_zone}, points_m: {points}"

    for line_id, _, from_zone, to_zone, x, y in _gate_places():
        yield line(line_id, from_zone, to_zone, x, y)
    for phase in UNITS:
        yield line(f"p{phase}_garden_edge", f"p{phase}", f"p{phase}_garden", _phase_x(phase) + 60, 33)
    for phase, unit, x, y in _units():
        unit_id = f"p{phase}_u{unit:02d}"
        yield line(f"{unit_id}_front", f"p{phase}", unit_id, x + 6, y)
        yield line(f"{unit_id}_basement", f"p{phase}", unit_id, x + 6, y + 12)
        for band in range(1, BANDS + 1):
            yield line(f"{unit_id}_lift{band}", unit_id, f"{unit_id}_f{band}", x + 6, y + 6)


def _cameras() -> Iterator[str]:
    def counting(line_id: str, name: str, zones: str, lines: str, at: tuple[float, float]) -> str:
        return f"id: cam_{line_id}, name: {name}, kind: counting, position_m: [{at[0]:g}, {at[1]:g}], zones: [{zones}], lines: [{lines}]"

    for line_id, entrance, _, to_zone, x, y in _gate_places():
        yield counting(line_id, f"{entrance}客流{line_id[-1]}", to_zone, line_id, (x, y))
    for phase, unit, x, y in _units():
        unit_id, name = f"p{phase}_u{unit:02d}", f"{'一二三'[phase - 1]}期{unit}单元"
        garden = unit == 1  # the first unit's front camera also looks over the courtyard of its phase
        zones = f"{unit_id}, p{phase}_garden" if garden else unit_id
        lines = f"{unit_id}_front, p{phase}_garden_edge" if garden else f"{unit_id}_front"
        yield counting(f"{unit_id}_front", f"{name}前门", zones, lines, (x + 7, y))
        yield counting(f"{unit_id}_basement", f"{name}地库门", unit_id, f"{unit_id}_basement", (x + 7, y + 12))
        for band in range(1, BANDS + 1):
            floor = f"{unit_id}_f{band}"
            lift = f"{unit_id}_lift{band}"
            yield counting(lift, f"{name}{band * 3 - 2}层电梯厅", floor, lift, (x + 7, y + 6))
    for number, (x, y) in enumerate(_fence(), start=1):
        lane = f", p{number}_fire_lane" if number in UNITS else ""
        yield f"id: cam_fence_{number:02d}, name: 周界{number:02d}, kind: perimeter, position_m: [{x:g}, {y:g}], zones: [fence_{number:02d}{lane}]"


def _gates() -> Iterator[str]:
    for number, (line_id, entrance, *_) in enumerate(_gate_places(), start=1):
        yield f"id: turnstile_{number:02d}, name: {entrance}人行通道{line_id[-1]}, entrance: {entrance}, line: {line_id}"
