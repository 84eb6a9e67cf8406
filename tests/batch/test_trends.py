"""Trends: each look beside an oracle computed another way, and the rule beside 1000 series without a change."""

from datetime import date, timedelta
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from batch.trends.changes import changes, cost, segmented
from batch.trends.hot import FALSE_DISCOVERIES, gamma_shape, hot_places, marginal, shrunk
from batch.trends.interrupted import (
    LEVEL,
    Interruption,
    Untold,
    background,
    background_fit,
    fit_poisson,
    interrupted,
    placebo_dates,
    placebos,
    rank,
)
from batch.trends.ratios import year_on_year
from batch.trends.series import Buckets, Daily, Floats, Step, bucketed
from batch.trends.study import DECIDING
from tests.batch.trends_power import DAYS, FIRST, HAND_OVER, World, said, share_fell, simulated

BEFORE = (HAND_OVER - FIRST).days


def quiet(days: int, each: float = 0.0) -> Daily:
    """Days of equal counts, with passages known for none of them."""
    return Daily(FIRST, np.full(days, each), np.full(days, np.nan))


def drawn(seed: int = 3, **world: float) -> Buckets:
    """A simulated series by month."""
    return bucketed(simulated(World(**{"a_year": 120, **world}), np.random.default_rng(seed)), "month")


# --- weeks and months


@given(
    st.dates(date(2019, 1, 1), date(2025, 1, 1)),
    st.integers(1, 900),
    st.sampled_from(["week", "month"]),
    st.integers(0, 2**32 - 1),
)
def test_buckets_are_the_whole_weeks_and_months(first: date, days: int, step: Step, seed: int) -> None:
    random = np.random.default_rng(seed)
    passages = np.where(random.random(days) < 0.95, random.integers(1, 9000, days), np.nan)
    daily = Daily(first, random.integers(0, 4, days).astype(float), passages)
    sums: dict[date, list[float]] = {}
    for number in range(days):
        day = first + timedelta(days=number)
        start = day.replace(day=1) if step == "month" else day - timedelta(days=day.weekday())
        counts = not daily.passages_known() or np.isfinite(passages[number])
        exposure = passages[number] / 10_000 if daily.passages_known() else 1.0
        told = sums.setdefault(start, [0, 0, 0])
        told[0] += 1
        told[1] += daily.counts[number] if counts else 0
        told[2] += exposure if counts else 0
    whole = {
        start: told
        for start, told in sums.items()
        if told[2] and told[0] == (7 if step == "week" else ((start + timedelta(days=31)).replace(day=1) - start).days)
    }
    found = bucketed(daily, step)
    assert found.starts.tolist() == sorted(whole)
    assert found.counts.tolist() == [whole[start][1] for start in sorted(whole)]
    assert found.exposure == pytest.approx(np.array([whole[start][2] for start in sorted(whole)]))


# --- year on year


def test_a_rate_is_per_passage_on_loaded_days_only() -> None:
    days = 730
    counts, passages = np.ones(days), np.full(days, 1000.0)
    passages[365:] = 2000
    passages[400:420] = np.nan
    found = year_on_year(Daily(date(2021, 1, 1), counts, passages), 1.0, DECIDING)
    assert found is not None
    assert (found.unit, found.count_before, found.count) == ("passages", 365, 345)
    assert found.rate_before == pytest.approx(10)
    assert found.exact.ratio == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("happened", "word", "at_hand_over"),
    [
        (slice(0, 0), "not shown", Untold.NONE_BEFORE),
        (slice(None, -365, 12), "fell", Untold.NONE_AFTER),
        (slice(-365, None, 4), "rose", Untold.NONE_BEFORE),
    ],
)
def test_zero_counts_are_said_plainly(happened: slice, word: str, at_hand_over: Untold) -> None:
    daily = quiet(DAYS)
    daily.counts[happened] = 1
    now, before = daily.counts[-365:].sum(), daily.counts[-730:-365].sum()
    look = said(daily)
    assert look.year_on_year is not None
    exact = look.year_on_year.exact
    assert (exact.low == 0, exact.high is None, exact.ratio is None) == (now == 0, before == 0, before == 0)
    assert look.year_on_year_word == word
    assert look.hand_over is at_hand_over


