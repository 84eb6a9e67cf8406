"""The permanent addresses of figures: what a report said, from what, and whether it is so now; page and JSON."""

import asyncio
from collections.abc import Collection
from datetime import UTC
from typing import Final

import msgspec
from clickhouse_driver.errors import Error
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from msgspec import Struct

from dashboards.report.evidence import Parameter, Read, Scalar, content_hash, permanent_address
from dashboards.report.figures import Figure, find_figure, recomputed
from dashboards.report.wording import question_title
from dashboards.web.desk import Desk
from dashboards.web.guard import Refused
from infra.errors import UserError
from infra.settings import Settings

MOST_SHOWN: Final = 500
"""Rows on the page; the JSON has all."""
AT_ONCE: Final = 2
"""Figures that are looked up and recomputed at the same time."""


class Shown(Struct, frozen=True, kw_only=True):
    """A figure as it is shown. `intact`: what is stored is what the address says.

    `same` is whether it is so when it is computed now, none where that could not be; `differences` says why not.
    """

    id: str
    content_hash: str
    address: str
    estate: str
    first_day: str
    last_day: str
    reported_at: str
    label: str
    question: str
    query: str
    sql: str
    sql_sha256: str
    parameters: dict[str, Parameter]
    read: Read
    rows_read: int
    columns: list[str]
    rows: list[list[Scalar]]
    intact: bool
    same: bool | None
    differences: list[str]


class Figures:
    """Looks figures up in the warehouse, and asks for them again; `root` is the path under which a proxy shows us."""

    def __init__(self, settings: Settings, root: str) -> None:
        self._settings, self._root, self._at_once = settings, root, asyncio.Semaphore(AT_ONCE)

    async def find(self, estates: Collection[str], figure_id: str, content: str) -> Shown | None:
        """What lies at an address, for who may see these estates. Raises UserError where ClickHouse does not answer."""
        async with self._at_once:
            return await asyncio.to_thread(self._find, estates, figure_id, content)

    def _find(self, estates: Collection[str], figure_id: str, content: str) -> Shown | None:
        try:
            figure = find_figure(self._settings, estates, figure_id, content)
        except (Error, EOFError, OSError) as error:
            raise UserError(f"ClickHouse broke off: {error}", "look at `anfang logs`") from error
        if figure is None:
            return None
        same, differences = self._now(figure)
        return shown(figure, content, self._root, same=same, differences=differences)

    def _now(self, figure: Figure) -> tuple[bool | None, list[str]]:
        if not figure.intact:
            return None, ["what is stored is not what the address says: it was changed"]
        try:
            now = recomputed(self._settings, figure)
        except (UserError, Error, EOFError, OSError):
            return None, ["the warehouse did not answer"]
        return now.same, now.differences


def shown(figure: Figure, content: str, root: str, *, same: bool | None, differences: list[str]) -> Shown:
    """A figure as it is shown."""
    found = figure.evidence
    return Shown(
        id=found.id,
        content_hash=content_hash(found) if figure.intact else content,
        address=f"{root}/figures/{found.id}/{content}" if not figure.intact else permanent_address(found, root),
        estate=figure.estate,
        first_day=figure.first_day.isoformat(),
        last_day=figure.last_day.isoformat(),
        reported_at=figure.reported_at.replace(tzinfo=UTC).isoformat(timespec="seconds"),
        label=found.label,
        question=question_title(found.query),
        query=found.query,
        sql=figure.sql,
        sql_sha256=found.sql_sha256,
        parameters=found.parameters,
        read=found.read,
        rows_read=found.rows_read,
        columns=found.columns,
        rows=found.rows,
        intact=figure.intact,
        same=same,
        differences=differences,
    )


class FigurePages:
    """The addresses `/figures/…` of the live page, for people who are logged in; keys are led to the API's."""

    def __init__(self, desk: Desk, figures: Figures, api: str) -> None:
        self._desk, self._figures, self._api = desk, figures, api

    async def page(self, request: Request, figure_id: str, content: str) -> Response:
        """The figure as a page."""
        if "authorization" in request.headers:
            return RedirectResponse(f"{self._api}/figures/{figure_id[:64]}/{content[:64]}", 307)
        session = self._desk.session_or_none(request)
        if session is None:
            request.state.why = "no session"
            return self._desk.to("/login")
        figure = await self._found(request, figure_id, content)
        return self._desk.page(request, "figure.html", 200, session=session, figure=figure, most_shown=MOST_SHOWN)

    async def json(self, request: Request, figure_id: str, content: str) -> Response:
        """The figure as JSON."""
        figure = await self._found(request, figure_id, content)
        return Response(msgspec.json.encode(figure), media_type="application/json")

    async def _found(self, request: Request, figure_id: str, content: str) -> Shown:
        session = self._desk.session(request)
        try:
            figure = await self._figures.find(session.user.estates, figure_id, content)
        except UserError as error:
            raise Refused(503, error.problem) from error
        if figure is None:
            raise Refused(404, "no such figure")
        self._desk.note(request, "read", session.user.name, 200)
        return figure
