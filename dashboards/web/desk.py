"""What all routes share: who asks, in which language, how an answer is made, and the audit."""

from collections.abc import Container
from typing import Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboards.web.audit import Audit
from dashboards.web.guard import Refused, address, target
from dashboards.web.render import page
from dashboards.web.sessions import Session, Sessions
from dashboards.web.users import Users
from dashboards.web.words import Lang, Words, as_lang
from infra.clock import Clock

SESSION: Final = "anfang_session"
LANGUAGE: Final = "anfang_lang"
YEAR_S: Final = 31_536_000


class Desk:
    """`root` is the path under which a proxy shows the page, `stamp` changes with the static files."""

    def __init__(self, *, users: Users, audit: Audit, clock: Clock, root: str, stamp: str) -> None:
        self.users, self.audit, self.clock, self.root = users, audit, clock, root
        self.sessions, self._stamp = Sessions(), stamp

    def session_or_none(self, request: Request) -> Session | None:
        """The session of the request's cookie, if it lasts."""
        session = self.sessions.find(request.cookies.get(SESSION, ""), self.users.all(), self.clock.now_ms())
        if session is not None:
            request.state.user = session.user.name
        return session

    def session(self, request: Request) -> Session:
        """The session of the request's cookie. Raises Refused where there is none."""
        session = self.session_or_none(request)
        if session is None:
            raise Refused(401, "no session")
        return session

    def session_at(self, request: Request, estate: str, served: Container[str], roles: Container[str]) -> Session:
        """The session of somebody who may see this estate, one of those that are `served`, in one of these roles.

        Raises Refused where there is none; an estate that is not theirs does not exist for them.
        """
        session = self.session(request)
        if estate not in session.user.estates or estate not in served:
            raise Refused(404, "another estate" if estate in served else "no such estate")
        if session.user.role not in roles:
            raise Refused(403, f"role {session.user.role} may not")
        return session

    def lang(self, request: Request) -> Lang:
        """The language asked for, or the one remembered. Raises Refused where it is none of ours."""
        asked = request.query_params.get("lang")
        if asked is not None and as_lang(asked) is None:
            raise Refused(400, "no such language")
        return as_lang(asked) or as_lang(request.cookies.get(LANGUAGE)) or "zh"

    def lang_or_default(self, request: Request) -> Lang:
        """The language asked for or remembered; Chinese where it is none of ours."""
        asked = as_lang(request.query_params.get("lang"))
        return asked or as_lang(request.cookies.get(LANGUAGE)) or "zh"

    def page(self, request: Request, template: str, code: int, **values: object) -> Response:
        """A page in the language that is asked for or remembered."""
        lang = self.lang(request) if code < 400 else self.lang_or_default(request)
        common = {"w": Words(lang), "lang": lang, "root": self.root, "stamp": self._stamp}
        response = HTMLResponse(page(template, **common, **values), code)
        if request.query_params.get("lang") == lang:
            self.set_cookie(request, response, LANGUAGE, lang, YEAR_S)
        return response

    def to(self, path: str) -> RedirectResponse:
        """Only ever to a page of ours: nothing that was asked for is in it."""
        return RedirectResponse(f"{self.root}{path}", 303)

    def set_cookie(self, request: Request, response: Response, name: str, value: str, seconds: int) -> None:
        """Set a cookie of ours, which no script reads."""
        secure = request.url.scheme == "https"
        response.set_cookie(
            name, value, max_age=seconds, path=self.root or "/", secure=secure, httponly=True, samesite="lax"
        )

    def note(self, request: Request, what: str, user: str, status: int, detail: str = "") -> None:
        """Write into the audit."""
        scope = request.scope
        self.audit.note(what, user=user, address=address(scope), status=status, target=target(scope), detail=detail)
