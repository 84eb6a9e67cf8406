"""Occupancy as an estimate: a Kalman filter over minutes, with a 95 % interval. Pure.

In/out counts drift because crossings are missed, and more so one way than the other. What cameras see in the zone now,
hours when it is known to be empty, persons counted by hand, and nights, which resemble each other where people live,
pull the estimate back. The state of one zone at the end of a minute:

- persons in it;
- its level: the persons at `NIGHT_HOUR` of an ordinary night, in zones where people sleep;
- its bias: what a crossing adds beyond what the counts say, because one direction is missed more, in units of its prior
  standard deviation `Model.bias`. It is learnt whenever something tells the persons, and so are its variances.

Method: R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems", J. Basic Eng. 82 (1960), with the
bias as part of the state: B. Friedland, "Treatment of Bias in Recursive Filtering", IEEE Trans. Automatic Control 14
(1969). Missed crossings: if each is seen with probability p = 1 - m, then given k seen the true number has mean k / p
and variance k m / p^2 (negative binomial). Visible counts: binomial thinning of the occupancy with the zone's visible
fraction. That counts are corrected as they come by what their past errors were, and not at the day's end only, is after
F. C. Sangogboye and M. B. Kjærgaard, "PreCount", Energy Informatics 1:12 (2018). An observation that is more than
`SURPRISE` standard deviations off is not averaged in: what it contradicts is learnt anew (gating of innovations;
Y. Bar-Shalom et al., "Estimation with Applications to Tracking and Navigation", 2001, section 5.4).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

Z_95: Final = 1.959964
COUNT_VARIANCE: Final = 0.25
UNKNOWN_VARIANCE: Final = 1e8
SURPRISE: Final = 4.0
NIGHT_HOUR: Final = 4
NIGHT_AWAY: Final = 0.05
HOUSEHOLD: Final = 2.7
"""Share of the households that sleep elsewhere on a given night, and persons in one: who is away, is so together."""
LIVED_IN: Final = 0.2
"""Share of its capacity that a zone holds at night at least, where people live: other nights need not be alike."""
TURNOVER: Final = 0.001
"""Share of the residents who move in or out from one night to the next: how fast the level drifts."""
SETTLED_MINUTES: Final = 1440
"""A zone's first day is no ordinary one: it may have begun with people inside."""
BLIND_FLOW: Final = 0.02
"""Share of a zone's capacity that may have passed unseen in a blind minute, as a standard deviation: at 07:30 some 1 %
of a building's residents leave each minute, all the same way, so that an hour's flow is not a random walk of singles.
"""

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
PERSONS: Final[Vector] = (1.0, 0.0, 0.0)
OFF_LEVEL: Final[Vector] = (1.0, -1.0, 0.0)


class Estimate(Struct, frozen=True):
    """`state` (persons, level, bias) with its `covariance`, after `minutes`; `balance` is the plain running sum."""

    state: Vector = (0.0, 0.0, 0.0)
    covariance: Matrix = ((0.0, 0.0, 0.0), (0.0, UNKNOWN_VARIANCE, 0.0), (0.0, 0.0, 1.0))
    balance: int = 0
    minutes: int = 0

    @property
    def mean(self) -> float:
        """Persons in the zone, as expected."""
        return self.state[0]

    @property
    def variance(self) -> float:
        """Variance of the persons in the zone."""
        return self.covariance[0][0]

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval, never below zero."""
        return max(0.0, self.mean - Z_95 * math.sqrt(self.variance))

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.mean + Z_95 * math.sqrt(self.variance)


class Counted(Struct, frozen=True):
    """Persons counted by hand, and the standard deviation of that count's error."""

    persons: int
    error_persons: float


@dataclass(frozen=True)
class Model:
    """What the filter knows of a zone beforehand: shares as in the site file, capacity in persons."""

    miss_rate: float
    bias: float
    visible_fraction: float
    capacity: int


@dataclass(frozen=True)
class MinuteEvidence:
    """What one minute tells of one zone.

    Crossings seen, the last in-zone count, known emptiness, whether it is the minute of the night that is like that of
    other nights, persons counted by hand, the share of cameras that were blind, and minutes before it that nobody told.
    """

    ins: int
    outs: int
    visible: int | None = None
    known_empty: bool = False
    ordinary_night: bool = False
    counted: tuple[Counted, ...] = ()
    blind_share: float = 0.0
    skipped_minutes: int = 0


