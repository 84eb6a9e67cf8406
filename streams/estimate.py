"""Occupancy as an estimate: a scalar Kalman filter over minutes, with a 95 % interval.

In/out counts drift because crossings are missed; what cameras see in the zone now, and hours when it is known to be
empty, pull the estimate back. State: mean and variance of the number of persons in the zone at the end of a minute.

Method: R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems", J. Basic Eng. 82 (1960). Missed
crossings: if each is seen with probability p = 1 - m, then given k seen the true number has mean k / p and variance
k m / p^2 (negative binomial). Visible counts: binomial thinning of the occupancy with the zone's visible fraction.
"""

import math
from dataclasses import dataclass

from msgspec import Struct

Z_95 = 1.959964
EMPTY_VARIANCE = 0.25
BLIND_VARIANCE_PER_MINUTE = 4.0


class Estimate(Struct, frozen=True):
    """Persons in a zone: `mean` and `variance`, and `balance`, the plain running sum of the crossings seen."""

    mean: float = 0.0
    variance: float = 0.0
    balance: int = 0

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval, never below zero."""
        return max(0.0, self.mean - Z_95 * math.sqrt(self.variance))

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.mean + Z_95 * math.sqrt(self.variance)


@dataclass(frozen=True)
class MinuteEvidence:
    """What one minute tells of one zone: crossings seen, last in-zone count, known emptiness, blind cameras."""

    ins: int
    outs: int
    visible: int | None
    known_empty: bool
    blind_cameras: int


def step(before: Estimate, seen: MinuteEvidence, miss_rate: float, visible_fraction: float) -> Estimate:
    """The estimate at the end of the minute, from the one at its start and the minute's evidence."""
    seen_rate = 1.0 - miss_rate
    crossings = seen.ins + seen.outs
    mean = before.mean + (seen.ins - seen.outs) / seen_rate
    variance = before.variance + crossings * miss_rate / seen_rate**2
    variance += BLIND_VARIANCE_PER_MINUTE * seen.blind_cameras
    if seen.visible is not None and visible_fraction > 0:
        noise = max(mean, 1.0) * (1 - visible_fraction) / visible_fraction
        mean, variance = _observe(mean, variance, seen.visible / visible_fraction, noise + EMPTY_VARIANCE)
    if seen.known_empty:
        mean, variance = _observe(mean, variance, 0.0, EMPTY_VARIANCE)
    return Estimate(max(mean, 0.0), variance, before.balance + seen.ins - seen.outs)


def _observe(mean: float, variance: float, observed: float, noise: float) -> tuple[float, float]:
    """Kalman update of (mean, variance) by an observation with variance `noise`."""
    gain = variance / (variance + noise)
    return mean + gain * (observed - mean), (1 - gain) * variance
