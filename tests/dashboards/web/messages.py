"""Messages that the tests of the live page make up: of zones, alerts, answers and passages, and a whole day of them."""

from collections.abc import Iterator

import msgspec

from dashboards.web.board import Told
from infra.clock import HOUR_MS, MINUTE_MS
from infra.events import Alert, Coverage, Disposition, GatePassage, OccupancyMinute, OccupancyNow, Severity, Verdict
from infra.settings import SMALL_SITE
from infra.site import Site, load_site

SITE = load_site(SMALL_SITE)
ESTATE = SITE.estate.id
NOON = 1_709_265_600_000  # 2024-03-01 12:00 in Shanghai


def now_row(
    zone: str, at: int = NOON, occupancy: float = 90.0, coverage: Coverage = "full", estate: str = ESTATE
) -> OccupancyNow:
    return OccupancyNow(
        schema_version=1,
        now_id=f"{zone}{at}",
        estate_id=estate,
        zone_id=zone,
        as_of_ms=at,
        occupancy=occupancy,
        low=max(0.0, occupancy - 9),
        high=occupancy + 11,
        visible=None,
        coverage=coverage,
        ins_today=120,
        outs_today=30,
        peak_today=None,
        peak_minute_ms=None,
        turnover_today=None,
        unique_visitors_today=None,
        watermark_ms=at,
    )


def minute(
    zone: str,
    at: int = NOON,
    occupancy: float = 90.0,
    revision: int = 0,
    coverage: Coverage = "full",
    estate: str = ESTATE,
) -> OccupancyMinute:
    return OccupancyMinute(
        schema_version=1,
        row_id=f"{zone}{at}",
        revision=revision,
        estate_id=estate,
        zone_id=zone,
        minute_ms=at,
        ins=7,
        outs=3,
        balance=90,
        occupancy=occupancy,
        low=max(0.0, occupancy - 9),
        high=occupancy + 11,
        visible=None,
        coverage=coverage,
        watermark_ms=at,
    )


def alert(
    name: str = "a1",
    *,
    revision: int = 1,
    severity: Severity = "critical",
    closed_ms: int | None = None,
    at: int = NOON - 5 * MINUTE_MS,
    rule: str = "restricted_hours",
    zone: str = "pump_room",
    subject: str = "",
    why: str = "水泵房: person seen at 11:55:03, closed since 18:00",
    measured: dict[str, float] | None = None,
    suppressed: str = "",
    estate: str = ESTATE,
) -> Alert:
    return Alert(
        schema_version=1,
        alert_id=name,
        revision=revision,
        estate_id=estate,
        zone_id=zone,
        subject_id=subject or zone,
        rule=rule,
        severity=severity,
        status="opened" if closed_ms is None else "closed",
        opened_ms=at,
        updated_ms=closed_ms or at,
        closed_ms=closed_ms,
        explanation=why,
        measured=measured or {},
        evidence=["cam_perimeter/boot1/pump_room/17"],
        suppressed=suppressed,
    )


def answer(
    alert_id: str = "a1", verdict: Verdict = "true", at: int = NOON, note: str = "", name: str = ""
) -> Disposition:
    return Disposition(
        schema_version=1,
        disposition_id=name or f"{alert_id}{verdict}{at}",
        alert_id=alert_id,
        estate_id=ESTATE,
        event_ms=at,
        verdict=verdict,
        by="wang",
        note=note,
    )


def passage(gate: str, at: int = NOON) -> GatePassage:
    return GatePassage(
        schema_version=1,
        passage_id=f"{gate}{at}",
        estate_id=ESTATE,
        gate_id=gate,
        event_ms=at,
        direction=1,
        method="card",
        granted=True,
    )


def day_of(site: Site, at: int = NOON) -> list[Told]:
    """A day on an estate, with something of everything to look at."""
    told = [*_zones_of(site, at), *_alerts_of(site, at)]
    told += [passage(gate.id, at - n * MINUTE_MS) for n, gate in enumerate(site.gates) if n % 5 != 4]
    return [msgspec.structs.replace(one, estate_id=site.estate.id) for one in told]


def _zones_of(site: Site, at: int) -> Iterator[Told]:
    for n, zone in enumerate(site.zones):
        most = (0.31, 0.85, 1.06, 0.12, 0.5, 0.02, 0.64)[n % 7] * zone.capacity
        coverage: Coverage = "partial" if n % 9 == 5 else "full"
        yield now_row(zone.id, at - (40 * MINUTE_MS if n % 11 == 10 else 20_000), most, coverage)
        for step in range(48):
            yield minute(zone.id, at - step * HOUR_MS // 2, most * (0.4 + 0.6 * abs((step + 3 * n) % 24 - 12) / 12))


def _alerts_of(site: Site, at: int) -> Iterator[Told]:
    zones, camera = [zone.id for zone in site.zones], site.cameras[len(site.cameras) // 3]
    ago = {n: at - n * MINUTE_MS for n in (3, 12, 29, 50, 60, 120, 180, 240)}
    yield alert("a1", at=ago[3], zone=zones[-2], why="person seen at 11:56:58", measured={"signs": 2.0})
    told = {"occupancy": 161.0, "low": 150.0, "high": 172.0, "capacity": 150.0}
    why = "161 persons (95 %: 150-172), capacity 150"
    yield alert("a2", at=ago[12], rule="over_capacity", zone=zones[1], measured=told, why=why)
    home, why = site.camera_zones[camera.id][0], f"{camera.name}: nothing said since 11:31:00"
    yield alert(
        "a3",
        at=ago[29],
        rule="camera_silent",
        severity="warning",
        zone=home,
        subject=camera.id,
        why=why,
        measured={"timeout_s": 180.0},
    )
    gate, why = site.gates[0].line, "2 persons came in behind somebody, without a grant of their own"
    yield alert(
        "a4",
        at=ago[60],
        rule="tailgating",
        severity="warning",
        zone=zones[0],
        subject=gate,
        why=why,
        measured={"signs": 2.0},
    )
    yield answer("a4", "unsure", ago[50], "acknowledged: 已派人查看")
    yield alert("a5", revision=3, at=ago[180], closed_ms=ago[120], rule="e_bike", zone=zones[3])
    yield answer("a5", "true", ago[120], "车主已推出")
    closed = alert(
        "a6", revision=3, at=ago[240], closed_ms=ago[180], severity="warning", rule="fire_lane", zone=zones[-1]
    )
    yield msgspec.structs.replace(closed, suppressed="repaving of the square")
