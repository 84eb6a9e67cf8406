"""The demo's account: what came out, beside what is known to be true; in `out/demo/summary.json` and in words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow.parquet as pq
from msgspec import Struct
from rich.console import Console

import dashboards.superset.server
import dashboards.web.run
from batch.accounting import DayAccount
from dashboards.report.issue import ReportFiles
from infra.clock import MINUTE_MS
from infra.local.files import stack_home
from infra.settings import Settings
from infra.site import Site
from producers.counts import CountsPlan, expected_counts
from producers.produced import Produced
from producers.scenes.run import Truth
from producers.simulate.run import Plan
from producers.simulate.truth import Incident
from warehouse.client import ask, connect

OUT: Final = Path("out/demo")
TOLERANCE_MS: Final = 5 * MINUTE_MS
VIEWER: Final = "demo"
VIEWER_SECRET: Final = "web_demo"  # noqa: S105 the name of it


class Summary(Struct, frozen=True, kw_only=True):
    """What the demo saw. `occupancy_mae` is in persons, over all zones and minutes of the simulated day, beside that
    of the plain running sum; `false_alerts` are alerts that no injected incident explains. `camera_crossings_true` and
    `_seen` are those of the rendered video's lines, [in direction +1, in -1]: in truth, and as the warehouse has them.
    `stream_batch_differences` are of whole days: the minute of the video is still open when the nightly runs.
    `page_zones`, `page_alerts` are what the live page shows at the newest moment. Of the `superset_charts`, those in
    `superset_failed` and `superset_empty` showed nothing (others wait for ledgers, which the demo has none of). Page
    and Superset run at the two addresses until `anfang down`; Superset's is empty where it was left out.
    """

    site: str
    days: int
    events_produced: int
    events_valid: int
    duplicates: int
    dead_letters: int
    crossings: int
    daily_counts_equal: bool
    incidents_injected: int
    incidents_matched: int
    false_alerts: int
    alerts: int
    occupancy_mae: float
    occupancy_mae_running_sum: float
    occupancy_interval_coverage: float
    stream_batch_differences: int
    camera_crossings_true: tuple[int, int]
    camera_crossings_seen: tuple[int, int]
    report: str
    report_figures: int
    report_figures_verified: int
    page_zones: int
    page_alerts: int
    page_url: str
    superset_url: str = ""
    superset_charts: int = 0
    superset_failed: list[str] = []
    superset_empty: list[str] = []
    seconds: float = 0.0
    seconds_by_step: dict[str, float] = {}


class RaisedAlert(Struct, frozen=True):
    """One row of the warehouse's alerts: rule, place, and when it was open."""

    rule: str
    zone_id: str
    subject_id: str
    opened_ms: int
    ended_ms: int


@dataclass(frozen=True)
class Walked:
    """What the steps gave, for the comparison with the truth."""

    real: CountsPlan
    simulated: Plan
    filmed: Truth
    produced: Produced
    accounts: Sequence[DayAccount]
    issued: ReportFiles
    verified: int
    page: dashboards.web.run.Summary
    page_url: str


def compare(settings: Settings, site: Site, walked: Walked) -> Summary:
    """The account, from what the warehouse now has and what was made up, sent and counted."""
    estate, accounts = site.estate.id, walked.accounts
    first, last_real, last = walked.real.start, walked.real.dates[-1], walked.simulated.start
    with connect(settings, "analyst") as client:
        counted = ask(client, "daily_line_counts", estate=estate, first=first, last=last_real)
        raised = ask(client, "alerts_of_days", estate=estate, first=first, last=last)
        minutes = ask(client, "occupancy_of_day", estate=estate, day=last)
        ways = ask(client, "directions_of_day", estate=estate, day=last + timedelta(days=1))
    alerts = [
        msgspec.convert(dict(zip(RaisedAlert.__struct_fields__, row, strict=True)), RaisedAlert) for row in raised
    ]
    injected = _incidents()
    explained, matched = match(injected, alerts)
    error, error_of_sum, covered = occupancy_error(minutes)
    true, seen = walked.filmed.counts.values(), {int(str(way)): int(str(count)) for way, count in ways}
    return Summary(
        site=estate,
        days=len(accounts),
        events_produced=walked.produced.messages,
        events_valid=sum(account.valid for account in accounts),
        duplicates=sum(account.duplicates for account in accounts),
        dead_letters=sum(account.dead_letters for account in accounts),
        crossings=sum(account.crossings for account in accounts),
        daily_counts_equal=_by_day(counted) == expected_counts(site, walked.real),
        incidents_injected=len(injected),
        incidents_matched=matched,
        false_alerts=len(alerts) - explained,
        alerts=len(alerts),
        occupancy_mae=round(error, 2),
        occupancy_mae_running_sum=round(error_of_sum, 2),
        occupancy_interval_coverage=round(covered, 3),
        stream_batch_differences=sum(account.differing_zone_minutes for account in accounts if account.day <= last),
        camera_crossings_true=(sum(a for a, _ in true), sum(b for _, b in true)),
        camera_crossings_seen=(seen.get(1, 0), seen.get(-1, 0)),
        report=str(walked.issued.paths["pdf"]),
        report_figures=walked.issued.figures,
        report_figures_verified=walked.verified,
        page_zones=walked.page.zones,
        page_alerts=walked.page.alerts,
        page_url=walked.page_url,
    )