def test_one_burst_in_years_of_nothing_is_not_judged() -> None:
    daily = quiet(DAYS)
    daily.counts[-700:-670] = 1
    assert said(daily).year_on_year_word == "cannot tell"


def test_less_than_two_years_compare_with_nothing() -> None:
    assert year_on_year(quiet(729, 1.0), 1.0, DECIDING) is None
    assert said(quiet(729, 1.0)).year_on_year_word == "cannot tell"


# --- the interrupted series


def newton(design: Floats, counts: Floats, exposure: Floats) -> tuple[Floats, Floats, float]:
    """The Poisson regression by plain Newton steps: coefficients, covariance, Pearson dispersion."""
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(counts.sum() / exposure.sum())
    for _ in range(100):
        mean = exposure * np.exp(design @ beta)
        beta = beta + np.linalg.solve(design.T @ (design * mean[:, None]), design.T @ (counts - mean))
    mean = exposure * np.exp(design @ beta)
    chi_square = float(((counts - mean) ** 2 / mean).sum())
    dispersion = max(1.0, chi_square / (len(counts) - design.shape[1]))
    return beta, np.linalg.inv(design.T @ (design * mean[:, None])) * dispersion, dispersion


@pytest.mark.parametrize(("overdispersion", "a_year"), [(0.0, 25), (0.2, 120), (0.0, 1200)])
def test_the_regression_is_what_newton_finds(overdispersion: float, a_year: float) -> None:
    buckets = drawn(overdispersion=overdispersion, a_year=a_year)
    fit = fit_poisson(background(buckets), buckets.counts, buckets.exposure)
    assert fit is not None
    beta, covariance, dispersion = newton(background(buckets), buckets.counts, buckets.exposure)
    assert fit.coefficients == pytest.approx(beta, abs=1e-6)
    assert fit.covariance == pytest.approx(covariance, rel=1e-6, abs=1e-9)
    assert fit.dispersion == pytest.approx(dispersion, rel=1e-6)


@pytest.mark.parametrize("step", ["week", "month"])
def test_a_change_without_noise_is_found_as_it_is(step: Step) -> None:
    buckets = bucketed(quiet(BEFORE + 400, 1.0), step)
    day = np.datetime64(HAND_OVER)
    since = buckets.years - day.astype(np.int64) / 365.25
    season = 0.3 * np.sin(2 * np.pi * buckets.years) + 0.1 * buckets.years
    change = np.where(buckets.starts >= day, np.log(0.7) + np.log(0.9) * since, 0)
    found = interrupted(
        Buckets(buckets.starts, buckets.ends, np.exp(season + change) * 50, np.ones(len(buckets)), "days"),
        HAND_OVER,
        DECIDING,
    )
    assert isinstance(found, Interruption)
    assert found.level.ratio == pytest.approx(0.7, rel=1e-6)
    assert found.slope.ratio == pytest.approx(0.9, rel=1e-6)
    first_year = since[(buckets.starts >= day) & (since <= 1)].mean()
    assert found.effect.ratio == pytest.approx(0.7 * 0.9**first_year, rel=1e-6)
    assert found.deciding.low < found.effect.low < found.effect.ratio < found.effect.high < found.deciding.high
    assert HAND_OVER.replace(day=1) not in found.starts or step == "week"
    after = np.array(found.starts) >= HAND_OVER
    gained = np.log(np.array(found.fitted) / np.array(found.carried_on))
    assert gained[~after] == pytest.approx(0, abs=1e-9)
    assert (gained[after] < np.log(0.71)).all()


