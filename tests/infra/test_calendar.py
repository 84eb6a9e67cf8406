"""Working days, public holidays and the cells of hours, against the State Council's notices for 2024."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from infra.calendar import hour_cell, hour_start_ms, is_public_holiday, is_workday


@pytest.mark.parametrize(
    ("day", "worked", "holiday"),
    [
        (date(2024, 10, 1), False, True),
        (date(2024, 9, 29), True, False),  # a Sunday worked for the National Day holidays
        (date(2024, 10, 5), False, True),  # a Saturday within them
        (date(2024, 10, 19), False, False),
        (date(2024, 10, 21), True, False),
        (date(2031, 1, 6), True, False),
        (date(2031, 1, 5), False, False),
    ],
)
def test_days_follow_the_notices(day: date, worked: bool, holiday: bool) -> None:
    assert (is_workday(day), is_public_holiday(day)) == (worked, holiday)


def test_cells_count_from_monday_holidays_apart_and_a_worked_sunday_as_a_wednesday() -> None:
    week = [(date(2024, 5, 27) + timedelta(days=day), hour) for day in range(7) for hour in range(24)]
    assert [hour_cell(day, hour) for day, hour in week] == list(range(168))
    assert hour_cell(date(2024, 10, 1), 7) == 168 + 7
    assert hour_cell(date(2024, 9, 29), 8) == 2 * 24 + 8


def test_hours_are_local_where_offsets_are_half() -> None:
    tz = ZoneInfo("Asia/Kolkata")
    at = datetime(2024, 5, 27, 9, 45, 7, tzinfo=tz)
    assert hour_start_ms(int(at.timestamp() * 1000) + 123, tz) == int(at.replace(minute=0, second=0).timestamp() * 1000)
