"""HTTP Digest access authentication, server side: SHA-256, and MD5 since many cameras know nothing else. Pure but for
the nonces it remembers.

Source: RFC 7616. Only `qop=auth` is offered: without it a request could be replayed. A nonce carries its time and our
signature, so none is stored until it is used well; of a used one the highest `nc` is kept, and each must be higher.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final, Literal
from urllib.request import parse_http_list

from infra.clock import MINUTE_MS

REALM: Final = "anfang"
NONCE_LIFE_MS: Final = 5 * MINUTE_MS
ALGORITHMS: Final[dict[str, Callable[[bytes], "hashlib._Hash"]]] = {
    "SHA-256": hashlib.sha256,
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
}
Answer = Literal["good", "stale", "wrong"]


class Digest:
    """Challenges and checks. `password_of` gives a user's password, None for one who does not exist."""

    def __init__(self, password_of: Callable[[str], str | None], key: bytes | None = None) -> None:
        self._password_of = password_of
        self._key = key or secrets.token_bytes(32)
        self._nobody = secrets.token_urlsafe(16)
        self._used: dict[str, int] = {}

    def challenges(self, now_ms: int, *, stale: bool) -> list[str]:
        """Values of the WWW-Authenticate headers, the strongest algorithm first."""
        nonce = self._nonce(now_ms)
        more = ", stale=true" if stale else ""
        return [f'Digest realm="{REALM}", qop="auth", algorithm={name}, nonce="{nonce}"{more}' for name in ALGORITHMS]

    def check(self, authorization: str, method: str, target: str, now_ms: int) -> tuple[Answer, str]:
        """Whether the Authorization header proves its user's password for this request, and who that user is.

        "stale" is a right password with a nonce that is too old or an `nc` that was used: ask again. An unknown user
        takes as long as a wrong password.
        """
        told = fields(authorization)
        user = told.get("username", "")
        password = self._password_of(user)
        expected = response(told, method, password or self._nobody)
        proven = expected is not None and hmac.compare_digest(expected.encode(), told.get("response", "").encode())
        if not (proven and password is not None and told.get("realm") == REALM and told.get("uri") == target):
            return "wrong", ""
        return ("good" if self._fresh(told.get("nonce", ""), told.get("nc", ""), now_ms) else "stale"), user

    def _nonce(self, now_ms: int) -> str:
        body = now_ms.to_bytes(8, "big") + secrets.token_bytes(8)
        return base64.urlsafe_b64encode(body + self._signed(body)).decode()

    def _signed(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:16]

    def _issued_ms(self, nonce: str) -> int | None:
        """When we made the nonce; None when we did not."""
        try:
            raw = base64.b64decode(nonce.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError:
            return None
        body, signature = raw[:16], raw[16:]
        return int.from_bytes(body[:8], "big") if hmac.compare_digest(self._signed(body), signature) else None

    def _fresh(self, nonce: str, nc: str, now_ms: int) -> bool:
        issued_ms = self._issued_ms(nonce)
        if issued_ms is None or not 0 <= now_ms - issued_ms <= NONCE_LIFE_MS:
            return False
        number = int(nc, 16)
        if number <= self._used.get(nonce, 0):
            return False
        if nonce not in self._used:
            self._forget(now_ms)
        self._used[nonce] = number
        return True

    def _forget(self, now_ms: int) -> None:
        """Drop what is kept of nonces that are too old to be used again."""
        old = [nonce for nonce in self._used if now_ms - (self._issued_ms(nonce) or 0) > NONCE_LIFE_MS]
        for nonce in old:
            del self._used[nonce]


def fields(authorization: str) -> dict[str, str]:
    """The parameters of a Digest Authorization header; empty where it is none."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "digest":
        return {}
    pairs = (item.partition("=") for item in parse_http_list(rest))
    return {name.strip(): value.strip().removeprefix('"').removesuffix('"') for name, _, value in pairs}


def response(told: dict[str, str], method: str, password: str) -> str | None:
    """The response that the password gives (RFC 7616, 3.4.1); None where the header lacks something."""
    algorithm = ALGORITHMS.get(told.get("algorithm", "MD5").upper())
    nc = told.get("nc", "")
    if algorithm is None or told.get("qop") != "auth" or len(nc) != 8 or not set(nc.lower()) <= set("0123456789abcdef"):
        return None

    def hashed(*parts: str) -> str:
        return algorithm(":".join(parts).encode()).hexdigest()

    secret = hashed(told.get("username", ""), told.get("realm", ""), password)
    request = hashed(method, told.get("uri", ""))
    return hashed(secret, told.get("nonce", ""), nc, told.get("cnonce", ""), "auth", request)
