"""Who may push, and how often: Digest for cameras, a bearer token for our own JSON, a rate for each camera."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from infra.site import Site
from producers.gateway.digest import Answer, Digest

BURST_S: Final = 5.0


class Door:
    """Asks who knocks. A camera that does not exist is answered like one with a wrong password."""

    def __init__(self, site: Site, passwords: Mapping[str, str]) -> None:
        self._site, self._passwords = site, passwords
        self._digest = Digest(passwords.get)
        self._nobody = secrets.token_urlsafe(16)

    def admit(self, camera_id: str, authorization: str, method: str, target: str, now_ms: int) -> Answer:
        """Whether the header proves that this request comes from the camera."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return "good" if self._is_token(camera_id, token.strip()) else "wrong"
        answer, user = self._digest.check(authorization, method, target, now_ms)
        return answer if user == camera_id else "wrong"

    def challenges(self, now_ms: int, *, stale: bool) -> list[str]:
        """Values of the WWW-Authenticate headers of a refusal."""
        return self._digest.challenges(now_ms, stale=stale)

    def _is_token(self, camera_id: str, token: str) -> bool:
        password = self._passwords.get(camera_id)
        same = hmac.compare_digest(token.encode(), (password or self._nobody).encode())
        return same and password is not None and self._is_ours(camera_id)

    def _is_ours(self, camera_id: str) -> bool:
        vendor = self._site.camera[camera_id].vendor
        return vendor is not None and vendor.kind == "anfang"


class Rate:
    """A token bucket for each camera: `per_s` pushes a second, and `BURST_S` seconds' worth at once."""

    def __init__(self, per_s: float) -> None:
        self._per_s, self._most = per_s, max(1.0, per_s * BURST_S)
        self._left: dict[str, tuple[float, int]] = {}

    def allows(self, camera_id: str, now_ms: int) -> bool:
        """Take one token; False when there is none."""
        left, since_ms = self._left.get(camera_id, (self._most, now_ms))
        left = min(self._most, left + max(0, now_ms - since_ms) * self._per_s / 1000)
        self._left[camera_id] = (left - 1 if left >= 1 else left), now_ms
        return left >= 1
