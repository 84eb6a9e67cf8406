"""The occupancy filter against closed formulas, an independent matrix form, and Monte Carlo of its own model."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.estimate import (
    BLIND_FLOW,
    COUNT_VARIANCE,
    HOUSEHOLD,
    NIGHT_AWAY,
    SETTLED_MINUTES,
    UNKNOWN_VARIANCE,
    Z_95,
    Counted,
    Estimate,
    MinuteEvidence,
    Model,
    step,
)

PLAIN = Model(miss_rate=0.05, bias=0.0, visible_fraction=0.0, capacity=100)
QUIET = MinuteEvidence(ins=0, outs=0)


def _estimate(mean: float, variance: float, *, minutes: int = 0) -> Estimate:
    rest = Estimate().covariance
    return Estimate((mean, 0.0, 0.0), ((variance, 0.0, 0.0), *rest[1:]), round(mean), minutes)


def test_without_misses_it_is_the_running_sum_and_sure_of_it() -> None:
    estimate = Estimate()
    for ins, outs in [(3, 0), (2, 1), (0, 4)]:
        estimate = step(estimate, MinuteEvidence(ins, outs), replace(PLAIN, miss_rate=0.0))
    assert (estimate.mean, estimate.variance, estimate.balance, estimate.minutes) == (0.0, 0.0, 0, 3)


def test_missed_crossings_follow_the_negative_binomial() -> None:
    after = step(Estimate(), MinuteEvidence(90, 0), replace(PLAIN, miss_rate=0.1))
    assert after.mean == pytest.approx(100)
    assert after.variance == pytest.approx(90 * 0.1 / 0.81)


def test_a_visible_count_weighs_by_its_variance() -> None:
    after = step(_estimate(10, 4.0), replace(QUIET, visible=8), replace(PLAIN, visible_fraction=0.8))
    noise = 10 * 0.2 / 0.8 + COUNT_VARIANCE
    assert after.mean == pytest.approx((10 / 4 + 10 / noise) / (1 / 4 + 1 / noise))
    assert after.variance == pytest.approx(1 / (1 / 4 + 1 / noise))


def test_a_headcount_pulls_by_the_kalman_gain() -> None:
    after = step(_estimate(500, 300.0), replace(QUIET, counted=(Counted(520, 10.0),)), PLAIN)
    gain = 300 / (300 + 100 + COUNT_VARIANCE)
    assert after.mean == pytest.approx(500 + gain * 20)
    assert after.variance == pytest.approx((1 - gain) * 300)
    assert after.balance == 500


def test_a_headcount_that_contradicts_the_estimate_is_believed() -> None:
    """A stream that began with people inside: 0, and sure of it."""
    after = step(Estimate(), replace(QUIET, counted=(Counted(1000, 20.0),)), PLAIN)
    assert after.mean == pytest.approx(1000, rel=0.001)
    assert math.sqrt(after.variance) == pytest.approx(20, rel=0.01)


def test_without_evidence_the_variance_of_seen_crossings_stays_and_of_blind_minutes_grows() -> None:
    estimate = _estimate(50, 9.0)
    assert step(estimate, QUIET, PLAIN).variance == 9.0
    for minutes in range(1, 11):
        estimate = step(estimate, replace(QUIET, blind_share=0.5), PLAIN)
        assert estimate.variance == pytest.approx(9.0 + minutes * (BLIND_FLOW * 100 * 0.5) ** 2)
    skipped = step(_estimate(50, 9.0), replace(QUIET, skipped_minutes=10), PLAIN)
    assert skipped.variance == pytest.approx(9.0 + 10 * (BLIND_FLOW * 100) ** 2)
    assert skipped.minutes == 11


def test_blindness_for_days_means_anything_up_to_the_capacity_and_a_headcount_ends_it() -> None:
    blind = step(_estimate(50, 9.0), replace(QUIET, skipped_minutes=3 * 1440), PLAIN)
    assert (blind.low, blind.high >= 100) == (0.0, True)
    assert math.sqrt(blind.variance) == 50
    counted = step(blind, replace(QUIET, counted=(Counted(20, 2.0),)), PLAIN)
    assert counted.low < 20 < counted.high < 25


def test_known_empty_hours_end_the_drift() -> None:
    after = step(_estimate(40, 30.0), replace(QUIET, known_empty=True), PLAIN)
    assert after.mean < 0.5
    assert after.balance == 40


def test_the_bias_is_learnt_from_headcounts() -> None:
    """Ins are missed twice as often as outs: each crossing loses 2.5 % of a person until the filter knows."""
    model, estimate = replace(PLAIN, miss_rate=0.0, bias=0.01), Estimate()
    for _ in range(10):
        estimate = step(estimate, MinuteEvidence(ins=950, outs=1000), model)
        estimate = step(estimate, replace(QUIET, counted=(Counted(1000, 5.0),)), model)
    assert estimate.state[2] * model.bias == pytest.approx(50 / 1950, rel=0.05)
    assert step(estimate, MinuteEvidence(ins=950, outs=1000), model).mean == pytest.approx(1000, abs=10)


def _night(estimate: Estimate, drift: float) -> Estimate:
    persons, level, bias = estimate.state
    (nn, *rest), second, third = estimate.covariance
    assert len(rest) == 2
    moved = Estimate((persons + drift, level, bias), ((nn + drift**2, rest[0], rest[1]), second, third), minutes=2000)
    return step(moved, replace(QUIET, ordinary_night=True), PLAIN)


def test_a_night_pulls_towards_the_level_of_other_nights() -> None:
    first = step(_estimate(500, 4.0, minutes=2000), replace(QUIET, ordinary_night=True), PLAIN)
    assert first.mean == pytest.approx(500, abs=0.01)
    assert first.state[1] == pytest.approx(500, abs=0.2)
    assert first.covariance[1][1] == pytest.approx(4.0 + NIGHT_AWAY * HOUSEHOLD * 500, rel=0.01)
    second = _night(first, drift=30)
    assert 500 < second.mean < 512
    assert second.variance < 4.0 + 30**2


def test_the_first_day_teaches_no_level() -> None:
    young = step(_estimate(500, 4.0, minutes=SETTLED_MINUTES - 2), replace(QUIET, ordinary_night=True), PLAIN)
    assert young.covariance[1][1] == UNKNOWN_VARIANCE


def test_a_zone_that_is_nearly_empty_at_night_has_no_level() -> None:
    empty = step(_estimate(19, 4.0, minutes=2000), replace(QUIET, ordinary_night=True), PLAIN)
    assert (empty.mean, empty.covariance[1][1]) == (19, UNKNOWN_VARIANCE)


def test_a_night_unlike_all_others_begins_a_new_level() -> None:
    """The Spring Festival: half of the residents are away, and the crossings told it."""
    usual = step(_estimate(500, 4.0, minutes=2000), replace(QUIET, ordinary_night=True), PLAIN)
    (_, *rest), second, third = usual.covariance
    gone = Estimate((250.0, *usual.state[1:]), ((100.0, rest[0], rest[1]), second, third), minutes=3440)
    after = step(gone, replace(QUIET, ordinary_night=True), PLAIN)
    assert after.mean == pytest.approx(250, abs=0.1)
    assert after.state[1] == pytest.approx(250, abs=1)


minutes_of_evidence = st.lists(
    st.builds(
        MinuteEvidence,
        ins=st.integers(0, 20),
        outs=st.integers(0, 20),
        visible=st.none() | st.integers(0, 30),
        known_empty=st.booleans(),
        ordinary_night=st.booleans(),
        counted=st.lists(st.builds(Counted, st.integers(0, 200), st.floats(0, 50)), max_size=2).map(tuple),
        blind_share=st.floats(0, 1),
        skipped_minutes=st.integers(0, 2000),
    ),
    max_size=40,
)


@given(minutes_of_evidence)
def test_never_below_zero_and_the_covariance_stays_one(minutes: list[MinuteEvidence]) -> None:
    estimate, model = Estimate(), Model(0.05, 0.005, 0.9, 300)
    for seen in minutes:
        estimate = step(estimate, seen, model)
        assert 0 <= estimate.low <= estimate.mean <= estimate.high
        assert estimate.high - estimate.mean == pytest.approx(Z_95 * math.sqrt(estimate.variance))
        matrix = np.array(estimate.covariance)
        assert np.allclose(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-6 * np.trace(matrix)


def test_it_is_the_posterior_of_the_whole_history_at_once() -> None:
    """Against one least-squares solution over all minutes: Gaussian conditioning of every step and observation."""
    model, rng = Model(0.05, 0.01, 0.0, 100), np.random.default_rng(3)
    ins, outs = rng.integers(5, 40, (2, 30))
    counts = {9: Counted(120, 6.0), 19: Counted(90, 4.0), 29: Counted(150, 8.0)}
    estimate = _estimate(200, 25.0)
    for minute in range(30):
        counted = (counts[minute],) if minute in counts else ()
        estimate = step(estimate, MinuteEvidence(int(ins[minute]), int(outs[minute]), counted=counted), model)
    # unknowns: the start, the bias, and each minute's missed crossings
    prior = np.diag([25.0, 0.01**2, *((ins + outs) * 0.05 / 0.95**2)])
    sums = np.tril(np.ones((30, 30)))
    rows = np.column_stack([np.ones(30), np.cumsum(ins + outs), sums])
    expected = 200 + np.cumsum(ins - outs) / 0.95
    seen = rows[list(counts)]
    noise = np.diag([one.error_persons**2 + COUNT_VARIANCE for one in counts.values()])
    gain = prior @ seen.T @ np.linalg.inv(seen @ prior @ seen.T + noise)
    off = np.array([one.persons for one in counts.values()]) - expected[list(counts)]
    assert estimate.mean == pytest.approx(expected[-1] + rows[-1] @ gain @ off)
    assert estimate.variance == pytest.approx(rows[-1] @ (prior - gain @ seen @ prior) @ rows[-1])


def test_the_interval_holds_the_truth_in_95_percent_of_its_own_model() -> None:
    """Two weeks of a house: true flows are unknown, a seen share of 95 %, a bias drawn from its prior, daily counts."""
    rng, model = np.random.default_rng(11), replace(PLAIN, bias=0.01)
    held = []
    for _ in range(120):
        lean, truth, estimate = rng.normal(0, model.bias), 500, _estimate(500, 0.0)
        for hour in range(14 * 24):
            ins, outs = (int(n) for n in rng.poisson(25, 2))
            missed = [int(rng.negative_binomial(max(n, 1), 0.95)) if n else 0 for n in (ins, outs)]
            truth += ins + missed[0] - outs - missed[1] + round((ins + outs) * lean + rng.uniform(-0.5, 0.5))
            counted = (Counted(round(rng.normal(truth, 10)), 10.0),) if hour % 24 == 22 else ()
            estimate = step(estimate, MinuteEvidence(ins, outs, counted=counted), model)
            held.append(estimate.low <= truth <= estimate.high)
    assert 0.93 <= np.mean(held) <= 0.97


def test_it_beats_the_running_sum_where_crossings_are_missed_and_people_are_seen() -> None:
    rng, model = np.random.default_rng(7), Model(0.05, 0.005, 0.9, 100)
    truth, estimate = 0, Estimate()
    error, error_of_sum = [], []
    for _ in range(1440):
        ins = int(rng.poisson(3))
        outs = int(min(truth, rng.poisson(3.1)))
        truth += ins - outs
        seen = [int(rng.binomial(n, 0.95)) for n in (ins, outs)]
        estimate = step(estimate, MinuteEvidence(seen[0], seen[1], int(rng.binomial(truth, 0.9))), model)
        error.append(abs(estimate.mean - truth))
        error_of_sum.append(abs(estimate.balance - truth))
    assert np.mean(error) < np.mean(error_of_sum) / 2
