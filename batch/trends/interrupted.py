"""An interrupted time series: what changed at the hand-over, beside trend and season that went on. Pure.

A Poisson regression of counts with exposure as offset: log rate = trend + season (Fourier terms of the year) + level
change + slope change (Bernal, Cummins and Gasparrini 2017, Int. J. Epidemiol. 46: 348-355). Standard errors are
quasi-Poisson: widened by Pearson's chi-square over its degrees of freedom, never narrowed; quantiles are Student's t.
"""

import warnings
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np
import statsmodels.api as sm
from msgspec import Struct
from numpy.typing import NDArray
from scipy.stats import t as student
from statsmodels.tools.sm_exceptions import ModelWarning

from batch.trends.series import YEAR_DAYS, Buckets, Floats
from infra.chance import CONFIDENCE

HARMONICS: Final = 2
LEAST_BEFORE_YEARS: Final = 2.0  # in fewer, a season cannot be told from a trend
LEAST_AFTER_YEARS: Final = 0.5
EFFECT_YEARS: Final = 1.0
LEVEL, SLOPE = -2, -1
"""Where the model's two changes are among its coefficients."""


class Untold(StrEnum):
    """Why a look tells nothing."""

    NO_DATE = "no_date"
    TOO_SHORT_BEFORE = "too_short_before"
    TOO_SHORT_AFTER = "too_short_after"
    NONE_BEFORE = "none_before"
    NONE_AFTER = "none_after"
    NO_FIT = "no_fit"


class Ratio(Struct, frozen=True):
    """A rate ratio with its interval."""

    ratio: float
    low: float
    high: float


class Interruption(Struct, frozen=True):
    """What the model says of one date.

    `effect` is the mean ratio over the first year after (or what there is of it) to the trend before, carried on:
    what the rule for "fell" asks, with `deciding` as its interval. `level` is the jump at the date, `slope` the change
    of the yearly trend, `t` the effect's statistic. `fitted` and `carried_on` are incidents per bucket with and without
    the change, `autocorrelation` that of the residuals at one step.
    """

    at: date
    effect: Ratio
    deciding: Ratio
    level: Ratio
    slope: Ratio
    t: float
    dispersion: float
    autocorrelation: float
    starts: list[date]
    fitted: list[float]
    carried_on: list[float]


class Fit(Struct, frozen=True):
    """A Poisson regression: coefficients, covariance widened by `dispersion`, fitted counts, Pearson residuals."""

    coefficients: Floats
    covariance: Floats
    dispersion: float
    freedom: int
    fitted: Floats
    residuals: Floats


def fit_poisson(design: Floats, counts: Floats, exposure: Floats) -> Fit | None:
    """The maximum-likelihood fit (iteratively reweighted least squares); None where it does not converge."""
    freedom = len(counts) - design.shape[1]
    if freedom <= 0:
        return None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)  # what it warns of is asked below
        found = sm.GLM(counts, design, family=sm.families.Poisson(), offset=np.log(exposure)).fit(tol=1e-10)
        residuals = np.asarray(found.resid_pearson, np.float64)
    covariance = np.asarray(found.normalized_cov_params, np.float64)
    if not (found.converged and np.isfinite(covariance).all() and np.isfinite(residuals).all()):
        return None
    dispersion = max(1.0, float((residuals**2).sum()) / freedom)
    return Fit(
        coefficients=np.asarray(found.params, np.float64),
        covariance=covariance * dispersion,
        dispersion=dispersion,
        freedom=freedom,
        fitted=np.asarray(found.fittedvalues, np.float64),
        residuals=residuals,
    )


def background(buckets: Buckets) -> Floats:
    """The design without an interruption, (n, 2 + 2 HARMONICS): constant, trend in years, season."""
    years = buckets.years
    angles = 2 * np.pi * np.outer(years, np.arange(1, HARMONICS + 1))
    result: Floats = np.column_stack([np.ones(len(years)), years - years.mean(), np.sin(angles), np.cos(angles)])
    return result


def background_fit(buckets: Buckets) -> Fit | None:
    """Trend and season alone: what counts were to be expected, and how much more than Poisson's they vary."""
    return fit_poisson(background(buckets), buckets.counts, buckets.exposure) if buckets.counts.any() else None


