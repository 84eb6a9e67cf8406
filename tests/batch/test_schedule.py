"""When what runs, what is caught up, and what happens when it fails; with a clock and commands of the test's own."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from apscheduler.executors.base import BaseExecutor
from apscheduler.schedulers.base import BaseScheduler
from hypothesis import given
from hypothesis import strategies as st

from batch.schedule import Job, Schedule, arm, is_due, jobs, last_due, read_state, retry_s, state_file
from infra.errors import UserError
from infra.settings import SMALL_SITE, Settings
from infra.site import Site

TZ = "Asia/Shanghai"
DAILY = Job(name="nightly", commands=(("nightly",),), hour=2, minute=15)
WEEKLY = Job(name="trends", commands=(("trends",), ("page",)), hour=6, minute=0, day_of_week="mon")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(TZ))


def test_the_last_time_due() -> None:
    assert last_due(DAILY, TZ, local("2026-03-02 02:15")) == local("2026-03-02 02:15")
    assert last_due(DAILY, TZ, local("2026-03-02 02:14")) == local("2026-03-01 02:15")
    assert last_due(WEEKLY, TZ, local("2026-03-08 23:00")) == local("2026-03-02 06:00")


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001 made local below
    st.integers(0, 14 * 24 * 60),
    st.sampled_from([DAILY, WEEKLY]),
)
def test_due_is_what_a_minute_by_minute_watch_would_have_started(naive: datetime, minutes: int, job: Job) -> None:
    succeeded = naive.replace(second=30, microsecond=0, tzinfo=ZoneInfo(TZ))
    now = succeeded + timedelta(minutes=minutes)
    day = succeeded.date()
    fired = False
    while day <= now.date():
        at = datetime(day.year, day.month, day.day, job.hour, job.minute, tzinfo=ZoneInfo(TZ))
        fired |= succeeded < at <= now and (job.day_of_week == "*" or day.isoweekday() == 1)
        day += timedelta(days=1)
    assert is_due(job, TZ, succeeded, now) == fired


def test_what_never_ran_is_due() -> None:
    assert is_due(WEEKLY, TZ, None, local("2026-03-04 12:00"))


def test_retries_wait_longer_each_time_up_to_an_hour() -> None:
    assert [retry_s(n) for n in range(1, 9)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


class Machine:
    """Commands that end as they are told, and a clock."""

    def __init__(self, now: datetime, codes: Sequence[int] = ()) -> None:
        self.at, self.codes, self.ran = now, list(codes), list[tuple[str, ...]]()

    def now(self) -> datetime:
        return self.at

    def run(self, command: Sequence[str]) -> int:
        self.ran.append(tuple(command))
        return self.codes.pop(0) if self.codes else 0


def schedule(home: Path, machine: Machine, site: Site, todo: Sequence[Job] = (DAILY, WEEKLY)) -> Schedule:
    return Schedule(Settings(home=home), site, todo, machine.run)


def test_a_missed_run_is_caught_up_once_after_a_restart(tmp_path: Path, site: Site) -> None:
    machine = Machine(local("2026-03-02 08:00"))
    first = schedule(tmp_path, machine, site)
    assert first.due(machine.now()) == [DAILY, WEEKLY]
    for job in first.due(machine.now()):
        assert first.perform(job, machine.now) is None
    assert schedule(tmp_path, machine, site).due(machine.now()) == []
    machine.at = local("2026-03-06 01:00")  # four nights off
    again = schedule(tmp_path, machine, site)
    assert again.due(machine.now()) == [DAILY]
    again.perform(DAILY, machine.now)
    assert schedule(tmp_path, machine, site).due(machine.now()) == []
    assert machine.ran == [("nightly",), ("trends",), ("page",), ("nightly",)]


def test_a_failure_is_counted_said_and_stays_due(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(local("2026-03-02 08:00"), [0, 7, 3, 0])
    planned = schedule(tmp_path, machine, site)
    assert planned.perform(WEEKLY, machine.now) == 60
    assert planned.perform(DAILY, machine.now) == 60
    assert dict(planned.failing) == {"trends": 1, "nightly": 1}
    assert planned.due(machine.now()) == [DAILY, WEEKLY]
    assert planned.perform(DAILY, machine.now) is None
    assert dict(planned.failing) == {"trends": 1}
    assert machine.ran == [("trends",), ("page",), ("nightly",), ("nightly",)]
    said = capsys.readouterr().out
    assert "job failed" in said
    assert "exit=7" in said.replace("\x1b[0m", "").replace("\x1b[36m", "").replace("\x1b[35m", "")


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    state_file(settings).write_text("{")
    with pytest.raises(UserError, match=r"schedule\.json"):
        read_state(settings)


class AtOnce(BaseExecutor):  # type: ignore[misc] # apscheduler has no types
    """Runs a job where it is submitted, so that a test sees what came of it."""

    def _do_submit_job(self, job: object, run_times: list[datetime]) -> None:
        job.func(*job.args)  # type: ignore[attr-defined]
        self._run_job_success(job.id, [])  # type: ignore[attr-defined]


class StillScheduler(BaseScheduler):  # type: ignore[misc]
    """A scheduler that looks only when it is told to."""

    def wakeup(self) -> None:
        return

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)

    look: Callable[[], float]


def test_apscheduler_gets_the_due_ones_now_and_a_retry_after_a_failure(tmp_path: Path, site: Site) -> None:
    machine = Machine(datetime.now(UTC), [1])
    scheduler = StillScheduler(timezone=TZ)
    planned = schedule(tmp_path, machine, site, [DAILY])
    arm(scheduler, planned, machine.now)
    scheduler._executors["default"] = AtOnce()
    scheduler.start()
    scheduler._process_jobs()
    assert machine.ran == [("nightly",)]
    names = {job.id: job.next_run_time for job in scheduler.get_jobs()}
    assert set(names) == {"nightly", "nightly-again"}
    assert names["nightly-again"] == machine.at + timedelta(seconds=60)
    assert scheduler.get_job("nightly-again").misfire_grace_time is None  # else it is dropped where another job runs
    local_time = names["nightly"].astimezone(ZoneInfo(TZ))
    assert (local_time.hour, local_time.minute) == (2, 15)
    scheduler.shutdown()


def test_the_real_jobs_are_commands_of_ours(tmp_path: Path, site: Site) -> None:
    import typer

    from anfang import cli

    root = typer.main.get_command(cli)
    for job in jobs(Settings(home=tmp_path), SMALL_SITE):
        for command in job.commands:
            assert command[0] in root.commands, command  # type: ignore[attr-defined]
    assert [job.name for job in jobs(Settings(home=tmp_path), SMALL_SITE)] == ["nightly", "retention", "trends"]
