"""The estate's reports in the browser: asked for, watched while they are made, and fetched."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from fastapi import Request, Response
from fastapi.responses import FileResponse
from pydantic import ValidationError

from dashboards.api.maker import MOST_WAITING, Maker
from dashboards.api.shelf import MEDIA_TYPES, Report, Shelf
from dashboards.api.views import NewReport
from dashboards.web.desk import Desk
from dashboards.web.guard import Refused, form
from dashboards.web.sessions import Session, check
from dashboards.web.users import MAY_ASK_FOR_REPORTS
from infra.site import Site

MOST_LISTED: Final = 20
FIELDS: Final = ("period", "first_day", "last_day", "language", "indicators")


class Reports:
    """The addresses `/e/{estate}/reports…`, for role `office` only."""

    def __init__(self, desk: Desk, shelf: Shelf, maker: Maker, sites: Mapping[str, Site]) -> None:
        self._desk, self._shelf, self._maker, self._sites = desk, shelf, maker, sites

    async def shown(self, request: Request, estate: str) -> Response:
        """The newest reports, and a form to ask for the next."""
        session, site = self._allowed(request, estate)
        self._desk.note(request, "read", session.user.name, 200)
        return self._page(request, session, site)

    async def ask(self, request: Request, estate: str) -> Response:
        """Ask for a report, which is then made in the background."""
        session, site = self._allowed(request, estate)
        fields = await form(request)
        check(session, fields)
        given = {name: fields.get(name, "").strip() for name in FIELDS}
        try:
            wanted = NewReport.model_validate({"estate": estate} | _said(given))
        except ValidationError:
            return self._page(request, session, site, 422, problem="report_wrong", given=given)
        report = self._maker.ask(wanted, session.user.name)
        if report is None:
            return self._page(request, session, site, 429, problem="report_full", given=given)
        told = f"{report.id}: {report.estate} {report.first_day} to {report.last_day}"
        self._desk.note(request, "report", session.user.name, 200, told)
        return self._desk.to(f"/e/{estate}/reports")

    async def file(self, request: Request, estate: str, report_id: str, kind: str) -> Response:
        """A file of a report that is done."""
        session, _ = self._allowed(request, estate)
        report = self._shelf.find(report_id)
        if report is None or report.estate != estate:
            raise Refused(404, "another estate's report" if report else "no such report")
        found = self._shelf.file(report, kind)
        if found is None:
            raise Refused(404, f"no file {kind[:20]!r}")
        file, path = found
        self._desk.note(request, "fetched", session.user.name, 200, file.name)
        return FileResponse(path, media_type=MEDIA_TYPES[file.kind], filename=file.name)

    def _allowed(self, request: Request, estate: str) -> tuple[Session, Site]:
        session = self._desk.session_at(request, estate, self._sites, MAY_ASK_FOR_REPORTS)
        return session, self._sites[estate]

    def _page(
        self,
        request: Request,
        session: Session,
        site: Site,
        status: int = 200,
        *,
        problem: str = "",
        given: Mapping[str, str] | None = None,
    ) -> Response:
        reports = self._shelf.listed([site.estate.id], None, "", MOST_LISTED)
        today = self._local(site, self._desk.clock.now_ms()).date()
        return self._desk.page(
            request,
            "reports.html",
            status,
            session=session,
            site=site,
            reports=reports,
            busy=any(report.status in {"waiting", "running"} for report in reports),
            at=lambda report: self._local(site, report.asked_ms).strftime("%Y-%m-%d %H:%M"),
            period=period_shown,
            suggested=suggested_periods(today),
            given=dict.fromkeys(FIELDS, "") | dict(given or {}),
            problem=problem,
            most_waiting=MOST_WAITING,
        )

    @staticmethod
    def _local(site: Site, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, site.tz)


def _said(given: Mapping[str, str]) -> dict[str, str]:
    """What was filled in. Days of one's own go before a period."""
    own_days = given["first_day"] or given["last_day"]
    return {name: text for name, text in given.items() if text and not (name == "period" and own_days)}


def suggested_periods(today: date) -> list[str]:
    """The periods that ended last: a month, a quarter, a half and a year."""
    month = today.replace(day=1) - timedelta(days=1)
    quarter = today.year * 4 + (today.month - 1) // 3 - 1
    half = today.year * 2 + (today.month - 1) // 6 - 1
    return [
        f"{month:%Y-%m}",
        f"{quarter // 4}Q{quarter % 4 + 1}",
        f"{half // 2}H{half % 2 + 1}",
        str(today.year - 1),
    ]


def period_shown(report: Report) -> str:
    """The days of a report, both included."""
    return f"{report.first_day} – {report.last_day}"
