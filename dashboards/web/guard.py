"""What stands before every request: methods, sizes, origin, the headers of every answer, and the audit of refusals."""

import asyncio
import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.web.audit import Audit
from dashboards.web.problem import problem

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
HSTS: Final = "max-age=31536000"
METHODS: Final = frozenset({"GET", "HEAD", "POST"})
API_METHODS: Final = METHODS | {"DELETE"}
MOST_TARGET: Final = 2_000
BODY_TIMEOUT_S: Final = 10.0
MOST_FIELDS: Final = 210
API_PATH: Final = "/api/v1"
UPLOAD: Final = re.compile(r"/e/[^/]+/ledger/[^/]+/preview")


class Intake(Struct, frozen=True):
    """What may come as the body of a POST, and how much of it."""

    content_type: str
    most_bytes: int


FORMS: Final = Intake("application/x-www-form-urlencoded", 16_000)
FILES: Final = Intake("multipart/form-data", 1_000_000)  # less than what Starlette would write to a disk
ORDERS: Final = Intake("application/json", 16_000)


class Refused(HTTPException):
    """A request that is not answered; `detail` goes to the audit, not to the one who asked."""


class Guard:
    """An ASGI application around ours."""

    def __init__(self, app: ASGIApp, audit: Audit, root_path: str = "") -> None:
        self._app, self._audit, self._root = app, audit, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope.setdefault("state", {})
        scope["root_path"] = self._root
        if not scope["path"].startswith(f"{self._root}/"):  # the proxy took its path away
            scope["path"] = self._root + scope["path"]

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
                self._note(scope, message["status"])
            await send(message)

        intake = self._intake(scope)
        why = _objection(scope, intake, API_METHODS if self._is_api(scope) else METHODS)
        if why is None:
            return await self._app(scope, _measured(receive, intake), secured)
        status, scope["state"]["why"] = why
        return await self._refusal(scope, status)(scope, receive, secured)

    def _is_api(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return path.startswith(f"{self._root}{API_PATH}/")

    def _intake(self, scope: Scope) -> Intake:
        if self._is_api(scope):
            return ORDERS
        return FILES if UPLOAD.fullmatch(scope["path"].removeprefix(self._root)) else FORMS

    def _refusal(self, scope: Scope, status: int) -> Response:
        return problem(status) if self._is_api(scope) else PlainTextResponse("refused\n", status)

    def _note(self, scope: Scope, status: int) -> None:
        why: str = scope["state"].get("why", "")
        if status >= 400 or why:
            self._audit.note(
                "refused",
                user=scope["state"].get("user", ""),
                address=address(scope),
                status=status,
                target=target(scope),
                detail=why,
            )


def _measured(receive: Receive, intake: Intake) -> Receive:
    """Receives a body; raises Refused where it is larger than is taken, or comes too slowly."""
    ends_at = asyncio.get_running_loop().time() + BODY_TIMEOUT_S
    took, whole = 0, False

    async def measured() -> Message:
        nonlocal took, whole
        if whole:  # what comes now is that the other side is gone
            return await receive()
        try:
            async with asyncio.timeout_at(ends_at):
                message = await receive()
        except TimeoutError as error:
            raise Refused(408, "body too slow") from error
        took += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if took > intake.most_bytes:
            raise Refused(413, "body too large")
        return message

    return measured


def _objection(scope: Scope, intake: Intake, methods: frozenset[str]) -> tuple[int, str] | None:
    """(status, why) of a request that no route is to see."""
    headers = Headers(scope=scope)
    if scope["method"] not in methods:
        return 405, "method"
    if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > MOST_TARGET:
        return 414, "target too long"
    if scope["method"] != "POST":
        return None
    length = headers.get("content-length", "")
    if length and (not length.isdecimal() or int(length) > intake.most_bytes):
        return 413, "body too large"
    if headers.get("content-type", "").partition(";")[0].strip().lower() != intake.content_type:
        return 415, "content type"
    return None if _same_origin(headers) else (403, "another origin")


def _same_origin(headers: Headers) -> bool:
    """Whether a form comes from our own page: browsers say so in `Origin` and `Sec-Fetch-Site`."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or (urlsplit(origin).netloc == headers.get("host") and origin != "null")


def address(scope: Scope) -> str:
    """Who asks, as far as the connection (or a trusted proxy) tells."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def target(scope: Scope) -> str:
    """Method and path for the audit; of a one-tap link without its token, which is a secret."""
    before, link, _ = scope["path"].partition("/d/")
    return f"{scope['method']} {before}{link}{'…' if link else ''}"


def printable(text: str, most: int) -> str:
    """A person's own words in one line: at most `most` printable characters."""
    return "".join(c for c in text if c.isprintable()).strip()[:most]


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises Refused where it is too large, too slow or no form."""
    body = await request.body()
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise Refused(400, "no form") from error
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise Refused(400, "a field twice")
    return dict(fields)
