"""The HTTP service: POST /push/CAMERA. 200 means that the push is durable here; anything else says why not.

In this order: who is it (401), too often (429), too large (413) or too slow (408), then what it says (415, 422). What
an authenticated camera sent in vain lies in the dead letters, all but the body of an oversize or unfinished push.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from infra.clock import Clock
from infra.metrics import PUSHES
from infra.site import Site
from producers.gateway.committer import Committer
from producers.gateway.door import Door, Rate
from producers.gateway.readings import Reason, RefusedError
from producers.gateway.store import Store
from producers.gateway.take import Push, refuse, take

MAX_BODY_BYTES: Final = 4_000_000
BODY_TIMEOUT_S: Final = 10.0
MOST_ON_DISK: Final = 1_000_000
"""So many messages may wait for Kafka; then cameras are told to come again later."""
STATUS: Final[dict[Reason, int]] = {"wrong_content_type": 415, "too_large": 413}
UNPROCESSABLE: Final = 422


class Service:
    """What one process knows: the site, who may push, and where pushes become durable."""

    def __init__(self, *, site: Site, door: Door, rate: Rate, committer: Committer, clock: Clock, boot_id: str) -> None:
        self._site, self._door, self._rate = site, door, rate
        self._committer, self._clock, self._boot_id = committer, clock, boot_id

    def app(self) -> FastAPI:
        """The ASGI application; it describes itself to nobody."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=self._committing)
        app.add_api_route("/push/{camera_id}", self.push, methods=["POST"])
        return app

    async def push(self, camera_id: str, request: Request) -> Response:
        """One push."""
        now_ms = self._clock.now_ms()
        answer = self._door.admit(
            camera_id, request.headers.get("authorization", ""), request.method, _target(request), now_ms
        )
        if answer != "good":
            PUSHES.labels("", "unauthorised").inc()
            return self._challenge(now_ms, stale=answer == "stale")
        if not self._rate.allows(camera_id, now_ms):
            return _answer(camera_id, 429, "too_often", "fewer pushes a second", {"Retry-After": "1"})
        if self._committer.on_disk > MOST_ON_DISK and await self._committer.look() > MOST_ON_DISK:
            return _answer(camera_id, 503, "full", "Kafka has been away for too long", {"Retry-After": "60"})
        try:
            body = await _body(request)
        except TimeoutError:
            why = f"the body took longer than {BODY_TIMEOUT_S:.0f} s"
            return _answer(camera_id, 408, "too_slow", why, {"Connection": "close"})
        except ClientDisconnect:
            return _answer(camera_id, 400, "broken_off", "the connection ended within the body")
        return await self._take(camera_id, request, body)

    async def _take(self, camera_id: str, request: Request, body: bytes | None) -> Response:
        push = Push(
            camera_id=camera_id,
            body=body or b"",
            content_type=request.headers.get("content-type", ""),
            received_ms=self._clock.now_ms(),
            remote=request.client.host if request.client else "",
        )
        too_large = RefusedError("too_large", f"expected a body of at most {MAX_BODY_BYTES} bytes")
        refusal = await self._committer.submit(
            partial(_refuse, push, too_large) if body is None else partial(_take, push, self._site, self._boot_id)
        )
        if refusal is None:
            return _answer(camera_id, 200, "taken", "")
        more = {"Connection": "close"} if body is None else None
        return _answer(camera_id, STATUS.get(refusal.reason, UNPROCESSABLE), refusal.reason, refusal.detail, more)

    def _challenge(self, now_ms: int, *, stale: bool) -> Response:
        response = Response(status_code=401)
        for challenge in self._door.challenges(now_ms, stale=stale):
            response.headers.append("WWW-Authenticate", challenge)
        return response

    @asynccontextmanager
    async def _committing(self, _app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(self._committer.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _take(push: Push, site: Site, boot_id: str, store: Store) -> RefusedError | None:
    return take(push, site, store, boot_id)


def _refuse(push: Push, refusal: RefusedError, store: Store) -> RefusedError:
    return refuse(push, refusal, store)


def _target(request: Request) -> str:
    """The request target as it stood in the request line."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


async def _body(request: Request) -> bytes | None:
    """The body; None when it is too large. Raises TimeoutError when it comes too slowly."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async with asyncio.timeout(BODY_TIMEOUT_S):
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return None
    return bytes(body)


def _answer(camera_id: str, status: int, reason: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    PUSHES.labels(camera_id, reason).inc()
    return JSONResponse({"reason": reason, "detail": detail}, status, headers)
