"""Tails of the negative binomial distribution, given by its mean and dispersion: variance = mean + dispersion x mean^2.

NB2 of A. C. Cameron and P. K. Trivedi, "Regression Analysis of Count Data" (2nd ed., 2013), ch. 3.3; tails by the
regularised incomplete beta function (NIST DLMF 8.17). Without dispersion it is the Poisson distribution.
"""

from typing import Final

from scipy.special import betainc, pdtr, pdtrc

POISSON_BELOW: Final = 1e-6


def at_least(count: int, mean: float, dispersion: float) -> float:
    """The probability of `count` or more."""
    if count <= 0:
        return 1.0
    if dispersion < POISSON_BELOW:
        return float(pdtrc(count - 1, mean))
    size = 1 / dispersion
    return float(betainc(count, size, mean / (size + mean)))


def at_most(count: int, mean: float, dispersion: float) -> float:
    """The probability of `count` or fewer."""
    if dispersion < POISSON_BELOW:
        return float(pdtr(count, mean))
    size = 1 / dispersion
    return float(betainc(size, count + 1, size / (size + mean)))
