"""How often "fell" is said: wrongly on series without a change, rightly on series that fell.

    python -m tests.batch.trends_power [SERIES]

Days are simulated, not months: a season, a moving exposure, and months that vary more than Poisson's (gamma factors).
"""

import sys
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
from msgspec import Struct

from batch.trends.interrupted import background_fit
from batch.trends.series import Daily, bucketed
from batch.trends.study import Looks, looks

FIRST = date(2020, 1, 1)
HAND_OVER = date(2023, 12, 8)
YEARS_AFTER = 1.0
DAYS = (HAND_OVER - FIRST).days + round(YEARS_AFTER * 365.25)


class World(Struct, frozen=True):
    """What a series is drawn from: incidents a year, how much months vary (0: Poisson), the yearly trend as a factor,
    and the fall from the hand-over on (0.3: by 30 %).
    """

    a_year: float
    overdispersion: float = 0.0
    trend: float = 1.0
    fall: float = 0.0


def simulated(world: World, random: np.random.Generator, days: int = DAYS) -> Daily:
    """Daily counts whose month-to-month dispersion is about 1 + a_year / 12 * overdispersion."""
    dates = np.datetime64(FIRST, "D") + np.arange(days)
    years = np.arange(days) / 365.25
    passages = np.round(3000 * (1 + 0.1 * years) * np.exp(0.1 * random.standard_normal(days)))
    months = np.unique(dates.astype("datetime64[M]"), return_inverse=True)[1]
    factor = np.ones(months.max() + 1)
    if world.overdispersion:
        factor = random.gamma(1 / world.overdispersion, world.overdispersion, len(factor))
    season = np.exp(0.3 * np.sin(2 * np.pi * years + 1) + 0.1 * np.cos(4 * np.pi * years))
    after = dates >= np.datetime64(HAND_OVER, "D")
    rate = world.a_year / 365.25 / 3000 * passages * season * factor[months] * world.trend**years
    counts = random.poisson(rate * np.where(after, 1 - world.fall, 1.0))
    return Daily(FIRST, counts.astype(np.float64), passages)


def said(daily: Daily) -> Looks:
    """The rule on one series."""
    buckets = bucketed(daily, "month")
    return looks(daily, buckets, background_fit(buckets), HAND_OVER)


def words(world: World, series: int, seed: int) -> Iterator[Looks]:
    """The rule on many series of one world."""
    random = np.random.default_rng(seed)
    for _ in range(series):
        yield said(simulated(world, random))


def share_fell(world: World, series: int, seed: int = 1) -> tuple[float, float, float]:
    """Shares of series of which "fell" is said: at all, year on year, at the hand-over."""
    found = list(words(world, series, seed))
    told = (
        [look.says_fell for look in found],
        [look.year_on_year_word == "fell" for look in found],
        [look.hand_over_word == "fell" for look in found],
    )
    return float(np.mean(told[0])), float(np.mean(told[1])), float(np.mean(told[2]))


def main(series: int) -> None:
    """Print the table of docs/analyst.md."""
    print(f"{series} series each, {FIRST} to {FIRST + timedelta(days=DAYS - 1)}, hand-over {HAND_OVER}")
    print("| incidents a year | months vary by | true change | fell is said | year on year | at the hand-over |")
    print("| ---: | --- | --- | ---: | ---: | ---: |")
    for fall in (0.0, 0.3, 0.5):
        for a_year in (25, 100, 400):
            for overdispersion in (0.0, 0.1):
                shares = share_fell(World(a_year, overdispersion, fall=fall), series)
                varies = f"NB, variance {1 + a_year / 12 * overdispersion:.1f} x mean" if overdispersion else "Poisson"
                change = f"-{fall:.0%}" if fall else "none"
                print(f"| {a_year} | {varies} | {change} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
