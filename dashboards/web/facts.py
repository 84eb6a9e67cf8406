"""What the page shows of a board at a moment: one small value for each thing, so that only what differs is drawn anew.

Pure. A zone whose last row is older than `STALE_MS`, or whose cameras cannot be trusted, has no number: `unknown`. No
fact holds an age: the page counts those itself.
"""

from collections import Counter
from typing import Final, Literal

from msgspec import Struct

from dashboards.web.board import HISTORY_MS, STEP_MS, Board, last_answer
from infra.clock import DAY_MS, MINUTE_MS
from infra.events import Alert, Coverage, Disposition, OccupancyNow
from infra.site import Camera, Gate, Site, Zone

STALE_MS: Final = 5 * MINUTE_MS
AHEAD_MS: Final = 5 * MINUTE_MS
"""So far ahead of now is believed: clocks differ."""
BUSY: Final = 0.8
SHOWN_ALERTS: Final = 100
CAMERA_RULES: Final = ("camera_silent", "camera_tampered", "clock_skew")
SEVERITY_RANK: Final = {"critical": 0, "warning": 1, "info": 2}

Level = Literal["calm", "busy", "full", "unknown"]
DeviceState = Literal["ok", "fault", "unknown"]


class ZoneFact(Struct, frozen=True):
    """A zone. `persons` in `[low, high]` (95 %) are whole, None where nobody can tell; `percent` is of the capacity.

    `curve` has the persons at the end of each half hour of the last day, oldest first, None where nobody could tell.
    `as_of_ms` is set where the zone is unknown: the last time somebody told of it.
    """

    zone_id: str
    level: Level
    coverage: Coverage
    persons: int | None
    low: int | None
    high: int | None
    percent: int | None
    ins: int
    outs: int
    curve: tuple[int | None, ...]
    as_of_ms: int | None


class CameraFact(Struct, frozen=True):
    """A camera: `fault` while one of `CAMERA_RULES` is open about it, `unknown` while its zone is not told of."""

    camera_id: str
    state: DeviceState
    rule: str = ""
    since_ms: int | None = None


class GateFact(Struct, frozen=True):
    """A gate: `fault` while a gate's alert is open on its line, `unknown` where its controller told nothing for a day.

    `minute_ms` is the minute of its last passage.
    """

    gate_id: str
    state: DeviceState
    rule: str = ""
    minute_ms: int | None = None


class AlertFact(Struct, frozen=True):
    """An alert, and what was said of it last."""

    alert: Alert
    answer: Disposition | None


class HeadFact(Struct, frozen=True):
    """What stands at the top: open alerts by severity, those nobody answered, devices, how far the data reaches."""

    critical: int
    warning: int
    info: int
    unanswered: int
    cameras_ok: int
    cameras_fault: int
    cameras_unknown: int
    gates_fault: int
    gates_unknown: int
    as_of_minute_ms: int | None


class Facts(Struct, frozen=True):
    """All that is shown; `order` are the alerts from the top down."""

    zones: dict[str, ZoneFact]
    cameras: dict[str, CameraFact]
    gates: dict[str, GateFact]
    alerts: dict[str, AlertFact]
    order: tuple[str, ...]
    head: HeadFact


def facts(board: Board, site: Site, now_ms: int) -> Facts:
    """What is shown of the board at UTC instant `now_ms`."""
    zones = {zone.id: zone_fact(board, zone, now_ms) for zone in site.zones}
    still_open = [alert for alert in board.alerts.values() if alert.status != "closed"]
    cameras, gates = _cameras(board, site, still_open, now_ms), _gates(board, site, still_open, now_ms)
    shown = sorted((AlertFact(one, last_answer(board, one.alert_id)) for one in board.alerts.values()), key=_rank)
    alerts = {fact.alert.alert_id: fact for fact in shown[:SHOWN_ALERTS]}
    unanswered = sum(fact.answer is None for fact in shown if fact.alert.status != "closed")
    head = _head(board, still_open, unanswered, list(cameras.values()), list(gates.values()))
    return Facts(zones, cameras, gates, alerts, tuple(alerts), head)


def fresh(row: OccupancyNow | None, now_ms: int) -> bool:
    """Whether the row tells of the present."""
    return row is not None and -AHEAD_MS <= now_ms - row.as_of_ms <= STALE_MS