def interrupted(buckets: Buckets, at: date, confidence: float) -> Interruption | Untold:
    """The model for one date; the bucket in which the date lies is left out unless it begins with it."""
    day = np.datetime64(at, "D")
    kept = buckets.where((buckets.ends <= day) | (buckets.starts >= day))
    since = kept.years - day.astype(np.int64) / YEAR_DAYS
    after = since > 0
    if reason := _untold(kept, after):
        return reason
    design = np.column_stack([background(kept), after, np.where(after, since, 0.0)])
    fit = fit_poisson(design, kept.counts, kept.exposure)
    if fit is None:
        return Untold.NO_FIT
    first_year = float(since[after & (since <= EFFECT_YEARS)].mean())
    effect, level, slope = (_contrast(design.shape[1], *weights) for weights in ((1, first_year), (1, 0), (0, 1)))
    return Interruption(
        at=at,
        effect=_ratio(fit, effect, CONFIDENCE),
        deciding=_ratio(fit, effect, confidence),
        level=_ratio(fit, level, CONFIDENCE),
        slope=_ratio(fit, slope, CONFIDENCE),
        t=float(effect @ fit.coefficients) / _error(fit, effect),
        dispersion=fit.dispersion,
        autocorrelation=_autocorrelation(fit.residuals),
        starts=kept.starts.tolist(),
        fitted=fit.fitted.tolist(),
        carried_on=_carried_on(design, fit, kept.exposure).tolist(),
    )


def placebo_dates(buckets: Buckets, at: date) -> list[date]:
    """Starts of buckets before `at` at which the same model can be asked of the time before `at` alone."""
    before = _before(buckets, at)
    if not len(before):
        return []
    first, last = before.starts[0], before.ends[-1]
    enough = (before.starts - first).astype(np.int64) >= LEAST_BEFORE_YEARS * YEAR_DAYS - 1
    enough &= (last - before.starts).astype(np.int64) >= LEAST_AFTER_YEARS * YEAR_DAYS - 2
    dates: list[date] = before.starts[enough].tolist()
    return dates


def placebos(buckets: Buckets, at: date, confidence: float) -> list[Interruption]:
    """The same model at dates before `at`, asked of the time before it alone: there nothing was handed over."""
    before = _before(buckets, at)
    looks = (interrupted(before, other, confidence) for other in placebo_dates(buckets, at))
    return [look for look in looks if isinstance(look, Interruption)]


def rank(real: Interruption, others: Sequence[Interruption]) -> int:
    """The place of the real date among the placebos by the strength of its fall: 1 is the strongest."""
    return 1 + sum(other.t <= real.t for other in others)


def _before(buckets: Buckets, at: date) -> Buckets:
    return buckets.where(buckets.ends <= np.datetime64(at, "D"))


def _untold(kept: Buckets, after: NDArray[np.bool_]) -> Untold | None:
    lengths = (kept.ends - kept.starts).astype(np.int64) / YEAR_DAYS
    slack = 2 / YEAR_DAYS  # half a year is 181 to 184 days
    if lengths[~after].sum() < LEAST_BEFORE_YEARS - slack:
        return Untold.TOO_SHORT_BEFORE
    if lengths[after].sum() < LEAST_AFTER_YEARS - slack:
        return Untold.TOO_SHORT_AFTER
    if not kept.counts[~after].any():
        return Untold.NONE_BEFORE
    return None if kept.counts[after].any() else Untold.NONE_AFTER


def _contrast(width: int, level: float, slope: float) -> Floats:
    weights = np.zeros(width)
    weights[[LEVEL, SLOPE]] = level, slope
    return weights


def _error(fit: Fit, contrast: Floats) -> float:
    return float(np.sqrt(contrast @ fit.covariance @ contrast))


def _ratio(fit: Fit, contrast: Floats, confidence: float) -> Ratio:
    middle = float(contrast @ fit.coefficients)
    margin = float(student.ppf((1 + confidence) / 2, fit.freedom)) * _error(fit, contrast)
    with np.errstate(over="ignore"):
        return Ratio(*(float(np.exp(x)) for x in (middle, middle - margin, middle + margin)))


def _autocorrelation(residuals: Floats) -> float:
    centred = residuals - residuals.mean()
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if total else 0.0


def _carried_on(design: Floats, fit: Fit, exposure: Floats) -> Floats:
    """The counts to be expected had trend and season gone on."""
    result: Floats = exposure * np.exp(design[:, :LEVEL] @ fit.coefficients[:LEVEL])
    return result
