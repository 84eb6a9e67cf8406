"""The exact interval of a rate ratio, beside scipy's own exact test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from infra.chance import rate_ratio

COUNTS = st.integers(0, 400)
EXPOSURES = st.floats(0.1, 1000)


@given(COUNTS, COUNTS, EXPOSURES, EXPOSURES, st.sampled_from([0.9, 0.95, 0.975]))
def test_the_interval_is_scipys_binomial_one_turned_round(
    count: int, before: int, exposure: float, exposure_before: float, confidence: float
) -> None:
    found = rate_ratio(count, exposure, before, exposure_before, confidence)
    scale = exposure_before / exposure
    if not count + before:
        assert (found.ratio, found.low, found.high) == (None, 0, None)
        return
    exact = binomtest(count, count + before).proportion_ci(confidence, method="exact")
    assert found.low == pytest.approx(exact.low / (1 - exact.low) * scale, rel=1e-6)
    if before:
        assert found.high == pytest.approx(exact.high / (1 - exact.high) * scale, rel=1e-6)
        assert found.ratio == pytest.approx(count / before * scale)
    else:
        assert (found.ratio, found.high) == (None, None)


@given(st.integers(1, 400), st.integers(1, 400), EXPOSURES, EXPOSURES)
def test_at_the_ends_the_tails_are_half_of_5_percent(
    count: int, before: int, exposure: float, exposure_before: float
) -> None:
    found = rate_ratio(count, exposure, before, exposure_before)
    assert found.high is not None
    low, high = (ratio * exposure / (ratio * exposure + exposure_before) for ratio in (found.low, found.high))
    trials = count + before
    assert binomtest(count, trials, low, "greater").pvalue == pytest.approx(0.025, abs=1e-6)
    assert binomtest(count, trials, high, "less").pvalue == pytest.approx(0.025, abs=1e-6)


def test_twice_the_dispersion_is_half_the_evidence() -> None:
    assert rate_ratio(20, 1, 40, 1).fallen
    halved = rate_ratio(20 / 2, 1, 40 / 2, 1)
    assert halved.ratio == pytest.approx(0.5)
    assert not halved.fallen
