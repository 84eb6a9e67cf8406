"""Self-audit: what auditors flag in such reports, found by the report itself; each rule is pure."""

import math
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from dashboards.report.facts import Facts
from dashboards.report.indicators import ChangeShown
from dashboards.report.wording import number, percent, target_text, value_text

Z: Final = 1.96  # standard errors of a 95 % interval
SURVEYS: Final = (("satisfaction", "满意度"), ("safety", "安全感"))


class Finding(Struct, frozen=True):
    """What is wrong, of which kind, and the evidence it rests on."""

    kind: str
    text: str
    english: str
    cite: str = ""


def findings(facts: Facts) -> list[Finding]:
    """All findings, rule by rule."""
    return [finding for rule in RULES for finding in rule(facts)]


def goals_not_measurable(facts: Facts) -> Iterator[Finding]:
    """Goals that no indicator measures, or whose indicators all lack data."""
    names = {indicator.id: indicator.name for indicator in facts.tree.indicators()}
    for goal in facts.tree.goals:
        if not goal.indicators:
            yield Finding(
                "目标不可衡量",
                f"目标“{goal.text}”没有对应的指标，无法衡量是否实现。",
                f"No indicator measures the goal {goal.text}.",
            )
        elif all(facts.by_indicator[name].points is None for name in goal.indicators):
            listed = "、".join(names[name] for name in goal.indicators)
            text = f"目标“{goal.text}”对应的指标（{listed}）本期均无数据，无法衡量是否实现。"
            yield Finding("目标不可衡量", text, f"No indicator of the goal {goal.text} has data.")


def far_from_target(facts: Facts) -> Iterator[Finding]:
    """Values that differ from their target by more than the set share of it: missed, or a target set too low."""
    limit = facts.tree.audit.deviation
    for indicator in facts.tree.indicators():
        told = facts.by_indicator[indicator.id]
        if told.value is None or told.points is None or not told.target or isinstance(indicator.rule, ChangeShown):
            continue
        deviation = (told.value - told.target) / told.target
        if abs(deviation) > limit:
            full = told.points >= indicator.weight
            advice = "目标值可能定得偏低，应说明依据" if full else "应说明原因"
            size = percent(100 * abs(deviation))
            yield Finding(
                "偏离目标",
                f"{indicator.name}实际{value_text(indicator, told)}，目标{target_text(indicator, told)}，"
                f"{'高' if deviation > 0 else '低'}{size}，超过{percent(100 * limit)}，{advice}。",
                f"{indicator.english or indicator.name} is {size} {'above' if deviation > 0 else 'below'} its target"
                f"{': the target may be too low' if full else ''}.",
                facts.cite(indicator.query),
            )


def survey_too_small(facts: Facts) -> Iterator[Finding]:
    """Surveys with fewer answers than a proportion needs for the set margin (Cochran, with finite population)."""
    residents, margin = facts.site.estate.residents, facts.tree.audit.survey_margin
    needed = sample_needed(residents, margin)
    for column, name in SURVEYS:
        asked = facts.count("kpi_surveys", f"{column}_respondents")
        if 0 < asked < needed:
            wanted = f"{residents}名居民在±{number(100 * margin)}个百分点下所需的{needed}人次"
            text = f"居民{name}调查{asked}人次，少于{wanted}。"
            english = (
                f"The survey of {column} has {asked} answers, of {needed} needed for ±{number(100 * margin)} points."
            )
            yield Finding("样本量不足", text, english, facts.cite("kpi_surveys"))


def sample_needed(residents: int, margin: float) -> int:
    """Answers needed for a 95 % interval of ±`margin` of a proportion (Cochran 1977, Sampling Techniques, ch. 4)."""
    endless = Z**2 * 0.25 / margin**2
    return min(residents, math.ceil(endless / (1 + (endless - 1) / residents)))


def without_evidence(facts: Facts) -> Iterator[Finding]:
    """Indicators without a value."""
    for indicator in facts.tree.indicators():
        told = facts.by_indicator[indicator.id]
        if told.points is None:
            text = f"{indicator.name}（{number(indicator.weight, 2)}分）没有证据：{told.missing}。"
            english = f"{indicator.english or indicator.name} ({number(indicator.weight, 2)} points) has no evidence."
            yield Finding("指标无证据", text, english, facts.cite(indicator.query))


def little_coverage(facts: Facts) -> Iterator[Finding]:
    """Days that are not loaded, and camera days on which a camera said nothing, beyond the limit."""
    limit = 100 * facts.tree.audit.coverage
    days, rate = facts.count("kpi_accounting", "days_loaded"), facts.number("kpi_accounting", "loaded_rate")
    if rate is not None and rate < limit:
        text = f"评价期{facts.period.days}天中仅入库{days}天（{percent(rate)}），低于{percent(limit)}。"
        english = f"{days} of {facts.period.days} days are loaded, less than {percent(limit)}."
        yield Finding("数据覆盖不足", text, english, facts.cite("kpi_accounting"))
    told, expected = (facts.count("kpi_camera_days", f"{name}_camera_days") for name in ("told", "expected"))
    rate = facts.number("kpi_camera_days", "camera_day_rate")
    if rate is not None and rate < limit:
        text = f"应有设备状态{expected}台·日，实有{told}台·日（{percent(rate)}），低于{percent(limit)}。"
        english = f"Cameras told of themselves on {told} of {expected} camera days, less than {percent(limit)}."
        yield Finding("数据覆盖不足", text, english, facts.cite("kpi_camera_days"))


RULES: Final[tuple[Callable[[Facts], Iterator[Finding]], ...]] = (
    goals_not_measurable,
    far_from_target,
    survey_too_small,
    without_evidence,
    little_coverage,
)
