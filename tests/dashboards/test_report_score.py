"""Points and intervals against numbers computed by hand."""

import pytest
from scipy.stats import beta, binomtest

from dashboards.report.facts import unassessed
from dashboards.report.indicators import load_tree
from dashboards.report.score import Assessment, at_least, at_most, change_shown, grade_of, ratio_to_target, total
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
        "funds_received": 3,
        "budget_execution": 7 * 0.9,
        "perimeter_cameras_online": 4,
        "counting_cameras_online": 4 * 6.5 / 7,
        "gates_in_use": 4,
        "online_rate": 6,
        "picture_rate": 4,
        "data_completeness": 4,
        "counting_accuracy": 4,
        "stream_batch_agreement": 2,
        "accounting_balance": 2,
        "alert_delay": 5,
        "timely_disposition": 5 * 25 / 40,
        "cost_control": 6,
        "theft_change": 6,  # 4 after 24: beyond chance
        "public_order_change": 2.5,  # 10 after 12: not shown
        "fire_lane_change": 0,  # 9 after 1: a rise beyond chance
        "false_alert_rate": 5 * (60 - 100 / 3) / 40,
        "availability": 6,
        "days_loaded": 4,
        "satisfaction": 5 * 27 / 30,
        "safety": 5,
    }
    assert points == pytest.approx(expected)
    score = facts().score
    assert (score.points, score.assessed, score.full) == pytest.approx((sum(expected.values()), 100, 100))
    assert score.grade == "良"


def test_what_is_missing_is_neither_given_nor_taken() -> None:
    without = facts(NO_LEDGERS)
    assert {i.id for i, _ in unassessed(without)} == {
        "funds_received",
        "budget_execution",
        "cost_control",
        "counting_accuracy",
        "theft_change",
        "public_order_change",
        "fire_lane_change",
        "satisfaction",
        "safety",
    }
    assert without.score.assessed == 100 - 16 - 4 - 15 - 10
    assert without.score.grade is None  # 55 of 100 points is below the 60 % asked for


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
