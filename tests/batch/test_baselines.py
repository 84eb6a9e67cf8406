"""Baselines: the moments of the counts, what thin cells become, and that known parameters are found again."""

from datetime import date, timedelta

import numpy as np
import pytest

from batch.baselines import PRIOR_DAYS, baselines

MONDAY = date(2024, 5, 13)  # no public holiday in the four weeks from here


def test_known_parameters_are_found_again() -> None:
    random, weeks = np.random.default_rng(5), 400
    days = [date(2031, 1, 6) + timedelta(days=n) for n in range(7 * weeks)]  # beyond the calendar: plain weeks
    usual = np.where(np.arange(24) < 6, 2.0, 40.0)
    size = 1 / 0.2
    drawn = random.negative_binomial(size, size / (size + usual), (len(days), 24))
    counts = {("a", day, hour): int(drawn[n, hour]) for n, day in enumerate(days) for hour in range(24)}
    (found,) = baselines(counts, {"a": days}, "e")
    mean, dispersion = (np.array(values).reshape(7, 24) for values in (found.mean, found.dispersion))
    assert mean == pytest.approx(np.tile(usual, (7, 1)), rel=0.15)
    assert np.median(dispersion[:, 6:]) == pytest.approx(0.2, rel=0.1)


def test_a_cell_is_shrunk_towards_the_same_hour_of_days_of_its_kind() -> None:
    days = [MONDAY + timedelta(days=n) for n in range(14)]
    counts = {("a", day, 8): 20 if day.weekday() == 0 else 10 if day.weekday() < 5 else 2 for day in days}
    (found,) = baselines(counts, {"a": days}, "e")
    alike = (20 + 4 * 10) / 5
    assert found.mean[8] == pytest.approx((2 * 20 + PRIOR_DAYS * alike) / (2 + PRIOR_DAYS))
    assert found.mean[5 * 24 + 8] == pytest.approx(2)
    assert found.holiday_mean[8] == pytest.approx(2)
    assert max(found.dispersion) == 0  # the same every week: no more than Poisson
    assert (found.version, found.days) == ("2024-05-13..2024-05-26", 14)


def test_the_dispersion_is_shrunk_towards_the_lines() -> None:
    mondays, tuesdays = ([MONDAY + timedelta(days=day + 7 * week) for week in (0, 1)] for day in (0, 1))
    counts = {("a", mondays[0], 8): 10, ("a", mondays[1], 8): 30, ("a", tuesdays[0], 8): 20, ("a", tuesdays[1], 8): 20}
    (found,) = baselines(counts, {"a": [*mondays, *tuesdays]}, "e")
    pooled = ((200 - 20) + (0 - 20)) / (20**2 + 20**2)
    assert found.dispersion[8] == pytest.approx(((200 - 20) / 20**2 + PRIOR_DAYS * pooled) / (1 + PRIOR_DAYS))
    assert found.dispersion[24 + 8] == pytest.approx(((0 - 20) / 20**2 + PRIOR_DAYS * pooled) / (1 + PRIOR_DAYS))


def test_a_line_that_nobody_crosses_has_a_baseline_too() -> None:
    (found,) = baselines({}, {"a": [MONDAY]}, "e")
    assert set(found.dispersion) == {0.0}
    assert max(found.mean) < 1
