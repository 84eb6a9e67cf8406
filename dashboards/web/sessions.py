"""Who is logged in, and who may try again: sessions on the server, and the counting of failed logins. In memory.

A cookie holds a random name of its session and nothing else. All times are UTC ms of a clock that is passed in.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from dashboards.web.guard import Refused
from dashboards.web.users import User
from infra.clock import HOUR_MS, MINUTE_MS

IDLE_MS: Final = 12 * HOUR_MS
LIFE_MS: Final = 7 * 24 * HOUR_MS
MOST_SESSIONS: Final = 5_000
MOST_STREAMS: Final = 10
"""Live streams of one session at a time."""
WINDOW_MS: Final = 15 * MINUTE_MS
MOST_FAILURES_OF_USER: Final = 5
MOST_FAILURES_OF_ADDRESS: Final = 20
MOST_COUNTED: Final = 20_000


class Session(Struct):
    """A login. `csrf` goes with every form; `user` is as it was then."""

    user: User
    csrf: str
    began_ms: int
    seen_ms: int
    streams: int = 0


class Sessions:
    """Sessions by the hash of their cookie: who reads memory has no cookie."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Session] = OrderedDict()

    def begin(self, user: User, now_ms: int) -> str:
        """A new session; returns its cookie. Of too many the longest unused goes."""
        cookie = secrets.token_urlsafe(32)
        self._known[_name(cookie)] = Session(user, secrets.token_urlsafe(32), now_ms, now_ms)
        while len(self._known) > MOST_SESSIONS:
            self._known.popitem(last=False)
        return cookie

    def find(self, cookie: str, users: dict[str, User], now_ms: int) -> Session | None:
        """The session of the cookie; None where it is over, or its user was removed or changed since."""
        name = _name(cookie)
        session = self._known.get(name)
        if session is None:
            return None
        over = now_ms - session.seen_ms > IDLE_MS or now_ms - session.began_ms > LIFE_MS
        if over or users.get(session.user.name) != session.user:
            del self._known[name]
            return None
        session.seen_ms = now_ms
        self._known.move_to_end(name)
        return session

    def end(self, cookie: str) -> None:
        """Log out."""
        self._known.pop(_name(cookie), None)


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def check(session: Session, fields: Mapping[str, str]) -> None:
    """Raises Refused unless the form came from a page of this session."""
    if not same(fields.get("csrf", ""), session.csrf):
        raise Refused(403, "a form without its token")


def _name(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


class Lockout:
    """Counts failed logins by user and by address within `WINDOW_MS`; too many of either, and nobody may try.

    A user is locked out whether or not there is one of that name.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def locked(self, user: str, address: str, now_ms: int) -> bool:
        """Whether a login may not be tried now."""
        return (
            self._count(_user(user), now_ms) >= MOST_FAILURES_OF_USER
            or self._count(_address(address), now_ms) >= MOST_FAILURES_OF_ADDRESS
        )

    def tried(self, user: str, address: str, now_ms: int) -> None:
        """Count a try as failed before it is judged, so that many at once do not pass; the first begins the window."""
        for key in (_user(user), _address(address)):
            count = self._count(key, now_ms)
            began_ms = self._failures[key][1] if count else now_ms
            self._failures[key] = (count + 1, began_ms)
            self._failures.move_to_end(key)
        while len(self._failures) > MOST_COUNTED:
            self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """The try was none: forget the user's failures, and this one of the address, which may have tried others."""
        self._failures.pop(_user(user), None)
        count, began_ms = self._failures.get(_address(address), (1, 0))
        self._failures[_address(address)] = (count - 1, began_ms)

    def _count(self, key: str, now_ms: int) -> int:
        count, began_ms = self._failures.get(key, (0, now_ms))
        return count if now_ms - began_ms <= WINDOW_MS else 0


def _user(name: str) -> str:
    return f"user {name[:64]}"


def _address(address: str) -> str:
    return f"address {address}"
