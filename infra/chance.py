"""What chance alone may do to counts: the ratio of two Poisson rates with its exact interval.

Given the total of both counts, the first is binomial with success probability ratio·t1 / (ratio·t1 + t2): the
Clopper-Pearson interval of that probability, turned round, is the exact interval of the rate ratio (Clopper and
Pearson 1934, Biometrika 26; Przyborowski and Wilenski 1940, Biometrika 31).

Counts that vary more than Poisson's are divided by their dispersion before they are compared (quasi-likelihood;
McCullagh and Nelder, "Generalized Linear Models", 2nd ed. 1989, ch. 9): so a count may be broken.
"""

from msgspec import Struct
from scipy.special import betaincinv

CONFIDENCE = 0.95


class RateRatio(Struct, frozen=True):
    """Rate now over rate before. `ratio` is None where nothing was counted before, `high` None without a bound."""

    ratio: float | None
    low: float
    high: float | None

    @property
    def fallen(self) -> bool:
        """Whether a fall is beyond chance."""
        return self.high is not None and self.high < 1

    @property
    def risen(self) -> bool:
        """Whether a rise is beyond chance."""
        return self.low > 1


def rate_ratio(
    count: float, exposure: float, count_before: float, exposure_before: float, confidence: float = CONFIDENCE
) -> RateRatio:
    """Ratio of the rates count/exposure, now over before (exposures above 0, in one unit), with its interval."""
    low, high = binomial_interval(count, count + count_before, confidence)
    scale = exposure_before / exposure
    ratio = count / count_before * scale if count_before else None
    return RateRatio(ratio, _odds(low) * scale, None if high >= 1 else _odds(high) * scale)


def binomial_interval(successes: float, trials: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Clopper-Pearson interval of a probability; (0, 1) where nothing was tried."""
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return low, high


def _odds(probability: float) -> float:
    return probability / (1 - probability)
