"""What an indicator is explained by: the rule with its numbers comes to the points; both forms say the same."""

import io
import re
from collections.abc import Mapping

import pytest
from rich.console import Console

from dashboards.report.evidence import Answer, Parameter
from dashboards.report.explain import Section, arithmetic, explain, find_indicator, page, show
from infra.errors import UserError
from tests.dashboards.report_facts import NO_LEDGERS, Rows, changed, facts


def rows_beneath(_sql: str, _asked: Mapping[str, Parameter]) -> Answer:
    return Answer(["entry_id", "amount_yuan"], [["<b>1</b>", 1e6], ["2", 9e5]], 2)


def sections(name: str, changes: dict[str, Rows] | None = None) -> list[Section]:
    found = facts(changes)
    return explain(found, find_indicator(found, name), rows_beneath)


@pytest.mark.parametrize("name", [i.id for i in facts().tree.indicators() if i.rule.name != "change_shown"])
def test_the_arithmetic_comes_to_the_points(name: str) -> None:
    """Worked out by Python from the line as printed."""
    found = facts()
    indicator, told = find_indicator(found, name), found.by_indicator[name]
    (line,) = arithmetic(indicator, told, found.evidence[indicator.query])
    *_, formula, result = line.partition("（计算")[0].split(" = ")
    formula = formula.rpartition("= ")[2].translate(str.maketrans("×÷−", "*/-"))
    weight, _, share = formula.partition("*")
    if "÷ 目标值" in line:
        weight, share = "1", formula
        assert min(eval(share), indicator.weight) == pytest.approx(float(result), abs=0.0051)
        return
    assert float(weight) * min(max(eval(share), 0), 1) == pytest.approx(float(result), abs=0.0051)


@pytest.mark.parametrize(
    ("name", "said", "result"),
    [
        ("theft_change", "下降可以认定，得满分", "得分 = 6 × 1 = 6"),
        ("public_order_change", "不能认定升降，得分率0.5", "得分 = 5 × 0.5 = 2.5"),
        ("fire_lane_change", "上升可以认定，得分率0", "得分 = 3 × 0 = 0"),
    ],
)
def test_a_change_is_explained_by_its_interval(name: str, said: str, result: str) -> None:
    lines = "".join(sections(name)[1].lines)
    assert said in lines
    assert result in lines


def test_what_is_missing_is_said() -> None:
    assert sections("satisfaction", NO_LEDGERS)[1].lines == ["未提供满意度调查数据，不计分，权重5分不计入可评分值。"]
    with pytest.raises(UserError) as error:
        sections("happiness")
    assert "satisfaction (居民满意度)" in error.value.remedy


def test_text_and_page_say_the_same_down_to_the_rows() -> None:
    explained = sections("预算执行率")
    target = io.StringIO()
    show(explained, Console(file=target, width=200))
    html = page("预算执行率", explained)
    plain = re.sub(r"\s", "", re.sub(r"<[^>]+>", "", html).replace("&lt;", "<").replace("&gt;", ">"))
    for text in ("6.3分", "得分=权重×实际值÷目标值", "kpi_funds.sql", "spent_rate", "900000.0", "<b>1</b>"):
        assert text in re.sub(r"\s", "", target.getvalue())
        assert text in plain
    assert "<b>1</b>" not in html  # what stands in a ledger is text, never markup


def test_sections_follow_the_answer() -> None:
    table = sections("satisfaction", changed("kpi_surveys", satisfaction=75.25))[3]
    assert table.rows[0][table.columns.index("satisfaction")] == "75.25"