def test_the_interval_is_students_with_the_widened_error() -> None:
    """By hand from Newton's covariance, for the level."""
    from scipy.stats import t

    buckets = drawn(overdispersion=0.1)
    kept = buckets.where((buckets.ends <= np.datetime64(HAND_OVER)) | (buckets.starts >= np.datetime64(HAND_OVER)))
    since = kept.years - np.datetime64(HAND_OVER).astype(np.int64) / 365.25
    design = np.column_stack([background(kept), since > 0, np.maximum(since, 0)])
    beta, covariance, dispersion = newton(design, kept.counts, kept.exposure)
    margin = t.ppf(0.975, len(kept) - design.shape[1]) * np.sqrt(covariance[LEVEL, LEVEL])
    found = interrupted(buckets, HAND_OVER, DECIDING)
    assert isinstance(found, Interruption)
    assert found.dispersion == pytest.approx(dispersion, rel=1e-6)
    assert (found.level.low, found.level.high) == pytest.approx(
        (np.exp(beta[LEVEL] - margin), np.exp(beta[LEVEL] + margin)), rel=1e-6
    )


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (HAND_OVER - timedelta(days=700), HAND_OVER + timedelta(days=400), Untold.TOO_SHORT_BEFORE),
        (FIRST, HAND_OVER + timedelta(days=170), Untold.TOO_SHORT_AFTER),
    ],
)
def test_too_little_time_tells_nothing(first: date, last: date, reason: Untold) -> None:
    days = (last - first).days + 1
    buckets = bucketed(Daily(first, np.ones(days), np.full(days, np.nan)), "month")
    assert interrupted(buckets, HAND_OVER, DECIDING) is reason


def test_placebos_know_nothing_of_what_came_after() -> None:
    buckets = drawn(fall=0.6)
    dates = placebo_dates(buckets, HAND_OVER)
    assert dates[0] == date(2022, 1, 1)
    assert dates[-1] == date(2023, 6, 1)
    tried = placebos(buckets, HAND_OVER, DECIDING)
    assert [look.at for look in tried] == dates
    spoiled = buckets.counts + 1000 * (buckets.ends > np.datetime64(HAND_OVER))
    other = Buckets(buckets.starts, buckets.ends, spoiled, buckets.exposure, buckets.unit)
    assert placebos(other, HAND_OVER, DECIDING) == tried
    real = interrupted(buckets, HAND_OVER, DECIDING)
    assert isinstance(real, Interruption)
    assert rank(real, tried) == 1
    assert rank(tried[0], [look for look in tried if look.t < tried[0].t]) > 1 or tried[0].t == min(
        look.t for look in tried
    )


# --- change points


@given(st.lists(st.integers(0, 30), min_size=4, max_size=11), st.integers(1, 3))
@settings(max_examples=60)
def test_no_cut_is_better_than_the_one_found(numbers: list[int], least: int) -> None:
    counts, expected = np.array(numbers, float), np.linspace(1, 2, len(numbers))

    def total(cuts: tuple[int, ...]) -> float:
        edges = [0, *cuts, len(numbers)]
        parts = [slice(a, b) for a, b in pairwise(edges)]
        sums = np.array([[counts[p].sum(), expected[p].sum()] for p in parts])
        return float(cost(sums[:, 0], sums[:, 1]).sum() + 3 * np.log(len(numbers)) * len(cuts))

    every = [
        cuts
        for number in range(len(numbers) // least)
        for cuts in combinations(range(1, len(numbers)), number)
        if min(np.diff([0, *cuts, len(numbers)])) >= least
    ]
    found = segmented(counts, expected, least=least)
    assert tuple(found) in every
    assert total(tuple(found)) == pytest.approx(min(map(total, every)))


def test_a_break_is_found_where_it_is_and_seldom_where_none_is() -> None:
    buckets = drawn(fall=0.5, a_year=400)
    fit = background_fit(buckets)
    assert fit is not None
    (found,) = changes(buckets, fit)
    assert abs((found.at - HAND_OVER).days) <= 62
    assert found.ratio == pytest.approx(0.5, abs=0.1)
    random = np.random.default_rng(5)
    false = sum(bool(segmented(random.poisson(8.0, 72).astype(float), np.full(72, 8.0))) for _ in range(400))
    assert false <= 0.05 * 400


# --- hot places


def test_shrinkage_is_the_likeliest_and_draws_towards_one() -> None:
    random = np.random.default_rng(2)
    expected = random.uniform(0.2, 30, 60)
    counts = random.poisson(expected * random.gamma(4, 1 / 4, 60)).astype(float)
    shape = gamma_shape(counts, expected)
    grid = np.exp(np.linspace(np.log(0.05), np.log(500), 4000))
    best = grid[np.argmax([marginal(counts, expected, float(each)) for each in grid])]
    assert shape == pytest.approx(best, rel=0.01)
    assert 2 < shape < 9
    raw, risk = counts / expected, shrunk(counts, expected, shape)
    assert (np.abs(risk - 1) <= np.abs(raw - 1) + 1e-12).all()
    assert ((risk - 1) * (raw - 1) >= 0).all()


def test_two_in_a_corner_do_not_make_it_hot() -> None:
    zones = {f"z{number:02}": 1000 for number in range(40)} | {"corner": 10, "plaza": 1000, "unknown": 0}
    incidents = {zone: 10 for zone in zones if zone.startswith("z")} | {"corner": 2, "plaza": 40, "unknown": 9}
    found = {place.name: place for place in hot_places(incidents, zones)}
    assert "unknown" not in found
    assert [name for name, place in found.items() if place.hot] == ["plaza"]
    assert found["corner"].risk < 2 / found["corner"].expected / 2
    assert found["plaza"].low > 1
    assert hot_places({}, zones) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 50)), min_size=1, max_size=12))
