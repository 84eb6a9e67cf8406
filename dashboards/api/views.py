"""What the API takes and gives, as its OpenAPI document describes it. Times are ISO 8601 in UTC, days local."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashboards.api.shelf import Kind, Report, Status
from infra.alert_words import Language
from infra.errors import UserError
from infra.period import Period, make_period, named_period

MOST_DAYS = 1_830


class NewReport(BaseModel):
    """Which report is wanted: for `period`, or from `first_day` to `last_day`, both included."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"estate": "demo_garden", "period": "2024-03"}]}
    )

    estate: str = Field(max_length=64, description="id of the estate")
    period: str | None = Field(None, max_length=10, description="2024, 2024H1, 2024Q3 or 2024-02")
    first_day: date | None = Field(None, description="first local day")
    last_day: date | None = Field(None, description="last local day")
    language: Language = Field("zh", description="of the text and the charts")
    indicators: Literal["", "2017", "2020"] = Field(
        "", description="the indicators of that year's procedure; empty: the estate's own"
    )
    issued: date | None = Field(None, description="date on the title page; today, if not given")

    @model_validator(mode="after")
    def _has_one_period(self) -> Self:
        if (self.period is None) != (self.first_day is not None and self.last_day is not None) or (
            self.period is not None and (self.first_day or self.last_day)
        ):
            raise ValueError("give period, or both first_day and last_day")
        try:
            days = self.days().days
        except UserError as error:
            raise ValueError(f"{error.problem.replace('--', '')}: {error.remedy.replace('--', '')}") from error
        if days > MOST_DAYS:
            raise ValueError(f"give at most {MOST_DAYS} days")
        return self

    def days(self) -> Period:
        """The days asked for. Raises UserError where they are none."""
        if self.period is not None:
            return named_period(self.period)
        assert self.first_day is not None
        assert self.last_day is not None
        return make_period(self.first_day, self.last_day)


class Progress(BaseModel):
    """What is being done: the `done`-th step (from 0) of `of`; ask, check, render, keep."""

    step: str
    done: int
    of: int


class Why(BaseModel):
    """Why a report failed, and what to do."""

    problem: str
    remedy: str


class FileView(BaseModel):
    """A file of a report, and where it is fetched."""

    kind: Kind
    name: str
    bytes: int
    sha256: str
    href: str


class ResultView(BaseModel):
    """What was issued: `figures` numbers with evidence; `points` won of `assessed`; `key` is who signed."""

    figures: int
    points: float
    assessed: float
    percent: float | None
    grade: str | None
    key: str
    files: list[FileView]


class ReportView(BaseModel):
    """A report that was asked for, and how far it is."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{19}$")]
    href: str
    estate: str
    first_day: date
    last_day: date
    language: Language
    indicators: str
    issued: date | None
    status: Status
    progress: Progress
    asked_by: str
    asked_at: str
    began_at: str | None
    ended_at: str | None
    why: Why | None
    result: ResultView | None


class ReportPage(BaseModel):
    """Reports, the newest first; `next` is the address of those before them, if there are any."""

    reports: list[ReportView]
    next: str | None


class ProblemView(BaseModel):
    """A refusal (RFC 9457); `errors` names each wrong value by `pointer`, and says what was expected in `detail`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[Literal["pointer", "detail"], str]] = []


def view(report: Report, base: str) -> ReportView:
    """A report as it is shown; `base` is the address of the API."""
    href = f"{base}/reports/{report.id}"
    return ReportView(
        id=report.id,
        href=href,
        estate=report.estate,
        first_day=report.first_day,
        last_day=report.last_day,
        language=report.language,
        indicators=report.indicators,
        issued=report.issued,
        status=report.status,
        progress=Progress(step=report.step, done=report.steps_done, of=report.steps),
        asked_by=report.asked_by,
        asked_at=iso(report.asked_ms) or "",
        began_at=iso(report.began_ms),
        ended_at=iso(report.ended_ms),
        why=Why(problem=report.problem, remedy=report.remedy) if report.problem else None,
        result=_result(report, href),
    )


def _result(report: Report, href: str) -> ResultView | None:
    result = report.result
    if result is None:
        return None
    files = [
        FileView(kind=f.kind, name=f.name, bytes=f.bytes, sha256=f.sha256, href=f"{href}/files/{f.kind}")
        for f in result.files
    ]
    return ResultView(
        figures=result.figures,
        points=result.points,
        assessed=result.assessed,
        percent=result.percent,
        grade=result.grade,
        key=result.key,
        files=files,
    )


def page_of(reports: Sequence[Report], most: int, base: str, asked: str) -> ReportPage:
    """A page of `most` reports, of which one more was looked for; `asked` are the parameters that go on."""
    shown = [view(report, base) for report in reports[:most]]
    more = f"{base}/reports?{asked}cursor={shown[-1].id}" if len(reports) > most else None
    return ReportPage(reports=shown, next=more)


def iso(ms: int | None) -> str | None:
    """A UTC time as ISO 8601, to the second; None where there is none."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
