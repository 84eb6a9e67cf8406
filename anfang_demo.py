"""`anfang demo`: the whole way on real parts, and an honest account of it in `out/demo/summary.json`.

14 real days (hourly counts of street sensors, as crossings at the estate's gates) and one simulated day with incidents,
faults and poison go through Kafka and Faust at full speed, and after midnight a video of one gate, rendered with its
exact truth, through YOLO. The nightly loads all 16 days into ClickHouse; the report on the first 15 is made and
verified. Then what came out is compared with what is known to be true, and the live page and Superset are left running
on it until `anfang down`.

The demo needs a stack of its own: it starts Kafka empty each time, and refuses a home that it did not make. Whatever
stops it before the end, Ctrl-C above all, stops everything it started.
"""

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, TypeVar

import msgspec
import numpy as np
import pyarrow.parquet as pq
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import batch.nightly
import dashboards.report
import dashboards.superset.server
import dashboards.web.background
import dashboards.web.run
from batch.accounting import DayAccount
from dashboards.report import ReportFiles
from dashboards.superset import api as superset_api
from dashboards.superset import check as superset_check
from dashboards.superset.install import ensure_environment
from dashboards.superset.transfer import import_assets
from dashboards.web.users import Users, new_user, users_file
from infra.clock import MINUTE_MS, day_bounds_ms
from infra.doctor import examine
from infra.errors import UserError
from infra.lag import lag
from infra.local.files import stack_home
from infra.local.parts import fetch_parts
from infra.local.process import alive, wait_until
from infra.local.registry import read_process, start_process
from infra.local.stack import down, up
from infra.settings import Settings
from infra.site import Site
from infra.topics import DETECTIONS, GATE_PASSAGES, HEADCOUNTS, OCCUPANCY, Topic, create_topics
from producers import counts
from producers.counts import CountsPlan, expected_counts
from producers.produced import Produced
from producers.scenes.run import Plan as Film
from producers.scenes.run import Truth
from producers.scenes.watch import render_and_watch
from producers.simulate import run as simulation
from producers.simulate.faults import Faults
from producers.simulate.run import Plan
from producers.simulate.scene import Kind
from producers.simulate.truth import Incident
from producers.sink import open_sink
from producers.video.detect import DEMO_WEIGHTS
from streams.worker import group
from warehouse.client import ask, connect
from warehouse.migrate import migrate

OUT: Final = Path("out/demo")
SEED: Final = 20231208
REAL_DAYS: Final = 14
INPUTS: Final[dict[str, tuple[Topic, ...]]] = {
    "occupancy": (DETECTIONS, HEADCOUNTS),
    "alerts": (DETECTIONS, OCCUPANCY, GATE_PASSAGES),
}
INCIDENTS: Final[dict[Kind, int]] = {"intruder": 2, "crowd": 2, "silent_camera": 2, "fire_lane_car": 1, "e_bike": 1}
FAULTS: Final = Faults(missed=0.05, duplicates=0.01, late=0.01, late_minutes=3, poison=12)
FILM_MINUTES: Final = 0.5
FILM_PARTIES: Final = 45.0
CATCH_UP_S: Final = 240.0
TOLERANCE_MS: Final = 5 * MINUTE_MS
MARKER: Final = "demo"
VIEWER: Final = "demo"
VIEWER_SECRET: Final = "web_demo"  # noqa: S105 the name of it

T = TypeVar("T")


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


def run(settings: Settings, site: Site, console: Console, *, superset: bool = True) -> Summary:
    """Run the demo from preflight to summary, with or without Superset at its end.

    Raises UserError; on any interruption everything is stopped.
    """
    preflight(settings, console)
    settings = settings.model_copy(update={"keep_all_history": True})
    steps = Steps(console)
    with _stopped_if_interrupted(settings, console):
        summary = _walk(settings, site, steps, superset=superset)
    _write_summary(summary)
    _tell(settings, summary, console)
    return summary