def step(before: Estimate, seen: MinuteEvidence, model: Model) -> Estimate:
    """The estimate at the end of the minute, from the one at its start and the minute's evidence."""
    after = _move(before, seen, model)
    if seen.visible is not None and model.visible_fraction > 0:
        noise = max(after.mean, 1.0) * (1 - model.visible_fraction) / model.visible_fraction
        after = _observe(after, PERSONS, seen.visible / model.visible_fraction, noise + COUNT_VARIANCE)
    if seen.known_empty:
        after = _observe(after, PERSONS, 0.0, COUNT_VARIANCE)
    for counted in seen.counted:
        after = _believe(after, counted)
    if seen.ordinary_night and after.minutes >= SETTLED_MINUTES and after.mean >= LIVED_IN * model.capacity:
        after = _sleep(after)
    persons, level, bias = after.state
    return after if persons >= 0 else msgspec.structs.replace(after, state=(0.0, level, bias))


def _move(before: Estimate, seen: MinuteEvidence, model: Model) -> Estimate:
    """Prediction: crossings move the persons, and add the bias and the noise of those that were missed."""
    persons, level, bias = before.state
    (nn, nl, nb), (_, ll, lb), (_, _, bb) = before.covariance
    crossings, net, seen_rate = seen.ins + seen.outs, seen.ins - seen.outs, 1.0 - model.miss_rate
    lean = crossings * model.bias
    nn += lean * (2 * nb + lean * bb) + crossings * model.miss_rate / seen_rate**2
    nl, nb = nl + lean * lb, nb + lean * bb
    unseen = (BLIND_FLOW * model.capacity) ** 2 * (seen.blind_share**2 + seen.skipped_minutes)
    nn = max(nn, min(nn + unseen, (model.capacity / 2) ** 2))
    return Estimate(
        (persons + net / seen_rate + lean * bias, level, bias),
        ((nn, nl, nb), (nl, ll, lb), (nb, lb, bb)),
        before.balance + net,
        before.minutes + 1 + seen.skipped_minutes,
    )


def _believe(before: Estimate, counted: Counted) -> Estimate:
    """A count by hand: an observation. One that is far off says that the estimate is wrong by about that much."""
    noise, off = counted.error_persons**2 + COUNT_VARIANCE, counted.persons - before.mean
    if off**2 > SURPRISE**2 * (before.variance + noise):
        (nn, nl, nb), level, bias = before.covariance
        before = msgspec.structs.replace(before, covariance=((nn + off**2, nl, nb), level, bias))
    return _observe(before, PERSONS, counted.persons, noise)


def _sleep(before: Estimate) -> Estimate:
    """A night: as many persons as on other nights, but for who is away. One that is far off begins a new level."""
    noise = NIGHT_AWAY * HOUSEHOLD * before.mean + COUNT_VARIANCE
    (nn, nl, nb), (_, ll, lb), (_, _, bb) = before.covariance
    ll += TURNOVER * before.mean
    if (before.state[0] - before.state[1]) ** 2 > SURPRISE**2 * (nn - 2 * nl + ll + noise):
        nl, ll, lb = 0.0, UNKNOWN_VARIANCE, 0.0
    drifted = msgspec.structs.replace(before, covariance=((nn, nl, nb), (nl, ll, lb), (nb, lb, bb)))
    return _observe(drifted, OFF_LEVEL, 0.0, noise)


def _observe(before: Estimate, of: Vector, observed: float, noise: float) -> Estimate:
    """Kalman update by an observation of the linear combination `of` the state, with variance `noise`."""
    shared = [_product(row, of) for row in before.covariance]
    total = _product(shared, of) + noise
    off = observed - _product(before.state, of)
    state = _vector(value + share / total * off for value, share in zip(before.state, shared, strict=True))
    first, second, third = (
        _vector(value - share * other / total for value, other in zip(row, shared, strict=True))
        for row, share in zip(before.covariance, shared, strict=True)
    )
    return msgspec.structs.replace(before, state=state, covariance=(first, second, third))


def _product(left: Sequence[float], right: Sequence[float]) -> float:
    return left[0] * right[0] + left[1] * right[1] + left[2] * right[2]


def _vector(values: Iterable[float]) -> Vector:
    first, second, third = values
    return first, second, third
