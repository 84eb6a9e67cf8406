"""`anfang demo`: the whole way on real parts, and an honest account of it in `out/demo/summary.json`.

14 real days (hourly counts of street sensors, as crossings at the estate's gates) and one simulated day with incidents,
faults and poison go through Kafka and Faust at full speed, and after midnight a video of one gate, rendered with its
exact truth, through YOLO. The nightly loads all 16 days into ClickHouse; the report on the first 15 is made and
verified. Then what came out is compared with what is known to be true, and the live page and Superset are left running
on it until `anfang down`.

The demo needs a stack of its own: it starts Kafka empty each time, and refuses a home that it did not make. Whatever
stops it before the end, Ctrl-C above all, stops everything it started.
"""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import batch.nightly
import dashboards.report.issue
import dashboards.superset.server
import dashboards.web.background
import dashboards.web.run
from anfang_demo_account import OUT, VIEWER, VIEWER_SECRET, Summary, Walked, compare, tell, write_summary
from batch.accounting import DayAccount
from dashboards.report.issue import ReportFiles
from dashboards.report.verify_file import verify_file
from dashboards.superset import api as superset_api
from dashboards.superset import check as superset_check
from dashboards.superset.install import ensure_environment
from dashboards.superset.transfer import import_assets
from dashboards.web.users import Users, new_user, users_file
from infra.clock import day_bounds_ms
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
from producers.counts import CountsPlan
from producers.produced import Produced
from producers.scenes.run import Plan as Film
from producers.scenes.run import Truth
from producers.scenes.watch import render_and_watch
from producers.simulate import run as simulation
from producers.simulate.faults import Faults
from producers.simulate.run import Plan
from producers.simulate.scene import Kind
from producers.sink import open_sink
from producers.video.detect import DEMO_WEIGHTS
from streams.worker import group
from warehouse.migrate import migrate

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
MARKER: Final = "demo"

T = TypeVar("T")


def run(settings: Settings, site: Site, console: Console, *, superset: bool = True) -> Summary:
    """Run the demo from preflight to summary, with or without Superset at its end.

    Raises UserError; on any interruption everything is stopped.
    """
    preflight(settings, console)
    settings = settings.model_copy(update={"keep_all_history": True})
    steps = Steps(console)
    with _stopped_if_interrupted(settings, console):
        summary = _walk(settings, site, steps, superset=superset)
    write_summary(summary)
    tell(settings, summary, console)
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
    summary = steps.do("compare with the truth", lambda _: compare(settings, site, walked))
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
    return dashboards.report.issue.run(settings, site, first, last, out_dir=OUT / "report")


def _verify(settings: Settings, issued: ReportFiles) -> int:
    verdict = verify_file(settings, issued.paths["json"])
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
