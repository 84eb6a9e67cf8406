"""Secrets of delivery channels, by name: files of mode 0600 in `home/secrets/channels/`, one secret a line.

A webhook's secret may have two lines, the newest first: both are valid while receivers change over. A messenger's
secret is its address as `apprise` takes it. Kafka, logs and command lines see names only.
"""

import base64
import re
import secrets
from pathlib import Path
from typing import Final

from infra.errors import UserError
from infra.local.files import private_folder, write_private
from infra.settings import Settings

SMTP_PASSWORD: Final = "smtp_password"  # noqa: S105 a name, not a password
WEBHOOK_PREFIX: Final = "whsec_"
MOST_VALID: Final = 2
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,95}")


def read_channel_secret(settings: Settings, name: str) -> list[str]:
    """The lines of secret `name`, at least one. Raises UserError when there is none."""
    path = _path(settings, name)
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise UserError(f"no channel secret {name!r} ({path}: {error.strerror})", _remedy(path)) from error
    kept = [line for line in lines if line]
    if not kept:
        raise UserError(f"the channel secret {name!r} is empty ({path})", _remedy(path))
    return kept


def write_channel_secret(settings: Settings, name: str, lines: list[str]) -> None:
    """Keep `lines` as the secret `name`, in place of what was there."""
    path = _path(settings, name)
    private_folder(settings.home / "secrets")
    write_private(path, "".join(f"{line}\n" for line in lines))


def has_channel_secret(settings: Settings, name: str) -> bool:
    """Whether there is a secret of that name."""
    return _path(settings, name).is_file()


def forget_channel_secret(settings: Settings, name: str) -> None:
    """Delete the secret of that name, if there is one."""
    _path(settings, name).unlink(missing_ok=True)


def new_webhook_secret(settings: Settings, name: str) -> str:
    """Make a new secret for a webhook and return it; the one before stays valid, an older one does not."""
    made = WEBHOOK_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    before = read_channel_secret(settings, name) if has_channel_secret(settings, name) else []
    write_channel_secret(settings, name, [made, *before][:MOST_VALID])
    return made


def _path(settings: Settings, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UserError(f"channel secret {name!r}", "give it a name of small letters, digits and _")
    return settings.home / "secrets" / "channels" / name


def _remedy(path: Path) -> str:
    return f"add the subscription again, or write the secret to {path} (mode 0600)"
