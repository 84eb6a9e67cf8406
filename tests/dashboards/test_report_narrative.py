"""The text follows the numbers: a sentence stands while its condition holds, and cites what it says."""

import re
from datetime import date

import pytest

from dashboards.report.content import Document, Figure, Heading, Paragraph, Table
from dashboards.report.narrative import write
from dashboards.report.wording import enumerated, number, numeral, percent, yuan
from infra.period import Period, chinese_date
from tests.dashboards.report_facts import ANSWERS, NO_LEDGERS, Rows, changed, facts

PARTS = [
    "一、基本情况",
    "二、项目单位绩效报告情况",
    "三、绩效评价工作情况",
    "四、绩效评价指标分析情况",
    "五、综合评价情况及评价结论",
    "六、绩效评价结果应用建议",
    "七、主要经验及做法、存在的问题和建议",
    "八、其他需说明的问题",
]


def text(document: Document) -> str:
    return "\n".join(block.text for block in document.blocks if isinstance(block, Paragraph))


def test_the_eight_parts_in_order() -> None:
    headings = [b.text for b in write(facts()).blocks if isinstance(b, Heading) and b.level == 1]
    assert headings[:8] == PARTS
    assert [heading[:3] for heading in headings[8:]] == ["附录一", "附录二"]


@pytest.mark.parametrize(
    ("sentence", "changes"),
    [
        ("盗窃警情本期4起，上年同期24起，发生率变化-83.3%", changed("kpi_incidents", theft=None)),
        ("下降超出偶然波动范围，可以认定下降", changed("kpi_incidents", theft=20)),
        ("上升超出偶然波动范围，可以认定上升", changed("kpi_incidents", fire_lane=1)),
        ("区间包含“无变化”，不能认定升降", changed("kpi_incidents", public_order_previous=99)),
        ("居民满意度调查100人次，平均87分（95%区间85分至89分）", changed("kpi_surveys", satisfaction=None)),
        ("预算执行率90%", changed("kpi_funds", budget_yuan=0)),
        ("没有超出预算", changed("kpi_funds", spent_yuan=2e6)),
        ("支出较预算少10万元", changed("kpi_funds", spent_yuan=1e6)),
        ("期末仍有1次未关闭", changed("kpi_alerts_by_rule", still_open=0)),
        ("未发生超员预警", changed("kpi_alerts_by_rule", alert_rule="over_capacity")),
        ("小区在场人数峰值502人（95%区间450人至550人），出现在2024-03-02 20:15", {"kpi_occupancy_by_day": []}),
        ("拒收3条，核算平衡", changed("kpi_accounting", raw_records=111)),
        ("另有迟到超过宽限的有效记录2条未入库", changed("kpi_accounting", late_records=0)),
        ("人工抽查2次", changed("kpi_counting_accuracy", checks=0)),
        ("客流最集中的时段为周五8时至9时", {"kpi_crossings_by_hour": []}),
        ("30分钟内首次处置3条", changed("kpi_dispositions", answered=0)),
        ("有通行记录3台", changed("kpi_gates_in_use", passages=0)),
    ],
)
def test_a_sentence_vanishes_with_its_condition(sentence: str, changes: dict[str, Rows]) -> None:
    assert sentence in text(write(facts()))
    assert sentence not in text(write(facts(changes)))


@pytest.mark.parametrize(
    ("sentence", "changes"),
    [
        ("未提供满意度调查数据，不计分", NO_LEDGERS),
        ("未提供资金台账", NO_LEDGERS),
        ("未提供本期警情台账，盗窃警情同比不计分", NO_LEDGERS),
        ("可评分值59分（占满分的59%）", NO_LEDGERS),
        ("因可评分值不足满分的60%，本次不评定等级", NO_LEDGERS),
        ("未提供上年同期数据，无法比较，盗窃警情同比不计分", changed("kpi_incidents", theft_previous=None)),
        ("上年同期为零，无法计算变化幅度", changed("kpi_incidents", theft=0, theft_previous=0)),
        ("相差1条，核算不平衡", changed("kpi_accounting", raw_records=111)),
        ("4条预警中有3条因发布时间与事件时间不可比未纳入", changed("kpi_alert_delay", comparable_alerts=1)),
        ("已入库天数不足评价期的60%，本次不评定等级", changed("kpi_accounting", days_loaded=5)),
        ("评价期内未发生预警", {"kpi_alerts_by_rule": []}),
    ],
)
def test_what_is_missing_is_said(sentence: str, changes: dict[str, Rows]) -> None:
    assert sentence not in text(write(facts()))
    assert sentence in text(write(facts(changes)))


def test_citations_and_references_lead_somewhere() -> None:
    found = facts()
    document = write(found)
    captions = [block.caption for block in document.blocks if isinstance(block, Figure | Table)]
    whole = text(document) + "".join(captions)
    labels = {evidence.label for evidence in found.evidence.values()}
    assert set(re.findall(r"\[(E\d+)\]", whole)) <= labels
    assert "<图:" not in whole
    numbers = [caption.split()[0] for caption in captions]
    assert [n for n in numbers if n[0] == "图"] == [f"图{i}" for i in range(1, len(document.charts()) + 1)]


def test_devices_come_from_the_site_file() -> None:
    assert "客流摄像机）7台" in text(write(facts()))
    assert "人行门禁3台（北门1台、南门1台、西门1台）" in text(write(facts()))
    assert "601" not in text(write(facts()))


def test_charts_vanish_without_rows() -> None:
    assert len(write(facts()).charts()) == 6
    empty: dict[str, Rows] = {name: [] for name, rows in ANSWERS.items() if name.endswith(("_by_day", "_by_rule"))}
    assert write(facts(empty)).charts() == ["crossings_by_hour", "occupancy_by_hour"]


def test_wording() -> None:
    assert [number(v) for v in (1.0, 1.25, -0.01, None, 100.0)] == ["1", "1.2", "0", "—", "100"]
    assert [percent(v) for v in (100, 99.96, 99.99999, 5.55, None)] == ["100%", "99.96%", "99.999%", "5.5%", "—"]
    assert yuan(1_234_567.0) == "123.4567万元"
    assert enumerated(["甲"]) == "甲"
    assert enumerated(["甲", "乙"]) == "一是甲；二是乙"
    assert [numeral(n) for n in (1, 10, 11, 20, 36)] == ["一", "十", "十一", "二十", "三十六"]


def test_periods() -> None:
    leap = Period(date(2024, 2, 1), date(2024, 2, 29))
    assert leap.year_before() == Period(date(2023, 2, 1), date(2023, 2, 28))
    assert (leap.days, leap.year_before().days) == (29, 28)
    assert leap.chinese() == "2024年2月1日至2024年2月29日"
    assert chinese_date(date(2024, 2, 18)) == "2024年2月18日"
