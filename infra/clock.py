"""Clocks that one passes in, so that a test decides what time it is."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


class Clock(Protocol):
    """Anything that tells the wall time as UTC milliseconds since 1970."""

    def now_ms(self) -> int:
        """The wall time in UTC ms."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """The wall time in UTC ms."""
        return time.time_ns() // 1_000_000


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time it was last set to, in UTC ms."""
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        """Move forward by `by_ms` milliseconds."""
        self._now_ms += by_ms


def day_start_ms(day: date, tz: ZoneInfo) -> int:
    """UTC ms of the first instant of local day `day` in `tz`."""
    return int(datetime(day.year, day.month, day.day, tzinfo=tz).timestamp() * 1000)


def day_bounds_ms(day: date, tz: ZoneInfo) -> tuple[int, int]:
    """UTC ms of the start (inclusive) and the end (exclusive) of local day `day` in `tz`."""
    return day_start_ms(day, tz), day_start_ms(day + timedelta(days=1), tz)


def local_day(event_ms: int, tz: ZoneInfo) -> date:
    """The local day in `tz` that UTC instant `event_ms` falls in."""
    return datetime.fromtimestamp(event_ms / 1000, tz).date()


def parse_ms(text: str, tz: ZoneInfo) -> int:
    """UTC ms of an ISO 8601 time; one without offset is local time in `tz`. Raises ValueError when it is none."""
    instant = datetime.fromisoformat(text)
    return round((instant if instant.tzinfo else instant.replace(tzinfo=tz)).timestamp() * 1000)


def iso_ms(event_ms: int) -> str:
    """`event_ms` as ISO 8601 in UTC with milliseconds, for people and logs."""
    return datetime.fromtimestamp(event_ms / 1000, UTC).isoformat(timespec="milliseconds")


def local_clock(event_ms: int, tz: ZoneInfo) -> str:
    """`event_ms` as the wall clock in `tz` shows it, "07:31:05": for people at the place."""
    return datetime.fromtimestamp(event_ms / 1000, tz).strftime("%H:%M:%S")
