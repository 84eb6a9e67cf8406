"""Counts of incidents with what they were exposed to: by day, then by whole weeks or months. Pure.

Exposure is passages where they are known (rate per 10 000 passages), else days. Where it is passages, only days that
are loaded count, for incidents and passages alike.
"""

from datetime import date, timedelta
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from infra.period import Period

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]
Step = Literal["week", "month"]
Unit = Literal["passages", "days"]

LEAST_LOADED: Final = 0.9
"""Share of the days that must be loaded before passages are the exposure."""
PASSAGES_PER: Final = 10_000
A_MONDAY: Final = 4  # days since 1970
WEEK_DAYS: Final = 7
YEAR_DAYS: Final = 365.25


class Daily(Struct, frozen=True):
    """Incidents of one kind per local day from `first` on; `passages` are NaN on days that are not loaded."""

    first: date
    counts: Floats
    passages: Floats

    @property
    def last(self) -> date:
        """Its last day."""
        return self.first + timedelta(days=len(self.counts) - 1)

    def within(self, period: Period) -> "Daily":
        """Its days that lie in the period."""
        start = max((period.first - self.first).days, 0)
        days = slice(start, max((period.last - self.first).days + 1, start))
        return Daily(self.first + timedelta(days=start), self.counts[days], self.passages[days])

    def covers(self, period: Period) -> bool:
        """Whether it knows every day of the period."""
        return self.first <= period.first and period.last <= self.last

    def passages_known(self) -> bool:
        """Whether enough days are loaded for a rate per passage."""
        loaded = np.isfinite(self.passages)
        return bool(loaded.mean() >= LEAST_LOADED and np.nansum(self.passages) > 0) if len(loaded) else False

    def exposed(self, unit: Unit) -> "Exposed":
        """Incidents and exposure of each day, in 10 000 passages or in days."""
        if unit == "days":
            return Exposed(self.counts, np.ones(len(self.counts)), unit)
        loaded = np.isfinite(self.passages)
        return Exposed(np.where(loaded, self.counts, 0), np.where(loaded, self.passages, 0) / PASSAGES_PER, unit)


class Exposed(Struct, frozen=True):
    """Counts with their exposure, in one unit."""

    counts: Floats
    exposure: Floats
    unit: Unit


class Buckets(Struct, frozen=True):
    """Whole weeks or months: first days, days after the last, incidents, exposure (above 0)."""

    starts: Days
    ends: Days
    counts: Floats
    exposure: Floats
    unit: Unit

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def years(self) -> Floats:
        """The middle of each, in years since 1970."""
        days = (self.starts.astype(np.int64) + self.ends.astype(np.int64)) / 2
        result: Floats = days / YEAR_DAYS
        return result

    def where(self, chosen: NDArray[np.bool_]) -> "Buckets":
        """Those that are chosen."""
        return Buckets(self.starts[chosen], self.ends[chosen], self.counts[chosen], self.exposure[chosen], self.unit)


def bucketed(daily: Daily, step: Step) -> Buckets:
    """Whole weeks (from Monday) or months of the days; a part of one at either end is left out, and so is one without
    any exposure.
    """
    unit: Unit = "passages" if daily.passages_known() else "days"
    exposed = daily.exposed(unit)
    days = np.datetime64(daily.first, "D") + np.arange(len(daily.counts))
    starts, place, number = np.unique(_start(days, step), return_inverse=True, return_counts=True)
    ends = _start(starts + 31, step) if step == "month" else starts + WEEK_DAYS
    counts, exposure = (
        np.bincount(place, column, len(starts)).astype(np.float64) for column in (exposed.counts, exposed.exposure)
    )
    whole = number == (ends - starts).astype(np.int64)
    return Buckets(starts, ends, counts, exposure, unit).where(whole & (exposure > 0))


def _start(days: Days, step: Step) -> Days:
    """The first day of each day's week or month."""
    if step == "month":
        first: Days = days.astype("datetime64[M]").astype("datetime64[D]")
        return first
    since_monday = (days.astype(np.int64) - A_MONDAY) % WEEK_DAYS
    monday: Days = days - since_monday.astype("timedelta64[D]")
    return monday
