"""Change points: where a series breaks, without being told where to look. Pure.

Exact segmentation by dynamic programming (optimal partitioning; Jackson et al. 2005, IEEE Signal Process. Lett. 12):
each segment is Poisson with a rate of its own beside what season and exposure let expect. A break must gain
3 log(n) in twice the log likelihood divided by the dispersion: the modified BIC of Zhang and Siegmund 2007 (Biometrics
63: 22-32) without its small term for uneven segments.
"""

from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from batch.trends.interrupted import Fit, background
from batch.trends.series import Buckets, Floats

LEAST_BUCKETS: Final = 6
TREND: Final = 1
"""Where the trend is among the coefficients of `background`: a break must not hide in it."""


class Change(Struct, frozen=True):
    """A break at the start of a bucket: the rate after over the rate before, season aside."""

    at: date
    ratio: float | None


def changes(buckets: Buckets, fit: Fit) -> list[Change]:
    """Breaks of the series, given the fit of its background."""
    design = background(buckets)
    design[:, TREND] = 0
    expected = buckets.exposure * np.exp(design @ fit.coefficients)
    breaks = segmented(buckets.counts, expected, fit.dispersion)
    edges = [0, *breaks, len(buckets)]
    rates = [buckets.counts[start:end].sum() / expected[start:end].sum() for start, end in pairwise(edges)]
    return [
        Change(buckets.starts[at].item(), float(after / before) if before else None)
        for at, before, after in zip(breaks, rates[:-1], rates[1:], strict=True)
    ]


def segmented(counts: Floats, expected: Floats, dispersion: float = 1.0, least: int = LEAST_BUCKETS) -> list[int]:
    """Where new segments begin: the cut of n counts into segments of at least `least` with the smallest sum of costs
    and penalties.
    """
    number = len(counts)
    penalty = 3 * np.log(max(number, 2))
    events, exposure = (np.concatenate([[0.0], np.cumsum(column)]) for column in (counts, expected))
    best, came_from = np.full(number + 1, np.inf), np.zeros(number + 1, np.int64)
    best[0] = -penalty
    for end in range(least, number + 1):
        starts = np.arange(end - least + 1)
        costs = (
            best[starts] + penalty + cost(events[end] - events[starts], exposure[end] - exposure[starts]) / dispersion
        )
        came_from[end] = int(costs.argmin())
        best[end] = costs[came_from[end]]
    return _walk_back(came_from, number)


def cost(events: Floats, exposure: Floats) -> Floats:
    """Minus twice the Poisson log likelihood of segments at their own rates, without what no cut can change."""
    rates = np.divide(events, exposure, out=np.ones_like(events), where=events > 0)
    result: Floats = -2 * (events * np.log(rates) - events)
    return result


def _walk_back(came_from: NDArray[np.int64], number: int) -> list[int]:
    breaks: list[int] = []
    end = number
    while end > 0 and (end := int(came_from[end])) > 0:
        breaks.append(end)
    return breaks[::-1]
