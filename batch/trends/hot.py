"""Hot zones and hours: more incidents than their passages explain, with small numbers kept from shouting. Pure.

Rates of small places leap about by chance. Each is shrunk towards the estate's own by empirical Bayes: relative risks
are gamma with mean 1, counts Poisson given them (Clayton and Kaldor 1987, Biometrics 43: 671-681). "Hot" is said only
where the exact binomial tail survives Benjamini and Hochberg 1995 (J. R. Stat. Soc. B 57: 289-300) over all places
looked at, and the shrunk risk's interval lies above 1.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.optimize import minimize_scalar
from scipy.stats import binom, false_discovery_control, gamma, nbinom

from batch.trends.series import Floats
from infra.chance import CONFIDENCE

FALSE_DISCOVERIES: Final = 0.05
SHAPES: Final = (1e-2, 1e6)
"""Bounds of the gamma's shape; at the upper all places are alike."""


class Place(Struct, frozen=True):
    """A zone or an hour: its incidents, those to be expected from its share of the passages, the relative risk after
    shrinkage with its 95 % interval, the tail probability after Benjamini-Hochberg, and whether it is hot.
    """

    name: str
    incidents: int
    expected: float
    risk: float
    low: float
    high: float
    adjusted_p: float
    hot: bool


def hot_places(incidents: Mapping[str, int], exposure: Mapping[str, float]) -> list[Place]:
    """All places with any exposure, the riskiest first; none where nothing happened in them.

    Without exposure nothing can be expected of a place: what happened there is left out.
    """
    names = [name for name, passed in exposure.items() if passed > 0]
    counts = np.array([incidents.get(name, 0) for name in names], np.float64)
    total = float(counts.sum())
    if not total:
        return []
    share = np.array([exposure[name] for name in names], np.float64)
    share /= share.sum()
    expected = total * share
    shape = gamma_shape(counts, expected)
    low, high = (np.asarray(gamma.ppf(p, shape + counts, scale=1 / (shape + expected))) for p in _tails())
    adjusted = np.asarray(false_discovery_control(binom.sf(counts - 1, total, share)))
    places = [
        Place(name, int(n), e, r, lo, hi, p, hot=p <= FALSE_DISCOVERIES and lo > 1)
        for name, n, e, r, lo, hi, p in zip(
            names, counts, *(c.tolist() for c in (expected, shrunk(counts, expected, shape), low, high, adjusted)),
            strict=True,
        )
    ]  # fmt: skip
    return sorted(places, key=lambda place: -place.risk)


def gamma_shape(counts: Floats, expected: Floats) -> float:
    """Shape (= rate: mean 1) of the risks' gamma distribution, by the likelihood of the negative-binomial counts."""
    found = minimize_scalar(
        lambda log_shape: -marginal(counts, expected, float(np.exp(log_shape))),
        bounds=(float(np.log(SHAPES[0])), float(np.log(SHAPES[1]))),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(found.x))


def marginal(counts: Floats, expected: Floats, shape: float) -> float:
    """Log likelihood of counts whose means are `expected` times a gamma risk of mean 1."""
    return float(np.sum(nbinom.logpmf(counts, shape, shape / (shape + expected))))


def shrunk(counts: Floats, expected: Floats, shape: float) -> Floats:
    """Posterior means of the risks: between counts/expected and 1."""
    result: Floats = (shape + counts) / (shape + expected)
    return result


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
