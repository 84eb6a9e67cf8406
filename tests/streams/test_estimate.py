"""The occupancy filter against closed formulas and a plain simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.estimate import Z_95, Estimate, MinuteEvidence, step


def _minute(
    ins: int = 0, outs: int = 0, visible: int | None = None, empty: bool = False, blind: int = 0
) -> MinuteEvidence:
    return MinuteEvidence(ins=ins, outs=outs, visible=visible, known_empty=empty, blind_cameras=blind)


def test_without_misses_it_is_the_running_sum_and_sure_of_it() -> None:
    estimate = Estimate()
    for ins, outs in [(3, 0), (2, 1), (0, 4)]:
        estimate = step(estimate, _minute(ins, outs), miss_rate=0.0, visible_fraction=0.0)
    assert (estimate.mean, estimate.variance, estimate.balance) == (0.0, 0.0, 0)


def test_missed_crossings_follow_the_negative_binomial() -> None:
    after = step(Estimate(), _minute(ins=90), miss_rate=0.1, visible_fraction=0.0)
    assert after.mean == pytest.approx(100)
    assert after.variance == pytest.approx(90 * 0.1 / 0.81)


def test_a_visible_count_weighs_by_its_variance() -> None:
    before = Estimate(mean=10, variance=4.0, balance=10)
    after = step(before, _minute(visible=8), miss_rate=0.05, visible_fraction=0.8)
    noise = 10 * 0.2 / 0.8 + 0.25
    assert after.mean == pytest.approx((10 / 4 + 10 / noise) / (1 / 4 + 1 / noise))
    assert after.variance == pytest.approx(1 / (1 / 4 + 1 / noise))


def test_known_empty_hours_end_the_drift() -> None:
    drifted = Estimate(mean=40, variance=30.0, balance=40)
    after = step(drifted, _minute(empty=True), miss_rate=0.05, visible_fraction=0.0)
    assert after.mean < 0.5
    assert after.balance == 40


def test_blind_cameras_widen_the_interval() -> None:
    after = step(Estimate(5, 1.0, 5), _minute(blind=2), miss_rate=0.05, visible_fraction=0.0)
    assert after.mean == 5
    assert after.variance == 9.0


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.none() | st.integers(0, 30)), max_size=50))
def test_never_below_zero_and_the_interval_holds_the_mean(minutes: list[tuple[int, int, int | None]]) -> None:
    estimate = Estimate()
    for ins, outs, visible in minutes:
        estimate = step(estimate, _minute(ins, outs, visible), miss_rate=0.05, visible_fraction=0.9)
        assert 0 <= estimate.low <= estimate.mean <= estimate.high
        assert estimate.high - estimate.mean == pytest.approx(Z_95 * math.sqrt(estimate.variance))


def test_it_beats_the_running_sum_where_crossings_are_missed_and_people_are_seen() -> None:
    rng = np.random.default_rng(7)
    truth, estimate = 0, Estimate()
    error, error_of_sum = [], []
    for _ in range(1440):
        ins = int(rng.poisson(3))
        outs = int(min(truth, rng.poisson(3.1)))
        truth += ins - outs
        seen = _minute(int(rng.binomial(ins, 0.95)), int(rng.binomial(outs, 0.95)), int(rng.binomial(truth, 0.9)))
        estimate = step(estimate, seen, miss_rate=0.05, visible_fraction=0.9)
        error.append(abs(estimate.mean - truth))
        error_of_sum.append(abs(estimate.balance - truth))
    assert np.mean(error) < np.mean(error_of_sum) / 2
