"""The page's routes. Who asks is known by the session; an estate that is not the user's does not exist for them.

Every refusal raises `Refused`, with the reason for the audit; `guard.py` writes it there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp

from dashboards.api.maker import Maker
from dashboards.api.shelf import Shelf
from dashboards.web.answers import SAID_VERDICTS, Answers, disposition, noted
from dashboards.web.audit import Audit
from dashboards.web.desk import YEAR_S, Desk
from dashboards.web.figures import FigurePages, Figures
from dashboards.web.guard import API_PATH, Guard, Refused, form
from dashboards.web.ledger import Ledgers
from dashboards.web.live import Live
from dashboards.web.login import Login
from dashboards.web.reports import Reports
from dashboards.web.sessions import MOST_STREAMS, Session, check
from dashboards.web.subscriptions import SubscriptionPage
from dashboards.web.users import (
    MAY_ASK_FOR_REPORTS,
    MAY_AUDIT,
    MAY_DISPOSE,
    MAY_KEEP_LEDGERS,
    MAY_SUBSCRIBE,
    User,
    Users,
)
from dashboards.web.words import Lang
from infra.clock import Clock
from infra.links import LinkError, VerdictLink, read, said
from infra.settings import Settings

STATIC: Final = Path(__file__).parent / "static"
KINDS: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
CHECK_MS: Final = 10_000
"""So often is a live stream's session looked at again."""
AUDITED: Final = 200

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Web:
    """What one process knows: estates, users, sessions, where answers go."""

    def __init__(
        self,
        *,
        estates: Sequence[Live],
        users: Users,
        answers: Answers,
        audit: Audit,
        clock: Clock,
        link_key: bytes,
        root_path: str = "",
        away: Callable[[], bool] = lambda: False,
        settings: Settings,
        figures: Figures,
        shelf: Shelf,
        maker: Maker,
        api: ASGIApp,
    ) -> None:
        self._estates = {live.site.estate.id: live for live in estates}
        self._answers, self._audit, self._clock = answers, audit, clock
        self._link_key, self._root, self._away = link_key, root_path, away
        self._api = api
        self._static = {file.name: file.read_bytes() for file in sorted(STATIC.iterdir())}
        stamp = sha256(b"".join(self._static.values())).hexdigest()[:10]
        self._desk = Desk(users=users, audit=audit, clock=clock, root=root_path, stamp=stamp)
        self._login = Login(self._desk)
        sites = {name: live.site for name, live in self._estates.items()}
        self._ledgers = Ledgers(self._desk, settings, sites)
        self._subscriptions = SubscriptionPage(self._desk, settings, sites)
        self._reports = Reports(self._desk, shelf, maker, sites)
        self._figures = FigurePages(self._desk, figures, f"{root_path}{API_PATH}")

    def app(self, lifespan: Lifespan | None = None) -> Guard:
        """The ASGI application; it describes itself to nobody."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
        app.router.redirect_slashes = False
        for path, route, method in (
            ("/healthz", self.health, "GET"),
            ("/static/{name}", self.static, "GET"),
            ("/login", self._login.form, "GET"),
            ("/login", self._login.log_in, "POST"),
            ("/logout", self._login.log_out, "POST"),
            ("/", self.home, "GET"),
            ("/e/{estate}/", self.estate, "GET"),
            ("/e/{estate}/events", self.events, "GET"),
            ("/e/{estate}/say", self.say, "POST"),
            ("/e/{estate}/ledger/{kind}", self._ledgers.shown, "GET"),
            ("/e/{estate}/ledger/{kind}/preview", self._ledgers.preview, "POST"),
            ("/e/{estate}/ledger/{kind}/confirm", self._ledgers.confirm, "POST"),
            ("/e/{estate}/ledger/{kind}/undo", self._ledgers.undo, "POST"),
            ("/e/{estate}/reports", self._reports.shown, "GET"),
            ("/e/{estate}/reports", self._reports.ask, "POST"),
            ("/e/{estate}/reports/{report_id}/{kind}", self._reports.file, "GET"),
            ("/e/{estate}/subscriptions", self._subscriptions.shown, "GET"),
            ("/e/{estate}/subscriptions", self._subscriptions.add, "POST"),
            ("/e/{estate}/subscriptions/remove", self._subscriptions.remove, "POST"),
            ("/audit", self.audit, "GET"),
            ("/figures/{figure_id}/{content}.json", self._figures.json, "GET"),
            ("/figures/{figure_id}/{content}", self._figures.page, "GET"),
            ("/d/{token}", self.link_form, "GET"),
            ("/d/{token}", self.link, "POST"),
        ):
            app.add_api_route(path, route, methods=[method], response_model=None)
        app.mount(API_PATH, self._api)
        app.add_exception_handler(StarletteHTTPException, self._refusal)
        return Guard(app, self._audit, self._root)

    async def health(self) -> Response:
        """Whether Kafka answers; for supervisors."""
        return Response("kafka is away\n" if self._away() else "ok\n", 503 if self._away() else 200)

    async def static(self, name: str) -> Response:
        """A script or style sheet of ours: one of those in the folder when we started."""
        if name not in self._static:
            raise Refused(404, "no such file")
        kind = KINDS[Path(name).suffix]
        return Response(self._static[name], media_type=kind, headers={"Cache-Control": f"private, max-age={YEAR_S}"})

    async def home(self, request: Request) -> Response:
        """The user's estate, or a choice of them."""
        session = self._desk.session_or_none(request)
        if session is None:
            request.state.why = "no session"
            return self._desk.to("/login")
        own = self._own(session.user)
        if len(own) == 1:
            return self._desk.to(f"/e/{own[0].site.estate.id}/")
        return self._desk.page(request, "home.html", 200, session=session, estates=own)

    async def estate(self, request: Request, estate: str) -> Response:
        """The live page."""
        session = self._desk.session_or_none(request)
        if session is None:
            request.state.why = "no session"
            return self._desk.to("/login")
        live, lang = self._estate(session.user, estate), self._desk.lang(request)
        self._desk.note(request, "read", session.user.name, 200)
        renderer, shown = live.renderers[lang], live.shown[lang]
        return self._desk.page(
            request,
            "estate.html",
            200,
            session=session,
            site=live.site,
            plan=renderer.plan,
            shown=shown,
            replay=live.replay,
            now_ms=live.now_ms(self._clock.now_ms()),
            several=len(self._own(session.user)) > 1,
            may_dispose=session.user.role in MAY_DISPOSE,
            may_audit=session.user.role in MAY_AUDIT,
            may_keep=session.user.role in MAY_KEEP_LEDGERS,
            may_subscribe=session.user.role in MAY_SUBSCRIBE,
            may_report=session.user.role in MAY_ASK_FOR_REPORTS,
        )

    async def events(self, request: Request, estate: str) -> Response:
        """The live page's stream of server-sent events, from version `since` on."""
        session = self._desk.session(request)
        live, lang = self._estate(session.user, estate), self._desk.lang(request)
        since = request.headers.get("last-event-id") or request.query_params.get("since", "-1")
        if not since.removeprefix("-").isdecimal() or len(since) > 15:
            raise Refused(400, "since is no version")
        if session.streams >= MOST_STREAMS:
            raise Refused(429, "too many live streams of one session")
        self._desk.note(request, "read live", session.user.name, 200)
        stream = self._stream(request, session, live, lang, int(since))
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _stream(
        self, request: Request, session: Session, live: Live, lang: Lang, since: int
    ) -> AsyncIterator[bytes]:
        """The events while the session lasts."""
        session.streams += 1
        checked_ms = self._clock.now_ms()
        try:
            async with aclosing(live.events(lang, since)) as events:
                async for event in events:
                    now_ms = self._clock.now_ms()
                    if now_ms - checked_ms >= CHECK_MS:
                        checked_ms = now_ms
                        if self._desk.session_or_none(request) is None:
                            return
                    yield event
        finally:
            session.streams -= 1

    async def say(self, request: Request, estate: str) -> Response:
        """One disposition; 200 or back to the page means that it is durable."""
        session = self._desk.session(request)
        fields = await form(request)
        check(session, fields)
        live = self._estate(session.user, estate)
        if session.user.role not in MAY_DISPOSE:
            raise Refused(403, f"role {session.user.role} may not dispose")
        alert_id, _, verdict = fields.get("say", "").partition(":")
        what = next((known for known in SAID_VERDICTS if known == verdict), None)
        alert = live.board.alerts.get(alert_id)
        if what is None or alert is None:
            raise Refused(400 if what is None else 404, "no such verdict" if what is None else "no such alert")
        answer = disposition(alert, what, fields.get(f"note-{alert_id}", ""), session.user.name, self._clock.now_ms())
        if not await asyncio.to_thread(self._answers.send, answer, alert.zone_id):
            raise Refused(503, "Kafka did not take the disposition")
        self._desk.note(request, "decided", session.user.name, 200, f"{alert_id}: {what}")
        if request.headers.get("accept") == "application/json":
            return Response(status_code=204)
        return self._desk.to(f"/e/{estate}/")

    async def audit(self, request: Request) -> Response:
        """The last entries of the audit, for operators."""
        session = self._desk.session(request)
        if session.user.role not in MAY_AUDIT:
            raise Refused(404, f"role {session.user.role} may not audit")
        self._desk.note(request, "read", session.user.name, 200)
        return self._desk.page(request, "audit.html", 200, session=session, entries=self._audit.last(AUDITED))

    async def link_form(self, request: Request, token: str) -> Response:
        """What a one-tap link stands for, and a button: mail scanners open every link, so nothing is recorded yet."""
        link, live = self._read_link(token)
        alert = live.board.alerts.get(link.alert_id)
        about = live.renderers[self._desk.lang(request)].about(alert) if alert else ""
        return self._desk.page(
            request, "link.html", 200, what=link.verdict, alert=alert, about=about, problem="", done=False
        )

    async def link(self, request: Request, token: str) -> Response:
        """Record what the link stands for. No login: who holds the link was sent it."""
        link, live = self._read_link(token)
        text = (await form(request)).get("note", "")
        answer = said(link, live.site.estate.id, self._clock.now_ms(), noted(link.verdict, text))
        if not await asyncio.to_thread(self._answers.send, answer, link.zone_id):
            raise Refused(503, "Kafka did not take the disposition")
        self._desk.note(request, "decided", link.subscriber, 200, f"{link.alert_id}: {link.verdict}, by a link")
        return self._desk.page(request, "link.html", 200, what=link.verdict, problem="", done=True)

    def _read_link(self, token: str) -> tuple[VerdictLink, Live]:
        try:
            link = read(token, self._link_key, self._clock.now_ms())
        except LinkError as error:
            raise Refused(410 if error.expired else 404, str(error)) from error
        lives = [live for name, live in self._estates.items() if link.estate_id in ("", name)]
        has_alert = [live for live in lives if link.alert_id in live.board.alerts]
        found = has_alert or [live for live in lives if link.zone_id in live.site.zone]
        if not found or link.zone_id not in found[0].site.zone:
            raise Refused(404, "a link to no zone of ours")
        return link, found[0]

    def _own(self, user: User) -> list[Live]:
        return [self._estates[name] for name in user.estates if name in self._estates]

    def _estate(self, user: User, name: str) -> Live:
        if name not in user.estates or name not in self._estates:
            raise Refused(404, "another estate" if name in self._estates else "no such estate")
        return self._estates[name]

    async def _refusal(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        if not getattr(request.state, "why", ""):
            request.state.why = error.detail if isinstance(error, Refused) else "no such page"
        is_link = request.scope["path"].startswith(f"{self._root}/d/")
        if is_link and error.status_code in {404, 410}:
            return self._desk.page(request, "link.html", error.status_code, problem="link_bad")
        return self._desk.page(request, "refused.html", error.status_code, status=error.status_code)
