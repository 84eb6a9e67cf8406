"""This year against last: the rate ratio with its exact Poisson interval, and one widened for dispersion. Pure."""

from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from batch.trends.series import Daily, Unit
from infra.chance import RateRatio, rate_ratio
from infra.period import Period

YEAR: Final = timedelta(days=364)


class YearOnYear(Struct, frozen=True):
    """Incidents, exposure (in 10 000 passages or days) and rates now and a year before.

    `exact` has the exact 95 % interval of counts that vary as Poisson's do; `deciding` the interval that the rule asks,
    of the counts divided by their dispersion.
    """

    now: Period
    before: Period
    count: float
    count_before: float
    exposure: float
    exposure_before: float
    unit: Unit
    exact: RateRatio
    deciding: RateRatio

    @property
    def rate(self) -> float:
        """Incidents per 10 000 passages, or per day."""
        return self.count / self.exposure

    @property
    def rate_before(self) -> float:
        """The same, a year before."""
        return self.count_before / self.exposure_before


def last_year(last: date) -> Period:
    """The 365 days up to `last`."""
    return Period(last - YEAR, last)


def year_on_year(daily: Daily, dispersion: float, confidence: float) -> YearOnYear | None:
    """The last 365 days against the same days a year before; None where the days do not go back so far.

    Passages are the exposure where both years know them.
    """
    now = last_year(daily.last)
    before = now.year_before()
    if not daily.covers(before):
        return None
    parts = daily.within(now), daily.within(before)
    unit: Unit = "passages" if all(part.passages_known() for part in parts) else "days"
    (count, exposure), (count_before, exposure_before) = (
        (float(part.counts.sum()), float(part.exposure.sum())) for part in (part.exposed(unit) for part in parts)
    )
    return YearOnYear(
        now=now,
        before=before,
        count=count,
        count_before=count_before,
        exposure=exposure,
        exposure_before=exposure_before,
        unit=unit,
        exact=rate_ratio(count, exposure, count_before, exposure_before),
        deciding=rate_ratio(count / dispersion, exposure, count_before / dispersion, exposure_before, confidence),
    )
