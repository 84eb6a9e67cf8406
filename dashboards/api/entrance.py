"""Who may come in: the key of each request, its scopes and estates, how often it asks, and the audit of what it did."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from fastapi import Request, Response

from dashboards.api.keys import Key, Keys, Scope
from dashboards.api.limits import CREATIONS, FAILURES, REQUESTS, Allowance
from dashboards.api.problems import Problem
from dashboards.web.audit import Audit
from dashboards.web.guard import address, target
from infra.clock import Clock


class Entrance:
    """The keys, and what each of them has asked lately. A key sees its own `estates` of those that are served."""

    def __init__(self, keys: Keys, estates: Sequence[str], audit: Audit, clock: Clock) -> None:
        self._keys, self._estates, self._audit, self.clock = keys, frozenset(estates), audit, clock
        self._requests, self._creations, self._failures = (Allowance(*a) for a in (REQUESTS, CREATIONS, FAILURES))

    async def key(self, request: Request) -> None:
        """Find the key of the request. Raises Problem where it is none, or asks too often."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        key = self._keys.find(token.strip()) if kind.lower() == "bearer" else None
        now_ms = self.clock.now_ms()
        state = key.state(now_ms) if key else "unknown" if token else "missing"
        if key is None or state != "valid":
            request.state.user = f"key {key.name}" if key else ""
            _within(self._failures, address(request.scope), now_ms, f"wrong keys ({state})")
            asks = {"WWW-Authenticate": "Bearer" if state == "missing" else 'Bearer error="invalid_token"'}
            raise Problem(401, "Send a valid key as `Authorization: Bearer KEY`.", why=f"key {state}", headers=asks)
        request.state.user = f"key {key.name}"
        request.state.key = key
        _within(self._requests, key.id, now_ms, "requests")

    def allowed(self, request: Request, scope: Scope, parameters: Sequence[str] = ()) -> Key:
        """The key of the request, if it may do this. Raises Problem where it may not, or gives other parameters."""
        key: Key = request.state.key
        if scope not in key.scopes:
            asks = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise Problem(403, f"This key has not the scope {scope}.", headers=asks)
        given = [name for name, _ in request.query_params.multi_items()]
        wrong = sorted({name for name in given if name not in parameters or given.count(name) > 1})
        if wrong:
            raise Problem(400, "A parameter is not known here, or was given twice.", why=f"parameters {wrong}"[:200])
        return key

    def own(self, key: Key) -> list[str]:
        """The estates that the key sees."""
        return [estate for estate in key.estates if estate in self._estates]

    def count_creation(self, key: Key) -> None:
        """Something is to be made. Raises Problem where the key has had too much made lately."""
        _within(self._creations, key.id, self.clock.now_ms(), "reports asked for")

    def note(self, request: Request, what: str, key: Key, detail: str = "") -> None:
        """Write into the audit what the key did."""
        scope, user = request.scope, f"key {key.name}"
        self._audit.note(what, user=user, address=address(scope), status=200, target=target(scope), detail=detail)


def _within(allowance: Allowance, who: str, now_ms: int, what: str) -> None:
    wait_s = allowance.wait_s(who, now_ms)
    if wait_s:
        told = f"Too many {what.partition(' (')[0]}: try again in {wait_s} s."
        raise Problem(429, told, why=f"too many {what}", headers={"Retry-After": str(wait_s)})


def tagged(request: Request, body: bytes, headers: Mapping[str, str]) -> Response:
    """JSON that need not be sent again to who has it."""
    own = {"ETag": f'"{sha256(body).hexdigest()[:32]}"', "Cache-Control": "private, no-cache", **headers}
    if has_already(request, own["ETag"]):
        return Response(status_code=304, headers=own)
    return Response(body, 200, own, "application/json")


def has_already(request: Request, tag: str) -> bool:
    """Whether who asks has this content already (RFC 9110, If-None-Match, by weak comparison)."""
    told = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return tag in told or told == ["*"]
