"""API keys: what another program may do, for which estates, in one file of mode 0600 under the settings' home.

A key is shown once, when it is made; kept is its SHA-256. It is 256 random bits, which nobody guesses, so the hash need
not be slow.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, get_args

from msgspec import Struct, structs

from dashboards.web.private import PrivateFile
from infra.clock import DAY_MS
from infra.errors import UserError
from infra.settings import Settings

Scope = Literal["reports:read", "reports:create", "subscriptions:read", "subscriptions:write"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{0,31}")


class Key(Struct, frozen=True, kw_only=True):
    """What who holds it may do: `scopes` on `estates`, from when it was made until it ends or was revoked (UTC ms)."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    estates: tuple[str, ...]
    sha256: str
    made_ms: int
    ends_ms: int | None = None
    revoked_ms: int | None = None

    def state(self, now_ms: int) -> Literal["valid", "expired", "revoked"]:
        """Whether it opens anything at `now_ms`."""
        if self.revoked_ms is not None:
            return "revoked"
        return "expired" if self.ends_ms is not None and now_ms >= self.ends_ms else "valid"


class Keys:
    """The keys' file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = PrivateFile(path, Key)

    def all(self) -> list[Key]:
        """All keys, those revoked too, in the order in which they were made."""
        return self._file.read()

    def find(self, token: str) -> Key | None:
        """The key of a token as it was shown, whatever its state."""
        known = hashlib.sha256(token.encode()).hexdigest()
        return next((key for key in self.all() if hmac.compare_digest(key.sha256, known)), None)

    def add(self, key: Key) -> None:
        """Keep a new key."""
        self._file.write([*self.all(), key])

    def revoke(self, key_id: str, now_ms: int) -> Key:
        """End a key now. Raises UserError where there is none of that id, or it is revoked already."""
        found = next((key for key in self.all() if key.id == key_id), None)
        if found is None or found.revoked_ms is not None:
            wrong = "is revoked already" if found else "is not known"
            raise UserError(f"API key {key_id!r} {wrong}", "see `anfang api keys list`")
        revoked = structs.replace(found, revoked_ms=now_ms)
        self._file.write(revoked if key.id == key_id else key for key in self.all())
        return revoked


def new_key(name: str, scopes: Iterable[str], estates: Iterable[str], days: int | None, now_ms: int) -> tuple[Key, str]:
    """A key and its token, which is to be shown once. Raises UserError saying what a name or scope must be."""
    if not NAME.fullmatch(name):
        raise UserError(f"key name {name!r}", "use a small letter, then at most 31 of a-z 0-9 _ . -")
    asked = set(scopes)
    if not asked or asked - set(SCOPES):
        wrong = ", ".join(sorted(asked - set(SCOPES))) or "none"
        raise UserError(f"scope {wrong}", f"give --scope once for each of {', '.join(SCOPES)} that it is to have")
    key_id = secrets.token_hex(4)
    token = f"anfang_{key_id}_{secrets.token_urlsafe(32)}"
    key = Key(
        id=key_id,
        name=name,
        scopes=tuple(scope for scope in SCOPES if scope in asked),
        estates=tuple(dict.fromkeys(estates)),
        sha256=hashlib.sha256(token.encode()).hexdigest(),
        made_ms=now_ms,
        ends_ms=None if days is None else now_ms + days * DAY_MS,
    )
    return key, token


def keys_file(settings: Settings) -> Path:
    """Where the keys lie."""
    return settings.home / "secrets" / "api-keys.json"
