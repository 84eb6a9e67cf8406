"""Over capacity: more people in a zone than it is meant for, or soon.

Opens, critical, at the end of the first minute whose estimated occupancy reaches `open_ratio` of the capacity, and
closes at the end of the first below `close_ratio` (hysteresis: one alert a breach). A new peak is an update, at most
one every `UPDATE_MS`. Minutes of unknown coverage and corrections of past minutes change nothing.

Before that it opens as a warning when the trend leads there: the least-squares slope of the last `trend_minutes`, from
the low end of the estimate's interval, within `warn_minutes`. The breach is then an update of the same alert, critical.
A warning without a breach closes when the trend has not led there for `trend_minutes`.
"""

from statistics import linear_regression
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import Alert, OccupancyMinute
from infra.limits import OverCapacity
from infra.site import Zone
from streams.lifecycle import closed, opened, updated

RULE: Final = "over_capacity"
UPDATE_MS: Final = 5 * MINUTE_MS


class State(Struct):
    """The open alert, if any, the highest occupancy told in it, the last minute looked at, and the latest occupancies.

    `recent` holds (minute in ms, persons); `warned_ms` is the last minute that supported a warning.
    """

    alert: Alert | None = None
    peak: float = 0.0
    minute_ms: int = -1
    recent: list[tuple[int, float]] = []
    warned_ms: int = -1


def step(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity) -> list[Alert]:
    """Look at one published minute; changes `state`, returns what is to be published."""
    if zone.capacity <= 0 or row.minute_ms <= state.minute_ms or row.coverage == "unknown":
        return []
    state.minute_ms = row.minute_ms
    _remember(state, row, limits)
    full = row.occupancy >= zone.capacity * limits.open_ratio
    if _is_leading_there(state, row, zone, limits):
        state.warned_ms = row.minute_ms
    if state.alert is None:
        return [_open(state, row, zone, limits, full)] if full or state.warned_ms == row.minute_ms else []
    if _is_over(state, row, zone, limits):
        return [_close(state, row)]
    breached = full and state.alert.severity == "warning"
    higher = row.occupancy > state.peak and _end_ms(row) - state.alert.updated_ms >= UPDATE_MS
    return [_update(state, row, zone, limits, full)] if breached or higher else []


def slope(recent: list[tuple[int, float]]) -> float:
    """Persons a minute by least squares over (minute in ms, persons); 0 where there are too few to tell."""
    if len(recent) < 2:
        return 0.0
    return linear_regression([ms / MINUTE_MS for ms, _ in recent], [persons for _, persons in recent]).slope


def _is_leading_there(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity) -> bool:
    """Whether even the low end of the estimate reaches the limit within `warn_minutes` at the present trend."""
    growth = slope(state.recent)
    soon = row.low + growth * limits.warn_minutes >= zone.capacity * limits.open_ratio
    enough = len(state.recent) >= limits.trend_minutes and row.occupancy >= zone.capacity * limits.warn_ratio
    return growth > 0 and soon and enough


def _remember(state: State, row: OccupancyMinute, limits: OverCapacity) -> None:
    oldest_ms = row.minute_ms - limits.trend_minutes * MINUTE_MS
    state.recent = [(ms, persons) for ms, persons in state.recent if ms > oldest_ms]
    state.recent.append((row.minute_ms, row.occupancy))


def _is_over(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity) -> bool:
    assert state.alert is not None
    if state.alert.severity == "critical":
        return row.occupancy < zone.capacity * limits.close_ratio
    return row.minute_ms - state.warned_ms >= limits.trend_minutes * MINUTE_MS


def _open(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity, full: bool) -> Alert:
    state.peak = row.occupancy
    state.alert = opened(
        rule=RULE,
        estate_id=row.estate_id,
        zone_id=row.zone_id,
        subject_id=row.zone_id,
        severity="critical" if full else "warning",
        opened_ms=_end_ms(row),
        updated_ms=_end_ms(row),
        explanation=_explain(state, row, zone, limits),
        measured=_measured(state, row, zone, limits),
        evidence=[row.row_id],
    )
    return state.alert


def _update(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity, full: bool) -> Alert:
    assert state.alert is not None
    state.peak = max(state.peak, row.occupancy)
    explanation, measured = _explain(state, row, zone, limits), _measured(state, row, zone, limits)
    news = updated(state.alert, _end_ms(row), explanation, measured, [row.row_id])
    state.alert = msgspec.structs.replace(news, severity="critical") if full else news
    return state.alert


def _close(state: State, row: OccupancyMinute) -> Alert:
    assert state.alert is not None
    over = closed(state.alert, _end_ms(row), f"highest told {state.peak:.0f}, at the end {row.occupancy:.0f}")
    state.alert, state.peak, state.warned_ms = None, 0.0, -1
    return over


def _end_ms(row: OccupancyMinute) -> int:
    return row.minute_ms + MINUTE_MS


def _explain(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity) -> str:
    now = f"{zone.name}: {row.occupancy:.0f} persons (95 %: {row.low:.0f}-{row.high:.0f}), capacity {zone.capacity}"
    minutes = _minutes_to_capacity(state, row, zone, limits)
    if not minutes:
        return now
    return f"{now}, reached in {minutes:.0f} min at {slope(state.recent):+.1f} persons a minute"


def _measured(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity) -> dict[str, float]:
    told = {"occupancy": row.occupancy, "low": row.low, "high": row.high, "capacity": float(zone.capacity)}
    minutes = _minutes_to_capacity(state, row, zone, limits)
    return told if minutes is None else told | {"minutes_to_capacity": round(minutes, 1)}


def _minutes_to_capacity(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity) -> float | None:
    """At the present trend; 0 where it is reached, None where the trend does not lead there."""
    missing, growth = zone.capacity * limits.open_ratio - row.occupancy, slope(state.recent)
    if missing <= 0:
        return 0.0
    return missing / growth if growth > 0 else None