def preflight(settings: Settings, console: Console) -> None:
    """Look before anything is changed. Raises UserError when the machine lacks something or the home is not ours."""
    failures = [finding for finding in examine(settings) if not finding.ok]
    for failure in failures:
        console.print(str(failure), style="red", markup=False, highlight=False)
    if failures:
        raise UserError(
            f"this machine lacks {len(failures)} thing(s), see above", "mend them and run `make demo` again"
        )
    home = stack_home(settings)
    if _kafka_folder(settings).exists() and not (home / MARKER).exists():
        raise UserError(
            f"{home} holds a stack that the demo did not make",
            "run it elsewhere: `ANFANG_HOME=.anfang-demo make demo`",
        )


def _kafka_folder(settings: Settings) -> Path:
    return stack_home(settings) / "kafka"


class Steps:
    """Runs the steps one after the other, each with a progress bar, and keeps how long each took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    def do(self, name: str, work: Callable[[Callable[[float], None]], T]) -> T:
        """Run `work`, which reports its share done (0 to 1), as the step `name`."""
        columns = (TextColumn("{task.description:<46}"), BarColumn(32), TimeElapsedColumn())
        began = time.monotonic()
        with Progress(*columns, console=self._console) as bars:
            task = bars.add_task(name, total=1.0)
            result = work(lambda share: bars.update(task, completed=share))
            bars.update(task, completed=1.0)
        self.seconds[name] = round(time.monotonic() - began, 1)
        return result


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


def _walk(settings: Settings, site: Site, steps: Steps, *, superset: bool) -> Summary:
    began = time.monotonic()
    real = CountsPlan(days=REAL_DAYS, seed=SEED)
    simulated = Plan(start=real.start + timedelta(days=REAL_DAYS), seed=SEED, faults=FAULTS, incidents=INCIDENTS)
    steps.do("parts: Kafka, ClickHouse, fonts", lambda _: fetch_parts(settings))
    if superset:
        steps.do("parts: Superset (650 MB the first time)", lambda _: ensure_environment(settings))
    steps.do("start Kafka, ClickHouse and two Faust workers", lambda _: _start(settings, site))
    produced = steps.do("14 real days to Kafka", lambda bar: _send_counts(settings, site, real, bar))
    produced += steps.do("1 simulated incident day to Kafka", lambda bar: _simulate(settings, site, simulated, bar))
    filmed, watched = steps.do(
        "1 rendered video through YOLO to Kafka", lambda bar: _film(settings, site, simulated, bar)
    )
    produced += watched
    steps.do("Faust: occupancy and alerts", lambda bar: _catch_up(settings, bar))
    accounts = steps.do("Spark nightly: 16 days into ClickHouse", lambda bar: _nightly(settings, site, real, bar))
    issued = steps.do("report: DOCX, PDF, XLSX, JSON", lambda _: _report(settings, site, real.start, simulated.start))
    verified = steps.do("verify the report's figures", lambda _: _verify(settings, issued))
    (page,) = steps.do("what the live page shows", lambda _: dashboards.web.run.check(settings, [site], replay=True))
    page_url = steps.do("start the live page", lambda _: _open_page(settings, site))
    walked = Walked(real, simulated, filmed, produced, accounts, issued, verified, page, page_url)
    summary = steps.do("compare with the truth", lambda _: _compare(settings, site, walked))
    if superset:
        summary = steps.do("Superset: start, import, ask every chart", lambda _: _open_superset(settings, summary))
    took = round(time.monotonic() - began, 1)
    return msgspec.structs.replace(summary, seconds=took, seconds_by_step=dict(steps.seconds))


def _start(settings: Settings, site: Site) -> None:
    """A fresh Kafka, ClickHouse with its tables, and the two workers."""
    down(settings)
    shutil.rmtree(_kafka_folder(settings), ignore_errors=True)
    home = stack_home(settings)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / MARKER).touch()
    up(settings)
    create_topics(settings)
    migrate(settings, (site.estate.id,))
    for name in INPUTS:
        argv = [sys.executable, "-m", "anfang", "stream", name]
        start_process(settings, f"stream-{name}", argv, settings.as_environment())


def _send_counts(settings: Settings, site: Site, plan: CountsPlan, bar: Callable[[float], None]) -> Produced:
    with open_sink("kafka", settings) as sink:
        return counts.run(site, plan, sink, OUT / "truth" / "counts", bar)


def _simulate(settings: Settings, site: Site, plan: Plan, bar: Callable[[float], None]) -> Produced:
    with open_sink("kafka", settings) as sink:
        return simulation.run(site, plan, sink, OUT / "truth" / "simulated", bar)


def _film(settings: Settings, site: Site, day: Plan, bar: Callable[[float], None]) -> tuple[Truth, Produced]:
    """A video of the first camera that is drawn, in the minute after the simulated day: no other is silent yet."""
    camera = next((camera.id for camera in site.cameras if camera.view and camera.view.lines), None)
    if camera is None:
        raise UserError(
            "no camera of the site has a view with a line", "draw one (docs/camera.md), or demo another site"
        )
    _, midnight_ms = day_bounds_ms(day.start, site.tz)
    plan = Film(camera, midnight_ms, FILM_MINUTES, SEED, per_minute=FILM_PARTIES)
    with open_sink("kafka", settings) as sink:
        truth, watched = render_and_watch(site, plan, OUT / "video", weights=DEMO_WEIGHTS, sink=sink, progress=bar)
    return truth, Produced(messages=watched.messages, valid_unique=watched.messages)


def _catch_up(settings: Settings, bar: Callable[[float], None]) -> None:
    most = 1

    def caught_up(name: str) -> bool:
        nonlocal most
        _still_alive(settings, name)
        behind = lag(settings, group(name, settings), INPUTS[name])
        most = max(most, behind)
        bar(1 - behind / most)
        return behind == 0

    for name in INPUTS:  # alerts read what occupancy writes, so this order is the order of being done
        wait_until(partial(caught_up, name), CATCH_UP_S, f"stream {name} caught up")


def _still_alive(settings: Settings, name: str) -> None:
    process = read_process(settings, f"stream-{name}")
    if process is None or not alive(process):
        raise UserError(f"the worker stream-{name} ended", f"look at `anfang logs stream-{name}`")


def _nightly(settings: Settings, site: Site, real: CountsPlan, bar: Callable[[float], None]) -> list[DayAccount]:
    def progress(_step: str, number: int, steps: int) -> None:
        bar(number / steps)

    return batch.nightly.run(settings, site, real.start, REAL_DAYS + 2, progress=progress)


def _report(settings: Settings, site: Site, first: date, last: date) -> ReportFiles:
    return dashboards.report.run(settings, site, first, last, out_dir=OUT / "report")


def _verify(settings: Settings, issued: ReportFiles) -> int:
    verdict = dashboards.report.verify_file(settings, issued.paths["json"])
    if verdict.problems:
        raise UserError(
            "the report does not hold: " + "; ".join(map(str, verdict.problems)), "tell us: this is a defect"
        )
    return verdict.verified


def _open_page(settings: Settings, site: Site) -> str:
    """Start the live page at the newest moment of the data, with one user; its address."""
    user = new_user(VIEWER, "operator", [site.estate.id], settings.secret(VIEWER_SECRET))
    Users(users_file(settings)).put(user)
    return dashboards.web.background.start(settings, replay=True)


def _open_superset(settings: Settings, summary: Summary) -> Summary:
    """Start Superset with its dashboards and ask every chart; what came of it in the summary."""
    dashboards.superset.server.start(settings)
    api = superset_api.connect(settings)
    import_assets(settings, api)
    report = superset_check.check(settings, api)
    superset_check.write_report(report, OUT / "superset.json")
    return msgspec.structs.replace(
        summary,
        superset_url=f"{dashboards.superset.server.url(settings)}/superset/dashboard/operations/",
        superset_charts=len(report.charts),
        superset_failed=report.failed,
        superset_empty=report.empty,
    )


def _compare(settings: Settings, site: Site, walked: Walked) -> Summary:
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


@contextmanager
def _stopped_if_interrupted(settings: Settings, console: Console) -> Iterator[None]:
    """Anything that ends the demo early, a signal too, stops all that it started."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
        console.print("stopping all that was started …")
        down(settings)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_summary(summary: Summary) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")


def _tell(settings: Settings, summary: Summary, console: Console) -> None:
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
