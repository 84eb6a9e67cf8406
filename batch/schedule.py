"""The schedule of one machine: the nightly, retention and the weekly trends page, each in a process of its own.

What is due is decided from when a job last succeeded, which is kept in `home/schedule.json`: so a run that was missed
while the machine was off is caught up at the next start, once, however many were missed (the nightly itself looks back
over several days). A run that failed is tried again after 1, 2, 4 … 60 minutes until it succeeds.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from msgspec import Struct

from infra.errors import UserError
from infra.local.files import write_private
from infra.metrics import SCHEDULE_EXIT, SCHEDULE_FAILURES, SCHEDULE_SUCCESS
from infra.settings import Settings
from infra.site import Site

FIRST_RETRY_S: Final = 60.0
LONGEST_RETRY_S: Final = 3600.0
LOOK_BACK: Final = timedelta(days=15)

log = structlog.get_logger()
Run = Callable[[Sequence[str]], int]


class Job(Struct, frozen=True, kw_only=True):
    """What is to be done, and when by the estate's local time (`day_of_week` "*" is every day)."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    hour: int
    minute: int
    day_of_week: str = "*"


def jobs(settings: Settings, site: Path) -> list[Job]:
    """The jobs, in the order in which they run where several are due."""
    hour, minute = map(int, settings.nightly_time.split(":"))
    of_site = ("--site", str(site))
    return [
        Job(
            name="nightly",
            commands=(("nightly", "--again", str(settings.nightly_again_days), *of_site),),
            hour=hour,
            minute=minute,
        ),
        Job(
            name="retention",
            commands=(("retention", "run", *of_site), ("retention", "prove", *of_site)),
            hour=(hour + 2) % 24,
            minute=minute,
        ),
        Job(
            name="trends",
            commands=(("trends", *of_site, "page", "--to", str(settings.home.absolute() / "trends.html")),),
            hour=(hour + 4) % 24,
            minute=minute,
            day_of_week="mon",
        ),
    ]


def trigger(job: Job, timezone: str) -> CronTrigger:
    """When the job fires."""
    return CronTrigger(day_of_week=job.day_of_week, hour=job.hour, minute=job.minute, timezone=timezone)


def last_due(job: Job, timezone: str, now: datetime) -> datetime | None:
    """The last time up to `now` at which the job should have run."""
    fires, last = trigger(job, timezone), None
    at = fires.get_next_fire_time(None, now - LOOK_BACK)
    while at is not None and at <= now:
        last = at
        at = fires.get_next_fire_time(at, at + timedelta(seconds=1))
    return last


def is_due(job: Job, timezone: str, succeeded: datetime | None, now: datetime) -> bool:
    """Whether the job should have run since it last succeeded; one that never did is due."""
    due = last_due(job, timezone, now)
    return succeeded is None or (due is not None and due > succeeded)


def retry_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 60, 120, 240 … 3600."""
    return float(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** max(0, failures - 1)))


def state_file(settings: Settings) -> Path:
    """Where it is kept when each job last succeeded."""
    return settings.home / "schedule.json"


def read_state(settings: Settings) -> dict[str, datetime]:
    """When each job last succeeded. Raises UserError where the file is damaged."""
    path = state_file(settings)
    if not path.exists():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, datetime])
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: {error}", "delete it: each job then runs once at the start") from error


def run_command(command: Sequence[str]) -> int:
    """Run one of our commands in a process of its own; returns its exit code."""
    return subprocess.run([sys.executable, "-m", "anfang", *command], check=False).returncode


class Schedule:
    """The jobs with what is known of them: when each last succeeded, how often it failed since."""

    def __init__(self, settings: Settings, site: Site, todo: Sequence[Job], run: Run = run_command) -> None:
        """Nothing runs yet."""
        self.jobs, self.timezone = todo, site.estate.timezone
        self._settings, self._run = settings, run
        self._succeeded: dict[str, datetime] = read_state(settings)
        self._failures: dict[str, int] = {}

    @property
    def failing(self) -> Mapping[str, int]:
        """The jobs whose last run failed, and how often in a row."""
        return {name: number for name, number in self._failures.items() if number}

    def due(self, now: datetime) -> list[Job]:
        """The jobs that should have run by now."""
        return [job for job in self.jobs if is_due(job, self.timezone, self._succeeded.get(job.name), now)]

    def perform(self, job: Job, now: Callable[[], datetime]) -> float | None:
        """Run a job's commands until one fails; None where all went well, else after how many seconds to try again."""
        begun, started_s = now(), time.monotonic()
        code = next((code for command in job.commands if (code := self._run(command))), 0)
        said = log.bind(job=job.name, exit=code, seconds=round(time.monotonic() - started_s, 1))
        SCHEDULE_EXIT.labels(job.name).set(code)
        if code:
            failures = self._failures[job.name] = self._failures.get(job.name, 0) + 1
            SCHEDULE_FAILURES.labels(job.name).inc()
            said.error("job failed", failures=failures, again_in_s=retry_s(failures))
            return retry_s(failures)
        self._failures[job.name] = 0
        self._succeeded[job.name] = begun
        write_private(state_file(self._settings), msgspec.json.encode(self._succeeded))
        SCHEDULE_SUCCESS.labels(job.name).set(begun.timestamp())
        said.info("job done")
        return None


def arm(scheduler: BaseScheduler, schedule: Schedule, now: Callable[[], datetime]) -> None:
    """Give APScheduler the jobs: one at a time, what is due now at once, and after a failure again."""
    scheduler.add_executor(ThreadPoolExecutor(1))

    def perform(job: Job) -> None:
        again_s = schedule.perform(job, now)
        if again_s is not None:
            at = now() + timedelta(seconds=again_s)
            add("date", [job], run_date=at, id=f"{job.name}-again", replace_existing=True)

    add = partial(scheduler.add_job, perform, misfire_grace_time=None)  # else what waits for another job is dropped
    for job in schedule.jobs:
        add(trigger(job, schedule.timezone), [job], id=job.name, coalesce=True, max_instances=1)
    for job in schedule.due(now()):
        add("date", [job], id=f"{job.name}-now")
