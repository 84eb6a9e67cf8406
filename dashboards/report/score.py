"""Points from values: pure functions, each rule computed by hand in the tests.

An indicator without a value is not assessed: its weight counts neither for nor against. The score is the points won
as a share of the points that could be assessed. Points are given in hundredths, so that what the tables print adds up.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from msgspec import Struct

from dashboards.report.evidence import Row
from dashboards.report.indicators import AtLeast, AtMost, ChangeShown, Indicator, RatioToTarget, Tree
from infra.chance import RateRatio, rate_ratio

NO_COMPARISON = "未提供上年同期数据，无法比较"
NOT_REGISTERED = "站点文件未登记此类设备"
HUNDREDTH: Final = Decimal("0.01")


class Exposure(Struct, frozen=True):
    """Days of the period and of the same period a year before."""

    days: int
    days_before: int


class Assessment(Struct, frozen=True):
    """One indicator's value and points. `points` is None where `missing` says why it is not assessed.

    `low`, `high` are the 95 % interval of the value where it has one (None: without bound).
    """

    indicator_id: str
    target: float
    value: float | None
    points: float | None
    missing: str = ""
    interval: bool = False
    low: float | None = None
    high: float | None = None


class Score(Struct, frozen=True):
    """Points won of the points assessed; `percent` of 100; `grade` is None where coverage does not allow one."""

    points: float
    assessed: float
    full: float
    indicators: int
    indicators_assessed: int
    percent: float | None
    grade: str | None


def ratio_to_target(value: float, target: float) -> float:
    """Share of the points in proportion to value/target, within 0 and 1."""
    return _within(value / target)


def at_least(value: float, target: float, zero_at: float) -> float:
    """1 from `target` up, 0 at `zero_at` or below, linear between."""
    return _within((value - zero_at) / (target - zero_at))


def at_most(value: float, target: float, zero_at: float) -> float:
    """1 up to `target`, 0 at `zero_at` or above, linear between."""
    return _within((zero_at - value) / (zero_at - target))


def change_shown(change: RateRatio, not_shown: float, risen: float) -> float:
    """1 for a fall beyond chance, `risen` for a rise beyond chance, else `not_shown`."""
    if change.fallen:
        return 1.0
    return risen if change.risen else not_shown


def hundredths(points: float) -> float:
    """Rounded to 0.01, halves up, from 15 significant digits: as spreadsheets round."""
    return float(Decimal(f"{points:.15g}").quantize(HUNDREDTH, ROUND_HALF_UP))


def _within(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def assess(
    indicator: Indicator, row: Row, counts: Mapping[str, int], exposure: Exposure, least_coverage: float = 0.0
) -> Assessment:
    """The indicator's value and points from its query's row; `counts` are the site file's numbers of devices.

    No points are given where the data cover less than the share `least_coverage` of the period.
    """
    target = float(counts[indicator.target] if isinstance(indicator.target, str) else indicator.target)
    value = row.get(indicator.column)
    if isinstance(indicator.target, str) and target == 0:
        return Assessment(indicator.id, target, None, None, NOT_REGISTERED)
    if not isinstance(value, int | float):
        return Assessment(indicator.id, target, None, None, indicator.missing)
    covered = row.get(indicator.coverage) if indicator.coverage else None
    if isinstance(covered, int | float) and covered < 100 * least_coverage:
        return Assessment(indicator.id, target, None, None, too_little(covered, least_coverage))
    if isinstance(indicator.rule, ChangeShown):
        return _assess_change(indicator, indicator.rule, row, exposure)
    return _with_margin(indicator, row, target, float(value))


def too_little(covered: float, least: float) -> str:
    """Why an indicator whose data cover `covered` % of the period is not scored."""
    return f"数据仅覆盖评价期的{covered:.1f}%，低于{100 * least:.0f}%"


def _with_margin(indicator: Indicator, row: Row, target: float, value: float) -> Assessment:
    """An assessment whose interval, where the query gives `<column>_margin`, is value ± margin."""
    points = hundredths(indicator.weight * _share(indicator, value, target))
    margin = row.get(f"{indicator.column}_margin")
    if not isinstance(margin, int | float):
        return Assessment(indicator.id, target, value, points)
    return Assessment(indicator.id, target, value, points, "", True, value - margin, value + margin)


def _share(indicator: Indicator, value: float, target: float) -> float:
    match indicator.rule:
        case RatioToTarget():
            return ratio_to_target(value, target)
        case AtLeast(zero_at=zero_at):
            return at_least(value, target, zero_at)
        case AtMost(zero_at=zero_at):
            return at_most(value, target, zero_at)
        case ChangeShown():
            raise AssertionError("a change is assessed from two counts")


def _assess_change(indicator: Indicator, rule: ChangeShown, row: Row, exposure: Exposure) -> Assessment:
    now, before = row.get(rule.current), row.get(rule.previous)
    if not isinstance(now, int) or not isinstance(before, int):
        return Assessment(indicator.id, 0.0, None, None, NO_COMPARISON)
    change = rate_ratio(now, exposure.days, before, exposure.days_before)
    points = hundredths(indicator.weight * change_shown(change, rule.not_shown, rule.risen))
    low, high = _percent(change.low), _percent(change.high)
    return Assessment(indicator.id, 0.0, _percent(change.ratio), points, "", True, low, high)


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * (ratio - 1)


def total(tree: Tree, assessments: Sequence[Assessment], days_share: float) -> Score:
    """The score and, where enough of the points and of the days could be assessed, its grade."""
    weights = {indicator.id: indicator.weight for indicator in tree.indicators()}
    assessed = [a for a in assessments if a.points is not None]
    points = hundredths(sum(a.points or 0.0 for a in assessed))
    possible, full = sum(weights[a.indicator_id] for a in assessed), sum(weights.values())
    percent = hundredths(100 * points / possible) if possible else None
    enough = possible >= tree.points_needed * full and days_share >= tree.days_needed
    return Score(
        points=points,
        assessed=possible,
        full=full,
        indicators=len(assessments),
        indicators_assessed=len(assessed),
        percent=percent,
        grade=grade_of(tree, percent) if enough and percent is not None else None,
    )


def grade_of(tree: Tree, percent: float) -> str:
    """The first grade that `percent` reaches; the last where it reaches none."""
    return next((grade.name for grade in tree.grades if percent >= grade.from_), tree.grades[-1].name)
