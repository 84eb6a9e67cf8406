"""Points and intervals against numbers computed by hand."""

from decimal import Decimal

import pytest
from scipy.stats import beta, binomtest

from dashboards.report.facts import unassessed
from dashboards.report.indicators import load_tree
from dashboards.report.score import (
    Assessment,
    at_least,
    at_most,
    change_shown,
    grade_of,
    hundredths,
    ratio_to_target,
    total,
)
from infra.chance import RateRatio, binomial_interval, rate_ratio
from tests.dashboards.report_facts import NO_LEDGERS, changed, facts


@pytest.mark.parametrize(("value", "share"), [(0, 0), (8, 0.5), (16, 1), (17, 1)])
def test_ratio_to_target(value: float, share: float) -> None:
    assert ratio_to_target(value, 16) == share


@pytest.mark.parametrize(("value", "share"), [(69, 0), (70, 0), (82.5, 0.5), (95, 1), (100, 1)])
def test_at_least(value: float, share: float) -> None:
    assert at_least(value, target=95, zero_at=70) == pytest.approx(share)


@pytest.mark.parametrize(("value", "share"), [(0, 1), (20, 1), (40, 0.5), (60, 0), (90, 0)])
def test_at_most(value: float, share: float) -> None:
    assert at_most(value, target=20, zero_at=60) == pytest.approx(share)


@pytest.mark.parametrize(
    ("points", "rounded"), [(0.125, 0.13), (1.005, 1.01), (2.675, 2.68), (2.6749, 2.67), (0.0, 0.0), (4.499999999, 4.5)]
)
def test_hundredths_are_rounded_as_spreadsheets_round(points: float, rounded: float) -> None:
    assert hundredths(points) == rounded


def test_change_shown() -> None:
    assert change_shown(RateRatio(0.5, 0.2, 0.9), not_shown=0.5, risen=0.1) == 1
    assert change_shown(RateRatio(0.5, 0.2, 1.1), not_shown=0.5, risen=0.1) == 0.5
    assert change_shown(RateRatio(2.0, 1.2, 3.0), not_shown=0.5, risen=0.1) == 0.1
    assert change_shown(RateRatio(None, 0.0, None), not_shown=0.5, risen=0.1) == 0.5


@pytest.mark.parametrize(("now", "before"), [(4, 24), (10, 12), (0, 7), (7, 0), (100, 90)])
def test_the_interval_is_the_exact_one(now: int, before: int) -> None:
    exact = binomtest(now, now + before).proportion_ci(0.95, method="exact")
    assert binomial_interval(now, now + before) == pytest.approx((exact.low, exact.high), abs=1e-12)
    found = rate_ratio(now, 31, before, 30)
    assert found.low == pytest.approx(exact.low / (1 - exact.low) * 30 / 31)
    assert found.ratio == (None if before == 0 else pytest.approx(now / 31 / (before / 30)))
    if found.high is not None:
        assert found.high == pytest.approx(exact.high / (1 - exact.high) * 30 / 31)
        upper = found.high * 31 / 30  # at the upper end, so few or fewer have a chance of 2.5 %
        assert beta.sf(upper / (1 + upper), now + 1, before) == pytest.approx(0.025)


def test_zero_now_has_the_closed_form() -> None:
    high = rate_ratio(0, 365, 7, 365).high
    p = 1 - 0.025 ** (1 / 7)
    assert high == pytest.approx(p / (1 - p))


def test_zero_in_both_years_says_nothing() -> None:
    found = rate_ratio(0, 365, 0, 365)
    assert (found.ratio, found.low, found.high) == (None, 0, None)
    assert not found.fallen
    assert not found.risen


def test_points_of_the_made_up_period_by_hand() -> None:
    points = {a.indicator_id: a.points for a in facts().assessments}
    expected = {
        "funds_received": "3",
        "budget_execution": "6.3",
        "perimeter_cameras_online": "3",
        "counting_cameras_online": "2.79",  # 3 x 6.5 / 7 = 2.7857
        "gates_in_use": "3",
        "border_coverage": "1.6",  # 2 x 20 / 25
        "online_rate": "5",
        "picture_rate": "3",
        "frame_rate": "0.4",  # 10 / 25
        "decode_rate": "1",
        "clock_rate": "1",
        "cameras_in_use": "0.7",  # 17.5 / 25
        "data_completeness": "2",
        "accepted_rate": "1.62",  # 2 x (97.2727 - 90) / 9 = 1.6162
        "counting_accuracy": "4",
        "occupancy_precision": "0.88",  # 35 / 40 = 0.875, halves up
        "stream_batch_agreement": "2",
        "accounting_balance": "2",
        "stored_rate": "2",
        "alert_delay": "3",
        "timely_disposition": "1.88",  # 3 x 25 / 40 = 1.875, halves up
        "answered_rate": "0.43",  # 15 / 35 = 0.4286
        "closed_rate": "0.43",
        "in_time_rate": "0.68",  # (98.0392 - 95) / 4.5 = 0.6754
        "cost_control": "2",
        "cost_per_resident": "0.8",  # (240 - 144) / 120
        "theft_change": "6",  # 4 after 24: beyond chance
        "public_order_change": "2.5",  # 10 after 12: not shown
        "fire_lane_change": "0",  # 9 after 1: a rise beyond chance
        "fire_lane_minutes": "2",
        "false_alert_rate": "2.67",  # 4 x 26.6667 / 40 = 2.6667
        "availability": "5",
        "gate_day_rate": "1.6",  # 2 x 20 / 25
        "days_loaded": "3",
        "satisfaction": "4.5",  # 5 x 27 / 30
        "safety": "5",
    }
    assert {name: Decimal(repr(found)) for name, found in points.items()} == {
        name: Decimal(by_hand) for name, by_hand in expected.items()
    }
    score = facts().score
    whole = sum(map(Decimal, expected.values()))
    assert (Decimal(repr(score.points)), score.assessed, score.full) == (whole, 100, 100)
    assert score.grade == "良"


def test_what_is_missing_is_neither_given_nor_taken() -> None:
    without = facts(NO_LEDGERS)
    assert {i.id for i, _ in unassessed(without)} == {
        "funds_received",
        "budget_execution",
        "cost_control",
        "cost_per_resident",
        "counting_accuracy",
        "theft_change",
        "public_order_change",
        "fire_lane_change",
        "satisfaction",
        "safety",
    }
    assert without.score.assessed == 100 - 10 - 3 - 4 - 14 - 10
    assert without.score.grade is None  # 59 of 100 points is below the 60 % asked for


def test_no_comparison_without_last_year() -> None:
    found = facts(changed("kpi_incidents", theft_previous=None, public_order_previous=None, fire_lane_previous=None))
    assert found.by_indicator["theft_change"].missing == "未提供上年同期数据，无法比较"


def test_few_days_give_no_grade() -> None:
    assert facts(changed("kpi_accounting", days_loaded=5)).score.grade is None


@pytest.mark.parametrize(
    ("percent", "grade"), [(100, "优"), (90, "优"), (89.9, "良"), (80, "良"), (60, "中"), (5, "差")]
)
def test_grades(percent: float, grade: str) -> None:
    assert grade_of(load_tree(), percent) == grade


def test_nothing_assessed() -> None:
    tree = load_tree()
    score = total(tree, [Assessment(i.id, 0, None, None, "missing") for i in tree.indicators()], 1.0)
    assert (score.percent, score.grade, score.assessed) == (None, None, 0)
