"""What a counting camera can tell, whatever its maker: the one form that all message formats are read into.

A reading names the camera's own line or zone; the site file says which of ours it is (`infra/site.py`, `Vendor`).
Times are UTC milliseconds by the camera's clock. In our own JSON (`formats/own.py`) readings travel as they are here.
"""

import re
from datetime import datetime
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from infra.events import Count, ObjectClass, TimeMs

Way = Literal["in", "out"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Reason = Literal["wrong_content_type", "too_large", "malformed", "unknown_line", "event_time_off", "implausible"]
MAX_COUNT: Final = 2**32 - 1
_DIGITS: Final = re.compile(r"[0-9]{1,10}")


class RefusedError(Exception):
    """A message that cannot be taken: a reason to count by and a detail to mend it by."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


class Crossing(Struct, frozen=True, kw_only=True, tag="crossing", tag_field="kind", forbid_unknown_fields=True):
    """One passage of one line. `way` is None where the camera does not tell it; `event_id` is the camera's own."""

    line: Name
    event_ms: TimeMs
    way: Way | None = None
    object_class: ObjectClass = "person"
    event_id: Annotated[str, Meta(max_length=200)] = ""


class Total(Struct, frozen=True, kw_only=True, tag="total", tag_field="kind", forbid_unknown_fields=True):
    """A running counter of one line and way, as it stood at `event_ms`. It may begin again or roll over.

    `optional` counters stand beside the main one, for a part of the same persons: without a mapping they are left out.
    """

    line: Name
    event_ms: TimeMs
    total: Count
    way: Way | None = None
    optional: bool = False


class Interval(Struct, frozen=True, kw_only=True, tag="interval", tag_field="kind", forbid_unknown_fields=True):
    """How many persons passed one line one way from `from_ms` to `to_ms`."""

    line: Name
    from_ms: TimeMs
    to_ms: TimeMs
    persons: Count
    way: Way | None = None
    optional: bool = False


class Presence(Struct, frozen=True, kw_only=True, tag="presence", tag_field="kind", forbid_unknown_fields=True):
    """Somebody, or a vehicle, was seen in a zone."""

    zone: Name
    event_ms: TimeMs
    object_class: ObjectClass = "person"
    event_id: Annotated[str, Meta(max_length=200)] = ""


class Visible(Struct, frozen=True, kw_only=True, tag="visible", tag_field="kind", forbid_unknown_fields=True):
    """How many persons were in view in a zone at `event_ms`."""

    zone: Name
    event_ms: TimeMs
    persons: Count


Reading = Crossing | Total | Interval | Presence | Visible


def name_of(reading: Reading) -> str:
    """The camera's own name of the line or zone that the reading is about."""
    return reading.zone if isinstance(reading, Presence | Visible) else reading.line


def last_ms(reading: Reading) -> int:
    """The latest instant that the reading speaks of, by the camera's clock."""
    return reading.to_ms if isinstance(reading, Interval) else reading.event_ms


def time_ms(text: str | None, what: str, tz: ZoneInfo) -> int:
    """UTC ms of an ISO 8601 time; one without offset is local in `tz`. Raises RefusedError naming the field `what`."""
    try:
        told = datetime.fromisoformat((text or "").strip())
        event_ms = round((told if told.tzinfo else told.replace(tzinfo=tz)).timestamp() * 1000)
    except (ValueError, OverflowError):
        event_ms = -1
    if event_ms < 0:
        raise RefusedError("malformed", f"{what}: expected an ISO 8601 time since 1970, got {shown(text)}")
    return event_ms


def count(text: str | None, what: str) -> int:
    """A count from text, at most 32 bits. Raises RefusedError naming the field `what`."""
    digits = (text or "").strip()
    if not _DIGITS.fullmatch(digits) or int(digits) > MAX_COUNT:
        raise RefusedError("malformed", f"{what}: expected a whole number from 0 to {MAX_COUNT}, got {shown(text)}")
    return int(digits)


def shown(text: str | None) -> str:
    """A value as a refusal quotes it: short."""
    return "nothing" if text is None else repr(text[:60])
