"""The points that must be given: from the answers, by the rules as the indicator file's head tells them."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from scipy.stats import binomtest

from dashboards.report.indicators import ChangeShown, Indicator, RatioToTarget, Tree
from tests.dashboards.seed.truth import DEVICES, Row, Truth, Value, year_before


@dataclass(frozen=True)
class Told:
    """What is said of an indicator; all None where it is not scored."""

    value: float | None = None
    points: float | None = None
    low: float | None = None
    high: float | None = None


def scored(answers: dict[str, list[Row]], truth: Truth, tree: Tree) -> dict[str, Told]:
    """Value, points and interval of each indicator, from the answers, as the indicator file's head says."""
    least = 100 * tree.days_needed
    return {
        indicator.id: _told(indicator, answers[indicator.query][0], truth, least) for indicator in tree.indicators()
    }


def _told(indicator: Indicator, row: Row, truth: Truth, least: float) -> Told:
    value, rule = row[indicator.column], indicator.rule
    if value is None or (indicator.coverage and float(row[indicator.coverage] or 0) < least):
        return Told()
    if isinstance(rule, ChangeShown):
        return _changed(row[rule.current], row[rule.previous], indicator.weight, (rule.not_shown, rule.risen), truth)
    value = float(value)
    target = float(DEVICES[indicator.target] if isinstance(indicator.target, str) else indicator.target)
    zero_at = 0.0 if isinstance(rule, RatioToTarget) else rule.zero_at
    points = _points(indicator.weight * min(max((value - zero_at) / (target - zero_at), 0.0), 1.0))
    margin = row.get(f"{indicator.column}_margin")
    if margin is None:
        return Told(value, points)
    return Told(value, points, value - float(margin), value + float(margin))


def _changed(now: Value, before: Value, weight: float, shares: tuple[float, float], truth: Truth) -> Told:
    """The change in %: its exact interval by that of the share which this period has of both counts."""
    if not isinstance(now, int) or not isinstance(before, int):
        return Told()
    scale = ((year_before(truth.last) - year_before(truth.first)).days + 1) / truth.length
    if now + before == 0:
        return Told(None, _points(weight * shares[0]), -100.0, None)
    ends = binomtest(now, now + before).proportion_ci(0.95, "exact")
    low, high = (100 * (end / (1 - end) * scale - 1) if end < 1 else None for end in (ends.low, ends.high))
    fallen, risen = high is not None and high < 0, low is None or low > 0
    points = _points(weight * (1.0 if fallen else shares[1] if risen else shares[0]))
    return Told(100 * (now / before * scale - 1) if before else None, points, low, high)


def _points(exact: float) -> float:
    """To the hundredth, halves up."""
    return float(Decimal(f"{exact:.15g}").quantize(Decimal("0.01"), ROUND_HALF_UP))
