"""The link to a camera's recording at the moment of an alert, from the template `recorder_url` of the site file."""

from datetime import datetime
from string import Formatter
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from infra.clock import iso_ms

FIELDS: Final = ("camera", "ms", "s", "utc", "local")
SCHEMES: Final = ("http://", "https://")


def checked_template(template: str) -> str:
    """The template if it is one. Raises ValueError saying what was expected."""
    try:
        fields = [part[1:] for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"expected a URL with {_fields()}, got {template!r} ({error})") from None
    known = all(name in FIELDS and not spec and conversion is None for name, spec, conversion in fields)
    if not template.startswith(SCHEMES) or not known:
        raise ValueError(f"expected a URL http(s)://... with {_fields()} where wanted, got {template!r}")
    return template


def recorder_link(template: str, camera_id: str, event_ms: int, tz: ZoneInfo) -> str:
    """The address of `camera_id`'s recording at UTC instant `event_ms`.

    `{camera}` is the camera's id, `{ms}` and `{s}` the instant in UTC milliseconds and seconds since 1970, `{utc}` and
    `{local}` the same in ISO 8601, `{local}` in `tz` without offset. Values are percent-encoded.
    """
    values = {
        "camera": camera_id,
        "ms": str(event_ms),
        "s": str(event_ms // 1000),
        "utc": iso_ms(event_ms).replace("+00:00", "Z"),
        "local": datetime.fromtimestamp(event_ms / 1000, tz).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    return template.format(**{name: quote(value, safe="") for name, value in values.items()})


def _fields() -> str:
    return ", ".join(f"{{{name}}}" for name in FIELDS)
