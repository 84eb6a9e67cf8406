"""The indicator file: the default is sound, every mistake is told with its line."""

from decimal import Decimal
from pathlib import Path

import pytest

from dashboards.report.content import Heading, Table
from dashboards.report.english import write_english
from dashboards.report.facts import unassessed
from dashboards.report.indicators import DEFAULT_INDICATORS, indicator_file, load_tree
from dashboards.report.narrative import write
from infra.errors import UserError
from tests.dashboards.report_facts import NO_LEDGERS, changed, facts
from tests.dashboards.test_report_english import said
from tests.dashboards.test_report_narrative import PARTS


def test_the_default_tree_is_the_ministrys() -> None:
    tree = load_tree()
    assert {first.name: first.weight for first in tree.tree} == {"预算执行": 10, "产出": 50, "效益": 30, "满意度": 10}
    assert len(list(tree.indicators())) >= 30


def test_the_default_tree_measures_all_eight_components_of_the_project() -> None:
    """Those that the office's own report names."""
    tree = load_tree()
    assert len(tree.parts) == 8
    assert {indicator.part for indicator in tree.indicators()} - {""} == set(tree.parts)


@pytest.mark.parametrize(
    ("year", "weights"),
    [
        ("2020", {"决策": 20, "过程": 20, "产出": 30, "效益": 30}),
        ("2017", {"项目决策": 20, "项目管理": 25, "项目绩效": 55}),
    ],
)
def test_the_trees_of_the_procedures(year: str, weights: dict[str, float]) -> None:
    tree = load_tree(indicator_file(year))
    assert {first.name: first.weight for first in tree.tree} == weights
    assert year in tree.basis
    found = facts(tree=tree)
    on_paper = {i.id for i in tree.indicators() if i.query == "kpi_on_paper"}
    assert {i.id for i, _ in unassessed(found)} == on_paper
    assert found.score.assessed == 100 - sum(i.weight for i in tree.indicators() if i.id in on_paper) >= 60
    assert [b.text for b in write(found).blocks if isinstance(b, Heading) and b.level == 1][:8] == PARTS


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  - name: 产出\n    weight: 50", "  - name: 产出\n    weight: 51", "first-level weights that sum to 100"),
        ("            weight: 7", "            weight: 6", "the sum of its indicators' weights, 9, got 10"),
        ("            weight: 7", "            weight: 6.665", "at most two decimals, as points have, got 6.665"),
        ("          - id: budget_execution", "          - id: funds_received", "'funds_received' is taken"),
        (
            "            rule: {name: at_least, zero_at: 70}",
            "            rule: {name: at_least, zero_at: 96}",
            "zero_at below",
        ),
        (
            "            column: spent_rate",
            "            column: spend_rate",
            "a column of kpi_funds.sql, got 'spend_rate'",
        ),
        (
            "            query: kpi_gates_in_use",
            "            query: kpi_doors",
            "a file of warehouse/queries/, got 'kpi_doors'",
        ),
        ("            target: gates", "            target: doors", "target"),
        ("            part: 主干网建设", "            part: 主干网", "one of `parts`, got '主干网'"),
        ("    indicators: [theft_change]", "    indicators: [thefts]", "ids of indicators, got 'thefts'"),
        (
            "            coverage: health_rate",
            "            coverage: health",
            "a column of kpi_cameras_online.sql, got 'health'",
        ),
        ("previous: theft_previous", "previous: theft_before", "a column of kpi_incidents.sql, got 'theft_before'"),
        ("            advice: 与财政", "            advise: 与财政", "advice: Field required"),
    ],
)
def test_mistakes_have_their_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = DEFAULT_INDICATORS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_tree(path)
    told = next(line for line in error.value.problem.splitlines() if said in line)
    line = int(told.removeprefix(f"{path}:").split(":")[0])
    changed_at = text[: text.index(old)].count("\n") + 1
    assert 1 < line <= changed_at + 10


def test_weights_are_shown_as_they_are(tmp_path: Path) -> None:
    """With all their decimals, so that those shown add up and no points exceed theirs."""
    text = DEFAULT_INDICATORS.read_text(encoding="utf-8")
    for whole, finer in (("3", "2.25"), ("7", "7.75")):
        text = text.replace(f"            weight: {whole}\n", f"            weight: {finer}\n", 1)
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    tree = load_tree(tmp_path / "own.yaml")
    found, without = facts(changed("kpi_funds", spent_rate=100.0), tree), facts(NO_LEDGERS, tree)
    for document, caption, column in ((write(found), "三级指标评分明细", 5), (write_english(found), "Indicators", 4)):
        (table,) = (b for b in document.blocks if isinstance(b, Table) and b.caption.endswith(caption))
        shown = [(Decimal(row[column]), Decimal(row[column + 1])) for row in table.rows]
        assert sum(weight for weight, _ in shown) == 100
        assert all(points <= weight for weight, points in shown)
    assert "资金到位率（2.25分）、预算执行率（7.75分）" in said(write(without))
    assert "(2.25 points) has no evidence" in said(write_english(without))


def test_the_line_is_exact(tmp_path: Path) -> None:
    lines = DEFAULT_INDICATORS.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if "query: kpi_gates_in_use" in line)
    lines[at] = lines[at].replace("kpi_gates_in_use", "kpi_doors")
    path = tmp_path / "own.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=rf"own\.yaml:{at + 1}: tree\.1\.groups\.0\.indicators\.2\.query"):
        load_tree(path)


def test_a_missing_file_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        load_tree(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("tree: [}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"bad\.yaml:1: not YAML"):
        load_tree(tmp_path / "bad.yaml")
