"""The self-audit: each kind of finding appears with its condition, and disappears without it."""

import pytest
from msgspec import structs

from dashboards.report.audit import RULES, findings, sample_needed
from dashboards.report.content import Heading, Paragraph, Table
from dashboards.report.facts import Facts
from dashboards.report.indicators import Goal
from dashboards.report.narrative import write
from tests.dashboards.report_facts import NO_LEDGERS, Rows, changed, facts


def told(found: Facts) -> set[str]:
    return {finding.text for finding in findings(found)}


@pytest.mark.parametrize(
    ("text", "with_it", "without"),
    [
        (
            "目标“减少小区内偷盗情况”对应的指标（盗窃警情同比）本期均无数据，无法衡量是否实现。",
            changed("kpi_incidents", theft=None),
            {},
        ),
        (
            "误报率实际33.3%，目标≤20%，高66.7%，超过20%，应说明原因。",
            {},
            changed("kpi_dispositions", false_rate=23.9),
        ),
        (
            "预警推送时延（P95）实际9秒，目标≤60秒，低85%，超过20%，目标值可能定得偏低，应说明依据。",
            {},
            changed("kpi_alert_delay", p95_seconds=48.1),
        ),
        (
            "居民满意度调查100人次，少于1150名居民在±5个百分点下所需的289人次。",
            {},
            changed("kpi_surveys", satisfaction_respondents=289),
        ),
        (
            "居民安全感调查100人次，少于1150名居民在±5个百分点下所需的289人次。",
            {},
            changed("kpi_surveys", safety_respondents=0),
        ),
        ("资金到位率（3分）没有证据：未提供资金预算。", NO_LEDGERS, {}),
        (
            "评价期10天中仅入库8天（80%），低于90%。",
            changed("kpi_accounting", days_loaded=8, loaded_rate=80.0),
            changed("kpi_accounting", days_loaded=9, loaded_rate=90.0),
        ),
        (
            "应有设备状态80台·日，实有48台·日（60%），低于90%。",
            changed("kpi_camera_days", told_camera_days=48, camera_day_rate=60.0),
            changed("kpi_camera_days", told_camera_days=72, camera_day_rate=90.0),
        ),
    ],
)
def test_a_finding_stands_while_its_condition_holds(
    text: str, with_it: dict[str, Rows], without: dict[str, Rows]
) -> None:
    assert text in told(facts(with_it))
    assert text not in told(facts(without))


def test_a_goal_without_indicators_is_told() -> None:
    text = "目标“有效解决联系服务群众“最后一公里”的问题”没有对应的指标，无法衡量是否实现。"
    found = facts()
    assert text in told(found)
    goals = [Goal(text=goal.text, indicators=goal.indicators or ("safety",)) for goal in found.tree.goals]
    measured = found.tree.model_copy(update={"goals": tuple(goals)})
    assert text not in {finding.text for rule in RULES for finding in rule(structs.replace(found, tree=measured))}


def test_the_sample_is_cochrans() -> None:
    """385 for an endless population at 5 points (384.16), by hand for 1150: 384.16 / (1 + 383.16 / 1150) = 288.1."""
    assert sample_needed(10**9, 0.05) == 385
    assert sample_needed(1150, 0.05) == 289
    assert sample_needed(40, 0.01) == 40


def test_the_report_prints_what_was_found() -> None:
    found = facts()
    blocks = write(found).blocks
    (table,) = (block for block in blocks if isinstance(block, Table) and "自查发现" in block.caption)
    assert [row[2] for row in table.rows] == [finding.text for finding in findings(found)]
    assert any(isinstance(b, Heading) and b.text == "（一）自查情况" for b in blocks)
    count = f"发现{len(table.rows)}项"
    assert any(isinstance(b, Paragraph) and count in b.text for b in blocks)