def test_the_tail_is_the_exact_test_adjusted_by_hand(cells: list[tuple[int, int]]) -> None:
    incidents = {str(number): count for number, (count, _) in enumerate(cells)}
    exposure = {str(number): passed for number, (_, passed) in enumerate(cells)}
    total, all_passed = sum(incidents.values()), sum(exposure.values())
    tails = {
        name: binomtest(incidents[name], total, passed / all_passed, "greater").pvalue if total else 1.0
        for name, passed in exposure.items()
    }
    ranked = sorted(tails.values())
    for place in hot_places(incidents, exposure):
        better = [p * len(ranked) / (rank + 1) for rank, p in enumerate(ranked) if p >= tails[place.name]]
        assert place.adjusted_p == pytest.approx(min(1.0, *better), rel=1e-6)


def test_what_shrinkage_takes_back_is_not_hot() -> None:
    """Beyond chance by itself, but all else is so alike that the risk after shrinkage may be 1."""
    exposure = {f"{hour:02}": 1000 for hour in range(1, 24)} | {"00": 80}
    found = {place.name: place for place in hot_places(dict.fromkeys(exposure, 3) | {"00": 4}, exposure)}
    assert found["00"].adjusted_p < FALSE_DISCOVERIES
    assert found["00"].low < 1
    assert not found["00"].hot


def test_where_all_places_are_alike_none_is_hot() -> None:
    random = np.random.default_rng(9)
    exposure = {f"{hour:02}": float(passed) for hour, passed in enumerate(random.integers(100, 9000, 24))}
    share = np.array(list(exposure.values())) / sum(exposure.values())
    runs = 400
    said_hot = sum(
        any(
            place.hot
            for place in hot_places(dict(zip(exposure, random.multinomial(150, share), strict=True)), exposure)
        )
        for _ in range(runs)
    )
    assert said_hot <= FALSE_DISCOVERIES * runs


# --- the rule


@pytest.mark.parametrize("seed", [11])
def test_on_1000_series_without_a_change_fell_is_seldom_said(seed: int) -> None:
    worlds = [World(a_year, overdispersion) for a_year in (25, 150) for overdispersion in (0.0, 0.1)]
    wrong = [share_fell(world, 250, seed + number)[0] for number, world in enumerate(worlds)]
    assert np.mean(wrong) <= 0.05
    assert max(wrong) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 250)


def test_a_fall_that_was_under_way_is_not_laid_to_the_hand_over() -> None:
    assert share_fell(World(150, 0.0, trend=0.8), 150, seed=4)[2] <= 0.05


def test_a_fall_by_30_percent_is_found_as_often_as_the_docs_say() -> None:
    assert share_fell(World(400, 0.0, fall=0.3), 40, seed=2)[0] >= 0.9
    assert 0.5 <= share_fell(World(100, 0.0, fall=0.3), 100, seed=2)[0] <= 0.85
