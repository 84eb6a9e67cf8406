"""One password for each camera that pushes, generated when it is first wanted, in one file of mode 0600.

The same password is the bearer token of a camera that sends our own JSON. 16 letters and digits: cameras' forms take no
more, and it is 80 bits.
"""

import secrets
from pathlib import Path
from typing import Final

import msgspec

from infra.errors import UserError
from infra.local.files import write_private
from infra.settings import Settings
from infra.site import Site

ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
LENGTH: Final = 16


def credentials(settings: Settings, site: Site) -> dict[str, str]:
    """The password of each camera of the site that has a `vendor`. Raises UserError when there is none."""
    path = credentials_file(settings)
    known = _read(path) if path.exists() else {}
    cameras = [camera.id for camera in site.cameras if camera.vendor is not None]
    if not cameras:
        raise UserError("no camera of the site file has a `vendor`", "add it to a camera (docs/gateway.md shows how)")
    missing = {
        camera: "".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for camera in cameras if camera not in known
    }
    if missing:
        write_private(path, msgspec.json.format(msgspec.json.encode(known | missing)))
    return {camera: (known | missing)[camera] for camera in cameras}


def credentials_file(settings: Settings) -> Path:
    """Where the passwords lie. To give a camera a new one, delete its line and start the gateway again."""
    return settings.home / "secrets" / "gateway.json"


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"cannot read {path}: {error}", "mend it, or delete it for new passwords") from error
