"""The API's addresses under `/api/v1`. A key sees its own estates; what belongs to others does not exist for it."""

from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.security import HTTPBearer

from dashboards.api.entrance import Entrance, has_already, tagged
from dashboards.api.keys import Key
from dashboards.api.maker import MOST_WAITING, Maker
from dashboards.api.problems import Problem, answer_problems
from dashboards.api.shelf import ID, MEDIA_TYPES, Report, Shelf, Status
from dashboards.api.subscriptions import Subscriptions
from dashboards.api.views import NewReport, ProblemView, ReportPage, ReportView, page_of, view
from dashboards.web.figures import Figures
from dashboards.web.guard import API_PATH
from dashboards.web.problem import PROBLEM
from dashboards.web.render import page
from dashboards.web.words import Words

MOST_LISTED: Final = 100
POLL_S: Final = 2
BEARER: Final = HTTPBearer(auto_error=False, description="a key of `anfang api keys add`")
REFUSALS: Final[dict[int | str, dict[str, object]]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": ProblemView.model_json_schema()}},
    }
    for status in (400, 401, 403, 404, 422, 429)
}
FIGURE: Final = "the question, its answer then, and `same`: whether it is so now (null: it could not be asked)"
ABOUT: Final = """Ask for performance reports, watch them being made, and fetch them; say who is told of alerts.

Every request carries `Authorization: Bearer KEY`. Refusals are `application/problem+json` (RFC 9457). What can be
cached has an `ETag`; send it as `If-None-Match`. Too many requests are answered with 429 and `Retry-After`.
"""


class Api:
    """What the API knows: who may come in, and the reports. `root` is the path a proxy shows us under."""

    def __init__(
        self,
        *,
        entrance: Entrance,
        shelf: Shelf,
        maker: Maker,
        figures: Figures,
        subscriptions: Subscriptions,
        root: str = "",
    ) -> None:
        self._entrance, self._shelf, self._maker, self._figures = entrance, shelf, maker, figures
        self._subscriptions = subscriptions
        self._root, self._base = root, f"{root}{API_PATH}"

    def app(self) -> FastAPI:
        """The application to be mounted at `API_PATH`."""
        app = FastAPI(
            title="anfang",
            version="1",
            description=ABOUT,
            docs_url=None,
            redoc_url=None,
            dependencies=[Depends(BEARER), Depends(self._entrance.key)],
            responses=REFUSALS,
        )
        app.router.redirect_slashes = False
        app.add_api_route("/reports", self.reports, methods=["GET"], response_model=ReportPage)
        app.add_api_route("/reports", self.create, methods=["POST"], response_model=ReportView, status_code=202)
        app.add_api_route("/reports/{report_id}", self.report, methods=["GET"], response_model=ReportView)
        app.add_api_route("/reports/{report_id}/files/{kind}", self.file, methods=["GET"], response_class=FileResponse)
        app.add_api_route(
            "/figures/{figure_id}/{content}", self.figure, methods=["GET"], responses={200: {"description": FIGURE}}
        )
        self._subscriptions.add_to(app)
        answer_problems(app)

        async def docs(_request: Request) -> Response:
            about = {"w": Words("en"), "lang": "en", "root": self._root, "stamp": "api"}
            return HTMLResponse(page("api.html", **about, api=app.openapi(), base=self._base))

        app.add_route("/docs", docs)
        return app

    async def reports(
        self,
        request: Request,
        estate: Annotated[str, Query(max_length=64, description="of this estate only")] = "",
        status: Annotated[Status | None, Query(description="of this status only")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="at most so many")] = 20,
        cursor: Annotated[str, Query(max_length=32, description="goes on where a page ended; see `next`")] = "",
    ) -> Response:
        """List reports, the newest first."""
        key = self._entrance.allowed(request, "reports:read", ("estate", "status", "limit", "cursor"))
        if cursor and not ID.fullmatch(cursor):
            raise Problem(400, "The cursor is none of ours: take the address in `next`.")
        estates = self._entrance.own(key)
        if estate and estate not in estates:
            raise Problem(404, why="another estate")
        found = self._shelf.listed([estate] if estate else estates, status, cursor, limit + 1)
        asked = {"estate": estate, "status": status or "", "limit": str(limit)}
        listed = page_of(found, limit, self._base, urlencode({k: v for k, v in asked.items() if v}) + "&")
        links = {"Link": f'<{listed.next}>; rel="next"'} if listed.next else {}
        self._entrance.note(request, "read", key)
        return tagged(request, listed.model_dump_json().encode(), links)

    async def create(self, request: Request, wanted: NewReport) -> Response:
        """Ask for a report. It is made in the background, after those that were asked for before it."""
        key = self._entrance.allowed(request, "reports:create")
        if wanted.estate not in self._entrance.own(key):
            raise Problem(404, why="another estate")
        self._entrance.count_creation(key)
        report = self._maker.ask(wanted, key.name)
        if report is None:
            told = f"{MOST_WAITING} reports of this estate wait already."
            raise Problem(429, told, headers={"Retry-After": "60"})
        self._entrance.note(
            request, "report", key, f"{report.id}: {report.estate} {report.first_day} to {report.last_day}"
        )
        shown = view(report, self._base)
        headers = {"Location": shown.href, "Retry-After": str(POLL_S)}
        return Response(shown.model_dump_json(), 202, headers, "application/json")

    async def report(self, request: Request, report_id: str) -> Response:
        """A report's status, and its files once it is done."""
        key = self._entrance.allowed(request, "reports:read")
        report = self._find(key, report_id)
        self._entrance.note(request, "read", key)
        again = {"Retry-After": str(POLL_S)} if report.status in {"waiting", "running"} else {}
        return tagged(request, view(report, self._base).model_dump_json().encode(), again)

    async def file(self, request: Request, report_id: str, kind: str) -> Response:
        """Fetch a file of a report: pdf, docx, xlsx, json, manifest, key or bundle."""
        key = self._entrance.allowed(request, "reports:read")
        report = self._find(key, report_id)
        found = self._shelf.file(report, kind)
        if found is None:
            raise Problem(404, "There is no such file, or not yet.", why=f"no file {kind[:20]!r}")
        file, path = found
        self._entrance.note(request, "fetched", key, file.name)
        headers = {"ETag": f'"{file.sha256}"', "Cache-Control": "private, no-cache"}
        if has_already(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return FileResponse(path, 200, headers, MEDIA_TYPES[file.kind], filename=file.name)

    async def figure(self, request: Request, figure_id: str, content: str) -> Response:
        """A figure of a report by its permanent address: SQL, parameters, rows, and whether it is the same now."""
        key = self._entrance.allowed(request, "reports:read")
        figure = await self._figures.find(self._entrance.own(key), figure_id, content)
        if figure is None:
            raise Problem(404, why="no such figure")
        self._entrance.note(request, "read", key)
        return tagged(request, msgspec.json.encode(figure), {})

    def _find(self, key: Key, report_id: str) -> Report:
        report = self._shelf.find(report_id)
        if report is None or report.estate not in self._entrance.own(key):
            raise Problem(404, why="another estate's report" if report else "no such report")
        return report
