"""Parameters of the alert rules: the part `limits` of the site file, one model a rule."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from infra.events import ObjectClass, Severity

OUTSIDE = "outside"
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Rule = Literal[
    "camera_silent",
    "camera_tampered",
    "clock_skew",
    "e_bike",
    "fire_lane",
    "gate_forced",
    "gate_held",
    "gathering",
    "loitering",
    "over_capacity",
    "perimeter_crossing",
    "restricted_hours",
    "tailgating",
    "unanswered",
    "unusual_absence",
    "unusual_flow",
    "wrong_way",
]


class Part(BaseModel):
    """A part of a document that users edit: frozen, and no field is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OverCapacity(Part):
    """Opens when occupancy / capacity reaches `open_ratio`, closes when it is below `close_ratio`.

    From `warn_ratio` on it opens before, as a warning, when even the low end of the estimate reaches `open_ratio`
    within `warn_minutes` at the trend of the last `trend_minutes`.
    """

    open_ratio: float = Field(1.0, gt=0)
    close_ratio: float = Field(0.9, gt=0)
    warn_ratio: float = Field(0.8, gt=0)
    warn_minutes: int = Field(10, ge=0)
    trend_minutes: int = Field(10, ge=2)

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.close_ratio >= self.open_ratio:
            raise ValueError(f"expected close_ratio < open_ratio, got {self.close_ratio} and {self.open_ratio}")
        return self


class RestrictedHours(Part):
    """Opens at the first person in a closed zone, closes after `quiet_s` without one."""

    quiet_s: int = Field(300, ge=1)


class CameraSilent(Part):
    """Opens when a camera has sent nothing, or only that it is offline, for `timeout_s`."""

    timeout_s: int = Field(180, ge=61)


class CameraTampered(Part):
    """Opens when a camera's picture has not been ok (black, frozen, blurred, moved, covered) for `hold_s`."""

    hold_s: int = Field(60, ge=0)


class ClockSkew(Part):
    """Opens when a camera's clock is off by more than `open_ms` in `healths` healths in turn.

    Closes below `close_ms`.
    """

    open_ms: int = Field(5_000, ge=1)
    close_ms: int = Field(2_000, ge=1)
    healths: int = Field(3, ge=1)

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.close_ms > self.open_ms:
            raise ValueError(f"expected close_ms <= open_ms, got {self.close_ms} and {self.open_ms}")
        return self


class FireLane(Part):
    """Opens when a vehicle has stood in a fire lane for more than `grace_minutes`.

    It stands while it is seen within `still_m` of one place, at least every `gap_s`.
    """

    grace_minutes: int = Field(5, ge=0)
    still_m: float = Field(3.0, gt=0)
    gap_s: int = Field(60, ge=1)


class Gathering(Part):
    """Opens when a zone's `gathering_persons` have been in view for `hold_s`.

    Closes when fewer than `close_ratio` of them were, for `gap_s`.
    """

    hold_s: int = Field(120, ge=1)
    gap_s: int = Field(90, ge=1)
    close_ratio: float = Field(0.8, gt=0, le=1)


class WrongWay(Part):
    """Opens at a crossing against the line's `allowed_direction`, closes after `quiet_s` without one."""

    quiet_s: int = Field(300, ge=1)


class Loitering(Part):
    """A person stays while its track is seen at least every `gap_s`; the zone's `loitering_minutes` is the limit."""

    gap_s: int = Field(60, ge=1)


class PerimeterCrossing(Part):
    """Opens at a crossing of a line of a perimeter, closes after `quiet_s` without one."""

    quiet_s: int = Field(600, ge=1)


class EBike(Part):
    """Opens at the first of `classes` in a zone of kind building or floor, closes after `quiet_s` without one."""

    quiet_s: int = Field(300, ge=1)
    classes: tuple[ObjectClass, ...] = ("motorcycle", "bicycle")


class Gate(Part):
    """Persons who come in over a gate's line without a grant of their own: `tailgating`, `gate_held`, `gate_forced`.

    A grant lets in one person who crosses the line from `before_s` before it (clocks differ) to `after_s` after it.
    Who comes within `open_s` of a grant came through behind somebody. Persons with at most `gap_s` between them are one
    run, and `held_persons` in a run mean that the gate was held open. Decided when messages of `settle_s` later have
    come, and then `late_s` more: a crossing that comes late by no more than that is judged as if it had come in time;
    one that comes later is told when it comes. The gate's controller reports when it told of a passage in the last
    `reporting_minutes`, and fewer than `silent_persons` came since. Closes after `quiet_s` without another.
    """

    before_s: float = Field(1.0, ge=0)
    after_s: float = Field(5.0, gt=0)
    open_s: float = Field(10.0, gt=0)
    gap_s: float = Field(10.0, gt=0)
    held_persons: int = Field(3, ge=2)
    settle_s: float = Field(10.0, ge=0)
    late_s: float = Field(0.0, ge=0, le=3600)
    reporting_minutes: int = Field(120, ge=1)
    silent_persons: int = Field(6, ge=2)
    quiet_s: int = Field(300, ge=1)


class UnusualFlow(Part):
    """`unusual_flow` opens when more cross a line in an hour than all but 1 - `quantile` of such hours have, and at
    least `least`; `unusual_absence` when in a whole hour fewer do. Both need the line's baseline.
    """

    quantile: float = Field(0.9999, gt=0.5, lt=1)
    least: int = Field(20, ge=1)


class Unanswered(Part):
    """Opens when an alert has had a severity for so many minutes and nobody has said anything of it; 0: never."""

    info_minutes: int = Field(0, ge=0)
    warning_minutes: int = Field(0, ge=0)
    critical_minutes: int = Field(0, ge=0)

    def minutes(self, severity: Severity) -> int:
        """How long an alert of that severity may wait for an answer."""
        return {"info": self.info_minutes, "warning": self.warning_minutes, "critical": self.critical_minutes}[severity]

    @property
    def wanted(self) -> bool:
        """Whether any alert is to be answered in time."""
        return bool(self.info_minutes or self.warning_minutes or self.critical_minutes)


class Reconciliation(Part):
    """The nightly tells the operator when in more than `most_share` of a day's zone-minutes stream and batch differ."""

    most_share: float = Field(0.01, ge=0, le=1)


class Limits(Part):
    """Parameters of the alert rules, of the estimate and of the nightly's reconciliation."""

    over_capacity: OverCapacity = OverCapacity()
    restricted_hours: RestrictedHours = RestrictedHours()
    camera_silent: CameraSilent = CameraSilent()
    camera_tampered: CameraTampered = CameraTampered()
    clock_skew: ClockSkew = ClockSkew()
    fire_lane: FireLane = FireLane()
    gathering: Gathering = Gathering()
    wrong_way: WrongWay = WrongWay()
    loitering: Loitering = Loitering()
    perimeter_crossing: PerimeterCrossing = PerimeterCrossing()
    e_bike: EBike = EBike()
    gate: Gate = Gate()
    unusual_flow: UnusualFlow = UnusualFlow()
    unanswered: Unanswered = Unanswered()
    reconciliation: Reconciliation = Reconciliation()
    crossing_miss_rate: float = Field(0.05, ge=0, lt=1, description="prior share of crossings that cameras miss")
    crossing_bias: float = Field(
        0.005,
        ge=0,
        lt=0.5,
        description="sd of the persons that a crossing adds where one way is missed more",
    )
