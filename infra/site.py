"""The site file: one estate described in YAML, validated with the line of every mistake.

An estate is a tree of zones (a parent contains its children, and so does its occupancy), lines between two zones (or a
zone and "outside"), cameras that see zones and lines, gates, weekly schedules, limits for the alert rules and the staff
rota. Positions are metres in the site's own plane, hours are local to `estate.timezone`.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, StringConstraints, field_validator

from infra.documents import load_document
from infra.events import Direction
from infra.limits import OUTSIDE, Limits, Part, Slug
from infra.recorder import checked_template, recorder_link
from infra.site_checks import inconsistencies
from infra.windows import Maintenance, Suppression

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_PER_DAY = 1440

Point = tuple[float, float]
GroundPoint = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
VendorKind = Literal["anfang", "axis", "dahua", "hikvision", "onvif", "xovis"]
RecorderUrl = Annotated[str, AfterValidator(checked_template)]
HOMES = frozenset({"estate", "phase", "building", "floor"})
ZoneKind = Literal["estate", "phase", "courtyard", "building", "floor", "fire_lane", "perimeter", "technical"]


def minutes_of_week(text: str) -> list[tuple[int, int]]:
    """Parse "mon-fri 06:00-22:00" into half-open minute-of-week spans (Monday 00:00 = 0).

    A span that ends at or before its start runs past midnight. Raises ValueError saying what was expected.
    """
    try:
        days_text, hours_text = text.split()
        first, _, last = days_text.partition("-")
        days = range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1)
        start, end = (_minute_of_day(clock) for clock in hours_text.split("-"))
    except (ValueError, IndexError):
        raise ValueError(f"expected e.g. 'mon-fri 06:00-22:00', got {text!r}") from None
    if not days:
        raise ValueError(f"expected the first weekday before the last, got {text!r}")
    length = (end - start) if end > start else (end - start + MINUTES_PER_DAY)
    return [(day * MINUTES_PER_DAY + start, day * MINUTES_PER_DAY + start + length) for day in days]


def _minute_of_day(clock: str) -> int:
    hours, minutes = (int(part) for part in clock.split(":"))
    if not (0 <= hours <= 24 and 0 <= minutes < 60 and hours * 60 + minutes <= MINUTES_PER_DAY):
        raise ValueError(clock)
    return hours * 60 + minutes


class Estate(Part):
    """What the estate is, for people and reports."""

    id: Slug
    name: str
    office: str = Field("", description="the subdistrict office that answers for it")
    committee: str = Field("", description="the residents' committee that uses it")
    timezone: str = "Asia/Shanghai"
    households: int = Field(ge=1)
    residents: int = Field(ge=1)
    handover_date: date | None = Field(None, description="when the system was handed over to its users")
    recorder_url: RecorderUrl | None = Field(
        None, description="address of a camera's recording at a moment (`infra/recorder.py`), e.g. …?cam={camera}&t={s}"
    )

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"expected an IANA time zone such as 'Asia/Shanghai', got {name!r}") from None
        return name


class Schedule(Part):
    """Weekly local hours, e.g. ["mon-fri 06:00-22:00", "sat-sun 07:00-23:00"]."""

    id: Slug
    weekly: tuple[str, ...] = Field(min_length=1)

    @field_validator("weekly")
    @classmethod
    def _readable(cls, spans: tuple[str, ...]) -> tuple[str, ...]:
        for span in spans:
            minutes_of_week(span)
        return spans

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        return [span for text in self.weekly for span in minutes_of_week(text)]

    def covers(self, local: datetime) -> bool:
        """Whether local time `local` lies inside the weekly hours."""
        minute = local.weekday() * MINUTES_PER_DAY + local.hour * 60 + local.minute
        week = 7 * MINUTES_PER_DAY
        return any(start <= candidate < end for start, end in self._spans for candidate in (minute, minute + week))


class Zone(Part):
    """A part of the estate that people can be in; a parent contains its children.

    Outside `opening_hours` nobody may be there; during `empty_hours` nobody is (known from locking up), which the
    occupancy estimate uses. `visible_fraction` is the share of the zone's floor in view of its counting cameras.
    `gathering_persons` in view of one camera make a gathering, who stays for `loitering_minutes` loiters; without them
    nobody looks for it.
    """

    id: Slug
    name: str
    kind: ZoneKind
    parent: Slug | None = None
    capacity: int = Field(ge=0)
    polygon_m: tuple[Point, ...] = Field(min_length=3)
    opening_hours: Slug | None = None
    empty_hours: Slug | None = None
    visible_fraction: float = Field(0.0, ge=0.0, le=1.0)
    gathering_persons: int | None = Field(None, ge=2)
    loitering_minutes: int | None = Field(None, ge=1)
    neighbours: tuple[Slug, ...] = ()

    @property
    def has_homes(self) -> bool:
        """Whether people sleep in it: it is of a kind that holds homes, and never closes or empties."""
        return self.kind in HOMES and self.opening_hours is None and self.empty_hours is None


class Line(Part):
    """A counting line; direction +1 goes from `from_zone` to `to_zone`. Crossing it against `allowed_direction` is an
    alert; without it both ways are allowed.
    """

    id: Slug
    from_zone: Slug
    to_zone: Slug
    points_m: tuple[Point, Point]
    allowed_direction: Direction | None = None


class View(Part):
    """Where a camera's zones and lines lie in its picture, in pixels of its stream (x to the right, y down).

    A line's direction +1 (`from_zone` to `to_zone`) passes from the left to the right hand of somebody who stands at
    its first point and looks at its second: drawn from left to right, +1 is towards the bottom of the picture.

    `ground` are points on the ground measured twice: x and y in the picture, x and y in metres of the site.
    """

    size_px: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    zones: dict[Slug, Annotated[tuple[Point, ...], Field(min_length=3)]] = Field(default_factory=dict)
    lines: dict[Slug, tuple[Point, Point]] = Field(default_factory=dict)
    ground: Annotated[tuple[GroundPoint, ...], Field(min_length=4)] | None = None


class Faces(Part):
    """Visitors of this camera are known again by their faces within a day; `purpose` says what for, in plain words."""

    purpose: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]


class VendorLine(Part):
    """Which of the estate's lines a camera's own line is; its "in" is our direction `in_is`."""

    line: Slug
    in_is: Direction = 1


class Vendor(Part):
    """How a camera that counts on board names its lines and zones in what it pushes (`anfang produce gateway`).

    Keys of `lines` and `zones` are the camera's own names, in the form of its `kind` (docs/gateway.md); names in
    `ignored` are left out. A camera that does not tell the way of a passage is taken to tell "in". `counter_bits` says
    that its totals roll over at 2^16 or 2^32; without it a lower total is a restart.
    """

    kind: VendorKind
    lines: dict[str, VendorLine] = Field(default_factory=dict)
    zones: dict[str, Slug] = Field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    counter_bits: Literal[16, 32] | None = None


class Camera(Part):
    """A camera, the zones it reports on and the lines it counts.

    `view` is wanted by `anfang produce video`, `vendor` by `anfang produce gateway`. Without `faces` none is looked at.
    `detect_url` is a smaller stream of the same picture, to be preferred for detection; at `clock_url` (ONVIF device
    service) the camera tells its time. `recorder_url` stands in for the estate's.
    """

    id: Slug
    name: str
    kind: Literal["perimeter", "counting"]
    position_m: Point
    zones: tuple[Slug, ...] = Field(min_length=1)
    lines: tuple[Slug, ...] = ()
    stream_url: str | None = None
    detect_url: str | None = None
    clock_url: Annotated[str, Field(pattern=r"^https?://[^/]")] | None = None
    view: View | None = None
    faces: Faces | None = None
    vendor: Vendor | None = None
    recorder_url: RecorderUrl | None = None


class Gate(Part):
    """A personnel gate on a counting line."""

    id: Slug
    name: str
    entrance: str
    line: Slug


class Shift(Part):
    """Who is on duty when."""

    id: Slug
    role: str
    schedule: Slug
    people: int = Field(ge=1)


class Site(Part):
    """One estate. Build it with `load_site`; a Site that exists is consistent."""

    version: Literal[1]
    estate: Estate
    schedules: Annotated[tuple[Schedule, ...], BeforeValidator(lambda value: value or ())] = ()
    zones: tuple[Zone, ...] = Field(min_length=1)
    lines: tuple[Line, ...] = ()
    cameras: tuple[Camera, ...] = Field(min_length=1)
    gates: tuple[Gate, ...] = ()
    limits: Limits = Limits()
    staff: tuple[Shift, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    suppress: tuple[Suppression, ...] = ()

    def model_copy(self, *, update: Mapping[str, object] | None = None, deep: bool = False) -> Self:
        """A copy with other fields, whose derived properties are derived anew: pydantic's own copies the old ones."""
        copy = super().model_copy(update=update, deep=deep)
        for derived in set(copy.__dict__) - set(type(self).model_fields):
            del copy.__dict__[derived]
        return copy

    @cached_property
    def tz(self) -> ZoneInfo:
        """The estate's time zone."""
        return ZoneInfo(self.estate.timezone)

    @cached_property
    def zone(self) -> dict[str, Zone]:
        """Zones by id."""
        return {zone.id: zone for zone in self.zones}

    @cached_property
    def line(self) -> dict[str, Line]:
        """Lines by id."""
        return {line.id: line for line in self.lines}

    @cached_property
    def camera(self) -> dict[str, Camera]:
        """Cameras by id."""
        return {camera.id: camera for camera in self.cameras}

    @cached_property
    def gate(self) -> dict[str, Gate]:
        """Gates by id."""
        return {gate.id: gate for gate in self.gates}

    @cached_property
    def gates_at(self) -> dict[str, list[Gate]]:
        """For each line that has any, its gates in file order."""
        lines = dict.fromkeys(gate.line for gate in self.gates)
        return {line: [gate for gate in self.gates if gate.line == line] for line in lines}

    @cached_property
    def schedule(self) -> dict[str, Schedule]:
        """Schedules by id."""
        return {schedule.id: schedule for schedule in self.schedules}

    def ancestry(self, zone_id: str) -> list[str]:
        """`zone_id` and all zones that contain it, innermost first; empty for outside."""
        chain: list[str] = []
        current: str | None = None if zone_id == OUTSIDE else zone_id
        while current is not None:
            chain.append(current)
            current = self.zone[current].parent
        return chain

    @cached_property
    def effects(self) -> dict[str, dict[str, int]]:
        """For each line, what a crossing in direction +1 adds to each zone: {line_id: {zone_id: +1 or -1}}.

        Only zones that someone really enters or leaves appear: a crossing between a zone and its parent
        leaves the parent's occupancy as it is.
        """
        return {line.id: self._effect(line) for line in self.lines}

    @cached_property
    def camera_zones(self) -> dict[str, tuple[str, ...]]:
        """For each camera, the zones it sends envelopes to: its own first, then those its lines lead into or out of.

        The first is its home zone, by which the camera itself is judged.
        """
        reached = {
            camera.id: [*camera.zones, *(zone for line in camera.lines for zone in self.effects[line])]
            for camera in self.cameras
        }
        return {camera_id: tuple(dict.fromkeys(zones)) for camera_id, zones in reached.items()}

    def _effect(self, line: Line) -> dict[str, int]:
        left, entered = self.ancestry(line.from_zone), self.ancestry(line.to_zone)
        return {z: 1 for z in entered if z not in left} | {z: -1 for z in left if z not in entered}

    def entered(self, line_id: str, direction: int) -> str:
        """The zone that a crossing of the line leads into, itself and not those that contain it; may be outside."""
        line = self.line[line_id]
        return line.to_zone if direction > 0 else line.from_zone

    @cached_property
    def counted_lines(self) -> dict[tuple[str, str], list[str]]:
        """For each (camera, zone) the camera's lines whose crossings count in that zone, the first that they change."""
        found: dict[tuple[str, str], list[str]] = {}
        for camera in self.cameras:
            for line in camera.lines:
                found.setdefault((camera.id, next(iter(self.effects[line]))), []).append(line)
        return found

    def inner_zone(self, line_id: str) -> str:
        """The zone that a line lets into: `to_zone`, but `from_zone` where the line is drawn outwards."""
        line = self.line[line_id]
        return line.to_zone if line.to_zone in self.effects[line_id] else line.from_zone

    def inward(self, line_id: str) -> Direction:
        """The direction of a line that leads into its `inner_zone`."""
        return 1 if self.inner_zone(line_id) == self.line[line_id].to_zone else -1

    def is_open(self, zone_id: str, event_ms: int) -> bool:
        """Whether people may be in the zone at UTC instant `event_ms`."""
        hours = self.zone[zone_id].opening_hours
        return hours is None or self.schedule[hours].covers(datetime.fromtimestamp(event_ms / 1000, self.tz))

    def recorder_link(self, camera_id: str, event_ms: int) -> str | None:
        """The address of the camera's recording at UTC instant `event_ms`; None without a template or such a camera."""
        camera = self.camera.get(camera_id)
        template = camera and (camera.recorder_url or self.estate.recorder_url)
        return recorder_link(template, camera_id, event_ms, self.tz) if template else None

    def is_known_empty(self, zone_id: str, event_ms: int) -> bool:
        """Whether the zone is known to be empty at UTC instant `event_ms`."""
        hours = self.zone[zone_id].empty_hours
        return hours is not None and self.schedule[hours].covers(datetime.fromtimestamp(event_ms / 1000, self.tz))


def load_site(path: Path) -> Site:
    """Read and validate a site file. Raises UserError that lists every mistake as `file:line: field: expected …`."""
    return load_document(path, Site, inconsistencies, f"`anfang site check {path}`")
