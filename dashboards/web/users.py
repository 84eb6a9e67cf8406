"""Who may look: users, their roles and estates, in one file of mode 0600 under the settings' home.

Passwords are kept as scrypt hashes (RFC 7914) with a salt each; the parameters stand in the hash.
"""

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final, Literal, get_args

from msgspec import Struct

from dashboards.web.private import PrivateFile
from infra.errors import UserError
from infra.settings import Settings

Role = Literal["guard", "office", "operator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
MAY_DISPOSE: Final = frozenset({"guard", "operator"})
MAY_KEEP_LEDGERS: Final = frozenset({"office"})
MAY_ASK_FOR_REPORTS: Final = frozenset({"office"})
MAY_AUDIT: Final = frozenset({"operator"})
MAY_SUBSCRIBE: Final = frozenset({"operator"})
NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{0,31}")
LEAST_PASSWORD: Final = 10
MOST_PASSWORD: Final = 200
COST: Final = 2**15
BLOCK: Final = 8
GENERATED: Final = "abcdefghijkmnpqrstuvwxyz23456789"


class User(Struct, frozen=True):
    """Who may see `estates`, and as what. `password` is its hash."""

    name: str
    role: Role
    estates: tuple[str, ...]
    password: str


class Users:
    """The users' file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = PrivateFile(path, User)

    def all(self) -> dict[str, User]:
        """Users by name. Raises UserError where the file cannot be read."""
        return {user.name: user for user in self._file.read()}

    def put(self, user: User) -> None:
        """Add the user, or give the one of that name another role, estates and password."""
        self._file.write({**self.all(), user.name: user}.values())

    def remove(self, name: str) -> None:
        """Raises UserError when there is none."""
        if name not in self.all():
            raise UserError(f"there is no user {name!r}", "see `anfang web user list`")
        self._file.write(user for known, user in self.all().items() if known != name)


def users_file(settings: Settings) -> Path:
    """Where the users lie."""
    return settings.home / "secrets" / "web-users.json"


def new_user(name: str, role: str, estates: list[str], password: str) -> User:
    """A user with this password. Raises UserError saying what a name, role or password must be."""
    if not NAME.fullmatch(name):
        raise UserError(f"user name {name!r}", "use a small letter, then at most 31 of a-z 0-9 _ . -")
    known = next((one for one in ROLES if one == role), None)
    if known is None:
        raise UserError(f"role {role!r} is not known", f"choose of {', '.join(ROLES)}")
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise UserError("the password is too short or too long", f"use {LEAST_PASSWORD} to {MOST_PASSWORD} characters")
    return User(name, known, tuple(estates), hashed(password))


def generated_password() -> str:
    """16 letters and digits: 80 bits, in groups that can be read out."""
    return "-".join("".join(secrets.choice(GENERATED) for _ in range(4)) for _ in range(4))


def hashed(password: str, cost: int = COST) -> str:
    """`scrypt$cost$block$salt$hash`, with a new salt."""
    salt = secrets.token_hex(16)
    return f"scrypt${cost}${BLOCK}${salt}${_scrypt(password, salt, cost, BLOCK)}"


def matches(password: str, wanted: str) -> bool:
    """Whether the password is that of the hash; takes as long either way."""
    _, cost, block, salt, right = wanted.split("$")
    return hmac.compare_digest(_scrypt(password, salt, int(cost), int(block)), right)


def _scrypt(password: str, salt: str, cost: int, block: int) -> str:
    memory = 128 * block * (cost + 4)
    return hashlib.scrypt(
        password.encode(), salt=bytes.fromhex(salt), n=cost, r=block, p=1, maxmem=memory, dklen=32
    ).hex()


NOBODY: Final = f"scrypt${COST}${BLOCK}${'00' * 16}${'00' * 32}"
"""Checked for a user that does not exist, so that it takes as long."""
