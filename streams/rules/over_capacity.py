"""Over capacity: more people in a zone than it is meant for.

Opens at the end of the first minute whose estimated occupancy reaches `open_ratio` of the capacity, closes at the end
of the first below `close_ratio` (hysteresis: one alert a breach). A new peak is an update, at most one every
`UPDATE_MS`. Minutes of unknown coverage and corrections of past minutes change nothing.
"""

from typing import Final

from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import Alert, OccupancyMinute
from infra.limits import OverCapacity
from infra.site import Zone
from streams.lifecycle import closed, opened, updated

RULE: Final = "over_capacity"
UPDATE_MS: Final = 5 * MINUTE_MS


class State(Struct):
    """The open alert, if any, the highest occupancy told in it, and the last minute looked at."""

    alert: Alert | None = None
    peak: float = 0.0
    minute_ms: int = -1


def step(state: State, row: OccupancyMinute, zone: Zone, limits: OverCapacity) -> list[Alert]:
    """Look at one published minute; changes `state`, returns what is to be published."""
    if zone.capacity <= 0 or row.minute_ms <= state.minute_ms or row.coverage == "unknown":
        return []
    state.minute_ms = row.minute_ms
    ratio = row.occupancy / zone.capacity
    if state.alert is None:
        return [_open(state, row, zone)] if ratio >= limits.open_ratio else []
    if ratio < limits.close_ratio:
        return [_close(state, row, zone)]
    if row.occupancy > state.peak and _end_ms(row) - state.alert.updated_ms >= UPDATE_MS:
        return [_update(state, row, zone)]
    return []


def _open(state: State, row: OccupancyMinute, zone: Zone) -> Alert:
    state.peak = row.occupancy
    state.alert = opened(
        rule=RULE,
        estate_id=row.estate_id,
        zone_id=row.zone_id,
        subject_id=row.zone_id,
        severity="critical",
        opened_ms=_end_ms(row),
        updated_ms=_end_ms(row),
        explanation=_explain(row, zone),
        measured=_measured(row, zone),
        evidence=[row.row_id],
    )
    return state.alert


def _update(state: State, row: OccupancyMinute, zone: Zone) -> Alert:
    assert state.alert is not None
    state.peak = row.occupancy
    state.alert = updated(state.alert, _end_ms(row), _explain(row, zone), _measured(row, zone), [row.row_id])
    return state.alert


def _close(state: State, row: OccupancyMinute, zone: Zone) -> Alert:
    assert state.alert is not None
    over = closed(state.alert, _end_ms(row), f"highest told {state.peak:.0f}, at the end {row.occupancy:.0f}")
    state.alert, state.peak = None, 0.0
    return over


def _end_ms(row: OccupancyMinute) -> int:
    return row.minute_ms + MINUTE_MS


def _explain(row: OccupancyMinute, zone: Zone) -> str:
    return f"{zone.name}: {row.occupancy:.0f} persons (95 %: {row.low:.0f}-{row.high:.0f}), capacity {zone.capacity}"


def _measured(row: OccupancyMinute, zone: Zone) -> dict[str, float]:
    return {"occupancy": row.occupancy, "low": row.low, "high": row.high, "capacity": float(zone.capacity)}
