"""Which hours are alike: the hour of the week, with China's public holidays and make-up working days.

The days are those of `chinesecalendar` (State Council notices, 2004 to 2026); outside its years every Monday to Friday
is a working day and nothing is a holiday.
"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import chinese_calendar

HOURS_OF_DAY: Final = 24
HOURS_OF_WEEK: Final = 168
CELLS: Final = HOURS_OF_WEEK + HOURS_OF_DAY
WEDNESDAY: Final = 2
SATURDAY: Final = 5


def is_workday(day: date) -> bool:
    """Whether people in China work on that day."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < SATURDAY


def is_public_holiday(day: date) -> bool:
    """Whether the day is one of a public holiday's days off; an ordinary weekend is none."""
    try:
        off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return False
    return bool(off) and name is not None


def hour_cell(day: date, hour: int) -> int:
    """The cell of a local day's hour: 0 is Monday 00:00, 167 Sunday 23:00; 168 to 191 are a public holiday's hours.

    A weekend day that is worked counts as a Wednesday.
    """
    if is_public_holiday(day):
        return HOURS_OF_WEEK + hour
    weekday = WEDNESDAY if day.weekday() >= SATURDAY and is_workday(day) else day.weekday()
    return weekday * HOURS_OF_DAY + hour


def hour_start_ms(event_ms: int, tz: ZoneInfo) -> int:
    """UTC ms of the start of the local hour that UTC instant `event_ms` falls in."""
    local = datetime.fromtimestamp(event_ms / 1000, tz)
    return event_ms - event_ms % 1000 - (local.minute * 60 + local.second) * 1000