def zone_fact(board: Board, zone: Zone, now_ms: int) -> ZoneFact:
    """What is shown of one zone."""
    row, curve = board.zones.get(zone.id), _curve(board, zone.id, now_ms)
    if row is None or not fresh(row, now_ms) or row.coverage == "unknown":
        last_ms = row.as_of_ms if row else None
        return ZoneFact(zone.id, "unknown", "unknown", None, None, None, None, 0, 0, curve, last_ms)
    share = row.occupancy / zone.capacity if zone.capacity else 0.0
    return ZoneFact(
        zone_id=zone.id,
        level="full" if share >= 1 else "busy" if share >= BUSY else "calm",
        coverage=row.coverage,
        persons=round(row.occupancy),
        low=round(row.low),
        high=round(row.high),
        percent=round(100 * share) if zone.capacity else None,
        ins=row.ins_today,
        outs=row.outs_today,
        curve=curve,
        as_of_ms=None,
    )


def _curve(board: Board, zone_id: str, now_ms: int) -> tuple[int | None, ...]:
    steps, last = board.minutes.get(zone_id, {}), now_ms // STEP_MS * STEP_MS
    rows = (steps.get(step) for step in range(last - HISTORY_MS + STEP_MS, last + STEP_MS, STEP_MS))
    return tuple(None if row is None or row.coverage == "unknown" else round(row.occupancy) for row in rows)


def _cameras(board: Board, site: Site, still_open: list[Alert], now_ms: int) -> dict[str, CameraFact]:
    faults = {alert.subject_id: alert for alert in still_open if alert.rule in CAMERA_RULES}
    told = {zone.id: fresh(board.zones.get(zone.id), now_ms) for zone in site.zones}

    def of(camera: Camera) -> CameraFact:
        fault = faults.get(camera.id)
        if fault is not None:
            return CameraFact(camera.id, "fault", fault.rule, fault.opened_ms)
        return CameraFact(camera.id, "ok" if told[site.camera_zones[camera.id][0]] else "unknown")

    return {camera.id: of(camera) for camera in site.cameras}


def _gates(board: Board, site: Site, still_open: list[Alert], now_ms: int) -> dict[str, GateFact]:
    on_line = {alert.subject_id: alert for alert in still_open if alert.subject_id in site.gates_at}

    def of(gate: Gate) -> GateFact:
        passage, alert = board.passages.get(gate.id), on_line.get(gate.line)
        heard = passage is not None and abs(now_ms - passage.event_ms) <= DAY_MS
        minute_ms = passage.event_ms // MINUTE_MS * MINUTE_MS if passage and heard else None
        state: DeviceState = "fault" if alert else "ok" if heard else "unknown"
        return GateFact(gate.id, state, alert.rule if alert else "", minute_ms)

    return {gate.id: of(gate) for gate in site.gates}


def _rank(fact: AlertFact) -> tuple[bool, bool, bool, int, int, str]:
    """Open before closed; among the open those nobody answered, then those that are to wake somebody, the worst, the
    newest.
    """
    alert, over = fact.alert, fact.alert.status == "closed"
    if over:
        return True, False, False, 0, -(alert.closed_ms or 0), alert.alert_id
    severity = SEVERITY_RANK[alert.severity]
    return False, fact.answer is not None, bool(alert.suppressed), severity, -alert.opened_ms, alert.alert_id


def _head(
    board: Board, still_open: list[Alert], unanswered: int, cameras: list[CameraFact], gates: list[GateFact]
) -> HeadFact:
    by_severity, told = Counter(alert.severity for alert in still_open), [row.as_of_ms for row in board.zones.values()]
    of_cameras, of_gates = Counter(one.state for one in cameras), Counter(one.state for one in gates)
    return HeadFact(
        critical=by_severity["critical"],
        warning=by_severity["warning"],
        info=by_severity["info"],
        unanswered=unanswered,
        cameras_ok=of_cameras["ok"],
        cameras_fault=of_cameras["fault"],
        cameras_unknown=of_cameras["unknown"],
        gates_fault=of_gates["fault"],
        gates_unknown=of_gates["unknown"],
        as_of_minute_ms=max(told) // MINUTE_MS * MINUTE_MS if told else None,
    )