def _by_day(rows: Sequence[tuple[object, ...]]) -> dict[date, dict[str, int]]:
    found: dict[date, dict[str, int]] = {}
    for day, line_id, crossings in rows:
        assert isinstance(day, date)
        found.setdefault(day, {})[str(line_id)] = int(str(crossings))
    return found


def _incidents() -> list[Incident]:
    return msgspec.json.decode((OUT / "truth" / "simulated" / "incidents.json").read_bytes(), type=list[Incident])


def match(incidents: Sequence[Incident], alerts: Sequence[RaisedAlert]) -> tuple[int, int]:
    """(alerts explained by an incident, incidents told by an alert): same rule and subject, overlapping in time.

    An alert may come `TOLERANCE_MS` after its incident ended, since minutes are published when they are over.
    """
    pairs = [(i, a) for i, one in enumerate(incidents) for a, alert in enumerate(alerts) if _explains(one, alert)]
    return len({a for _, a in pairs}), len({i for i, _ in pairs})


def _explains(incident: Incident, alert: RaisedAlert) -> bool:
    overlaps = alert.opened_ms <= incident.end_ms + TOLERANCE_MS and alert.ended_ms >= incident.start_ms
    return incident.rule == alert.rule and incident.subject_id == alert.subject_id and overlaps


def occupancy_error(minutes: Sequence[tuple[object, ...]]) -> tuple[float, float, float]:
    """Mean absolute error of the estimate and of the running sum, and the share of minutes whose interval holds."""
    truth = pq.read_table(OUT / "truth" / "simulated" / "occupancy.parquet").to_pydict()
    persons = dict(zip(zip(truth["zone_id"], truth["minute_ms"], strict=True), truth["persons"], strict=True))
    told = [(persons[row[0], row[1]], *row[2:]) for row in minutes if (row[0], row[1]) in persons]
    true, estimate, low, high, balance = np.array(told, dtype=float).T
    inside = (low - 0.5 <= true) & (true <= high + 0.5)  # persons are whole, the interval is not
    return float(np.abs(estimate - true).mean()), float(np.abs(balance - true).mean()), float(inside.mean())


def write_summary(summary: Summary) -> None:
    """Keep the account."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")


def tell(settings: Settings, summary: Summary, console: Console) -> None:
    """The account in words; the last lines are what to open next and how to stop."""
    console.print(json.dumps(msgspec.to_builtins(summary), indent=2, ensure_ascii=False), markup=False)
    s, secrets = summary, stack_home(settings) / "secrets"
    charts = f"{s.superset_charts} charts, {len(s.superset_failed)} failed, {len(s.superset_empty)} empty"
    lines = (
        f"{s.events_produced} events: {s.events_valid} valid, {s.duplicates} duplicates, {s.dead_letters} dead letters",
        f"daily counts of the real days equal the source exactly: {'yes' if s.daily_counts_equal else 'NO'}",
        f"incidents {s.incidents_matched} of {s.incidents_injected} told, {s.false_alerts} false alerts",
        f"occupancy off by {s.occupancy_mae} persons on average (plain running sum: {s.occupancy_mae_running_sum})",
        f"video: {s.camera_crossings_seen} crossings in and out seen, {s.camera_crossings_true} true",
        f"report: {s.report_figures_verified} of {s.report_figures} figures verified; {s.seconds:.0f} s in all",
        "",
        f"open   {s.report}",
        "look   .venv/bin/anfang watch          occupancy and alerts in the terminal",
        f"look   {s.page_url}   the live page: user {VIEWER}, password in {secrets / VIEWER_SECRET}",
        f"look   {s.superset_url}   Superset ({charts}): user {dashboards.superset.server.ADMIN}, "
        f"password in {dashboards.superset.server.admin_password_file(settings)}"
        if s.superset_url
        else "look   make dashboards                 Superset on these days",
        "stop   make down",
    )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
