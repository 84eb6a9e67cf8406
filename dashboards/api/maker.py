"""Makes the reports that wait, one at a time, the oldest first."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
import structlog
from msgspec import structs

from dashboards.api.order import Order, Told
from dashboards.api.shelf import FILES, Report, Shelf, new_id
from dashboards.api.views import NewReport
from infra.clock import Clock
from infra.local.files import log_file, private_folder
from infra.settings import Settings
from infra.site import Site

MOST_WAITING: Final = 20
"""Reports of an estate that wait at a time."""
MOST_TIME_S: Final = 3_600
LINE_LIMIT: Final = 1_000_000
STOP_TIMEOUT_S: Final = 5

log = structlog.get_logger()


class Maker:
    """For reports of `sites`, by estate. All of it runs on the event loop but the making, which is another process."""

    def __init__(self, settings: Settings, shelf: Shelf, sites: Mapping[str, Site], clock: Clock) -> None:
        self._settings, self._shelf, self._sites, self._clock = settings, shelf, sites, clock
        self._asked = asyncio.Event()

    def ask(self, wanted: NewReport, asked_by: str) -> Report | None:
        """A report that is made after those that wait; None where `MOST_WAITING` of its estate do."""
        if sum(report.estate == wanted.estate for report in self._shelf.waiting()) >= MOST_WAITING:
            return None
        now_ms, days = self._clock.now_ms(), wanted.days()
        report = Report(
            id=new_id(now_ms),
            estate=wanted.estate,
            first_day=days.first,
            last_day=days.last,
            language=wanted.language,
            indicators=wanted.indicators,
            issued=wanted.issued,
            asked_by=asked_by,
            asked_ms=now_ms,
        )
        self._shelf.put(report)
        self._asked.set()
        return report

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make reports while the block lasts; what is being made at its end has failed."""
        self._shelf.recover(self._clock.now_ms())
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._shelf.recover(self._clock.now_ms())

    async def _run(self) -> None:
        while True:
            self._asked.clear()
            for report in self._shelf.waiting():
                await self._make(report)
            await self._asked.wait()

    async def _make(self, report: Report) -> None:
        report = structs.replace(report, status="running", began_ms=self._clock.now_ms())
        self._shelf.put(report)
        site = self._sites.get(report.estate)
        if site is None:
            self._end(
                report, Told(problem=f"estate {report.estate!r} is not served any more", remedy="ask the operator")
            )
            return
        try:
            async with asyncio.timeout(MOST_TIME_S):
                await self._made(report, site)
        except TimeoutError:
            self._end(report, Told(problem=f"not made within {MOST_TIME_S} s", remedy="ask for a shorter period"))
        except Exception as error:  # the next report is to be made all the same
            log.exception("a report could not be made", report=report.id)
            self._end(report, Told(problem=f"not made: {error}", remedy="ask the operator to look at the log"))

    async def _made(self, report: Report, site: Site) -> None:
        folder = private_folder(self._shelf.folder(report) / FILES)
        order = Order(report, site.model_dump_json(by_alias=True, exclude_unset=True), str(folder.absolute()))
        async with _process(self._settings) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(msgspec.json.encode(order))
            process.stdin.write_eof()
            async for line in process.stdout:
                told = msgspec.json.decode(line, type=Told)
                if told.result or told.problem:
                    self._end(report, told)
                    return
                report = structs.replace(report, step=told.step, steps_done=told.done, steps=told.of)
                self._shelf.put(report)
            broke = f"its process ended with code {await process.wait()}"
        self._end(report, Told(problem=broke, remedy="ask the operator to look at `anfang logs reports`"))

    def _end(self, report: Report, told: Told) -> None:
        status, done = ("done", report.steps) if told.result else ("failed", report.steps_done)
        self._shelf.put(
            structs.replace(
                report,
                status=status,
                step="",
                steps_done=done,
                ended_ms=self._clock.now_ms(),
                problem=told.problem,
                remedy=told.remedy,
                result=told.result,
            )
        )


@asynccontextmanager
async def _process(settings: Settings) -> AsyncIterator[Process]:
    """The process that makes a report; it does not outlive the block."""
    path = log_file(settings, "reports")
    private_folder(path.parent)
    with path.open("ab") as kept:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dashboards.api.work",
            stdin=PIPE,
            stdout=PIPE,
            stderr=kept,
            env={**os.environ, **settings.as_environment()},
            limit=LINE_LIMIT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
                except TimeoutError:
                    process.kill()
                    await process.wait()
