"""The days a report speaks of: local days of the estate, both ends included."""

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from infra.clock import day_bounds_ms
from infra.errors import UserError

NAMED: Final = re.compile(r"(\d{4})(?:-(\d\d)|[Qq]([1-4])|[Hh]([12]))?")


class Period(Struct, frozen=True):
    """Local days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def bounds_s(self, tz: ZoneInfo) -> tuple[int, int]:
        """UTC seconds of its start (inclusive) and end (exclusive)."""
        return day_bounds_ms(self.first, tz)[0] // 1000, day_bounds_ms(self.last, tz)[1] // 1000

    def until(self, days_after: int) -> date:
        """The day `days_after` days after its last."""
        return self.last + timedelta(days=days_after)

    def year_before(self) -> "Period":
        """The same days one year earlier; 29 February becomes the 28th."""
        return Period(_year_before(self.first), _year_before(self.last))

    def chinese(self) -> str:
        """As official documents write it: 2024年1月1日至2024年1月31日."""
        first = chinese_date(self.first)
        return first if self.first == self.last else f"{first}至{chinese_date(self.last)}"


def make_period(first: date, last: date) -> Period:
    """A period. Raises UserError when it ends before it begins."""
    if last < first:
        raise UserError(f"the period ends ({last}) before it begins ({first})", "exchange --from and --to")
    return Period(first, last)


def ended_period(first: date, last: date, today: date) -> Period:
    """A period that is over. Raises UserError where it is not: part of a year beside a whole one looks like a fall."""
    period = make_period(first, last)
    if last >= today:
        raise UserError(
            f"the period ends on {last}, which is not over", f"give one that ends by {today - timedelta(days=1)}"
        )
    return period


def named_period(text: str) -> Period:
    """The period that `2024`, `2024H1`, `2024Q3` or `2024-02` names. Raises UserError for anything else."""
    found = NAMED.fullmatch(text.strip())
    if found and 1 <= int(found[2] or 1) <= 12 and int(found[1]) >= 1:
        year = int(found[1])
        if found[2]:
            first, months = int(found[2]), 1
        elif found[3]:
            first, months = 3 * int(found[3]) - 2, 3
        elif found[4]:
            first, months = 6 * int(found[4]) - 5, 6
        else:
            first, months = 1, 12
        last = first + months - 1
        return Period(date(year, first, 1), date(year, last, monthrange(year, last)[1]))
    raise UserError(
        f"--period {text!r} is no period", "give a year 2024, a half 2024H1, a quarter 2024Q3, a month 2024-02"
    )


def chinese_date(day: date) -> str:
    """2024年2月18日."""
    return f"{day.year}年{day.month}月{day.day}日"


def _year_before(day: date) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if leap_day else day.day)
