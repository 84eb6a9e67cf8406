"""What offices meet in their first years: said plainly in the report, held by `verify`, never a score from nothing."""

from typing import Final

import pytest

from dashboards.report import xlsx
from dashboards.report.content import Document, Paragraph, Table
from dashboards.report.facts import Facts
from dashboards.report.indicators import DEFAULT_INDICATORS, digest_of
from dashboards.report.narrative import write
from dashboards.report.record import make_record
from dashboards.report.verify import verify
from tests.dashboards.report_facts import ANSWERS, NO_LEDGERS, NOTHING, Rows, changed, facts, make_ask

DEVICES: Final = ("perimeter_cameras_online", "counting_cameras_online", "online_rate", "picture_rate")
ZERO: Final = changed(
    "kpi_incidents",
    entries=1,
    entries_previous=1,
    theft=0,
    theft_previous=0,
    public_order=0,
    public_order_previous=0,
    fire_lane=0,
    fire_lane_previous=0,
)
FIRST_YEAR: Final = changed(
    "kpi_incidents", entries_previous=0, theft_previous=None, public_order_previous=None, fire_lane_previous=None
)


def camera_days(told: int, days: int) -> dict[str, Rows]:
    """Health of 8 cameras on `told` of 80 camera days, on `days` of 10 days."""
    return {
        **changed("kpi_camera_days", told_camera_days=told, days_with_health=days, camera_day_rate=100 * told / 80),
        **changed("kpi_cameras_online", days_with_health=days, health_rate=10.0 * days),
        **changed("kpi_camera_minutes", health_rate=10.0 * days),
    }


def said(document: Document) -> str:
    cells = ["".join(map("".join, block.rows)) for block in document.blocks if isinstance(block, Table)]
    return "".join([block.text for block in document.blocks if isinstance(block, Paragraph)] + cells)


def check_all_hold(found: Facts, changes: dict[str, Rows]) -> None:
    """Every format's content can be made, and every figure of it holds."""
    record = make_record(found, write(found), digest_of(DEFAULT_INDICATORS))
    assert xlsx.render(record)
    assert verify(record, make_ask(changes)).problems == []


def test_a_missing_survey_is_not_scored() -> None:
    changes = {"kpi_surveys": NO_LEDGERS["kpi_surveys"]}
    found = facts(changes)
    assert "未提供满意度调查数据，不计分" in said(write(found))
    assert "目标“进一步提升群众安全感、满意度”对应的指标（居民满意度、居民安全感）本期均无数据" in said(write(found))
    assert found.score.assessed == 90
    check_all_hold(found, changes)


def test_a_ledger_without_a_budget_is_told_from_no_ledger() -> None:
    rates = {name: None for name in NOTHING["kpi_funds"][0] if name.endswith(("_rate", "_per_resident"))}
    changes = changed("kpi_funds", entries=5, budget_yuan=0.0, **rates)
    text = said(write(facts(changes)))
    assert "资金台账共5笔" in text
    assert "未提供资金预算，资金到位率（3分）" in text
    assert "未提供资金台账" not in text
    assert "未提供资金台账。" in said(write(facts(NO_LEDGERS)))
    check_all_hold(facts(changes), changes)


def test_40_percent_of_camera_days_missing_are_told_with_their_share() -> None:
    """Every day some camera told of itself: the rates are over all cameras, what is missing counts as offline."""
    changes = camera_days(told=48, days=10)
    found = facts(changes)
    assert "应有设备状态80台·日，缺32台·日（缺40%）" in said(write(found))
    assert "应有设备状态80台·日，实有48台·日（60%），低于90%。" in said(write(found))
    assert all(found.by_indicator[name].points is not None for name in DEVICES)
    check_all_hold(found, changes)


def test_too_few_days_with_health_give_no_device_score() -> None:
    """On 5 of 10 days no camera told of itself at all: then the rates say nothing of the period."""
    changes = camera_days(told=40, days=5)
    found = facts(changes)
    assert {found.by_indicator[name].points for name in DEVICES} == {None}
    assert "数据仅覆盖评价期的50.0%，低于60%，不计分" in said(write(found))
    assert "评价期内有设备状态数据的日期共5天（占50%）" in said(write(found))
    check_all_hold(found, changes)
    assert facts(camera_days(told=48, days=6)).by_indicator["online_rate"].points is not None


def test_zero_incidents_in_both_years_show_no_fall() -> None:
    found = facts(ZERO)
    assert "盗窃警情本期0起，上年同期0起，上年同期为零，无法计算变化幅度" in said(write(found))
    assert "可以认定下降" not in said(write(found))
    assert found.by_indicator["theft_change"].points == 3  # the share of 6 that the office chose for "not shown"
    assert found.by_indicator["theft_change"].value is None
    check_all_hold(found, ZERO)


def test_the_first_year_has_no_comparison_and_no_points_for_one() -> None:
    found = facts(FIRST_YEAR)
    assert "未提供上年同期数据，无法比较，盗窃警情同比不计分" in said(write(found))
    assert found.by_indicator["theft_change"].points is None
    assert found.score.assessed == 86
    check_all_hold(found, FIRST_YEAR)


def test_a_partition_loaded_again_after_the_report_is_named() -> None:
    """The day's content digest is a figure of the report. What `verify` says beside it: test_report_stack."""
    found = facts()
    record = make_record(found, write(found), digest_of(DEFAULT_INDICATORS))
    problems = verify(record, make_ask(changed("kpi_partitions", content_hash="bb"))).problems
    assert problems == ["E02 kpi_partitions: content_hash at 2024-03-01 was aa, is bb"]


@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_alone_breaks_the_report(name: str) -> None:
    """Each question answered with nothing: no division by zero, and the report is written."""
    listed = any(isinstance(value, str) for value in ANSWERS[name][0].values()) or name.endswith("_by_hour")
    changes = {name: [] if listed else NOTHING[name]}
    check_all_hold(facts(changes), changes)
