"""Logging in and out. A wrong name and a wrong password are answered alike, and too many of either lock out."""

import asyncio
import hmac
import secrets
from typing import Final

from fastapi import Request, Response

from dashboards.web.desk import SESSION, Desk
from dashboards.web.guard import Refused, address
from dashboards.web.guard import form as fields_of
from dashboards.web.sessions import LIFE_MS, Lockout, check, same
from dashboards.web.users import MOST_PASSWORD, NOBODY, matches

BEFORE_LOGIN: Final = "anfang_form"
FORM_LIFE_S: Final = 3_600
HASHING: Final = 2
"""Passwords that are hashed at the same time."""


class Login:
    """The routes `/login` and `/logout`."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._lockout, self._key = desk, Lockout(), secrets.token_bytes(32)
        self._hashing = asyncio.Semaphore(HASHING)

    async def form(self, request: Request) -> Response:
        """The form; its token is tied to a cookie, so that nobody logs another in."""
        return self._page(request, "", 200)

    def _page(self, request: Request, problem: str, status: int) -> Response:
        cookie = secrets.token_urlsafe(32)
        response = self._desk.page(request, "login.html", status, csrf=self._signed(cookie), problem=problem)
        self._desk.set_cookie(request, response, BEFORE_LOGIN, cookie, FORM_LIFE_S)
        return response

    async def log_in(self, request: Request) -> Response:
        """A wrong name and a wrong password are answered alike."""
        fields, now_ms = await fields_of(request), self._desk.clock.now_ms()
        if not same(fields.get("csrf", ""), self._signed(request.cookies.get(BEFORE_LOGIN, ""))):
            raise Refused(403, "login without its token")
        name, password, who = fields.get("user", ""), fields.get("password", ""), address(request.scope)
        request.state.user = name
        if self._lockout.locked(name, who, now_ms):
            request.state.why = "locked out"
            return self._page(request, "locked", 429)
        self._lockout.tried(name, who, now_ms)
        user = self._desk.users.all().get(name)
        async with self._hashing:
            right = await asyncio.to_thread(matches, password[:MOST_PASSWORD], user.password if user else NOBODY)
        if user is None or not right:
            request.state.why = "wrong user or password"
            return self._page(request, "wrong", 401)
        self._lockout.succeeded(name, who)
        self._desk.sessions.end(request.cookies.get(SESSION, ""))
        response = self._desk.to("/")
        self._desk.set_cookie(request, response, SESSION, self._desk.sessions.begin(user, now_ms), LIFE_MS // 1000)
        response.delete_cookie(BEFORE_LOGIN, path=self._desk.root or "/")
        self._desk.note(request, "login", name, 303)
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session here and in the browser."""
        session = self._desk.session(request)
        check(session, await fields_of(request))
        self._desk.sessions.end(request.cookies[SESSION])
        response = self._desk.to("/login")
        response.delete_cookie(SESSION, path=self._desk.root or "/")
        self._desk.note(request, "logout", session.user.name, 303)
        return response

    def _signed(self, cookie: str) -> str:
        return hmac.new(self._key, cookie.encode(), "sha256").hexdigest() if cookie else secrets.token_hex()
