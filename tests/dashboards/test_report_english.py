"""The English report: eight parts, the same figures and evidence as the Chinese one, no Chinese but given names."""

import re

from msgspec import structs

from dashboards.report.content import Document, Figure, Heading, Paragraph, Table
from dashboards.report.english import write_english
from dashboards.report.facts import Facts
from dashboards.report.indicators import PROCEDURES, load_tree
from dashboards.report.narrative import write
from tests.dashboards.report_facts import NO_LEDGERS, changed, facts


def said(document: Document) -> str:
    texts = [block.text for block in document.blocks if isinstance(block, Paragraph | Heading)]
    texts += [block.caption for block in document.blocks if isinstance(block, Figure | Table)]
    texts += [cell for b in document.blocks if isinstance(b, Table) for row in [b.columns, *b.rows] for cell in row]
    return "\n".join(texts)


def chinese_in(text: str, *estates: Facts) -> list[str]:
    """What is Chinese in a text but for what the estates' offices named."""
    for of in estates:
        estate, goals = of.site.estate, (goal.text for goal in of.tree.goals)
        for name in (estate.name, estate.office, of.tree.basis, *goals):
            text = text.replace(name, "")
    return re.findall(r"[\u4e00-\u9fff]+", text)


def test_eight_parts_and_the_same_points_and_charts() -> None:
    found = facts()
    english, chinese = write_english(found), write(found)
    headings = [b.text for b in english.blocks if isinstance(b, Heading) and b.level == 1]
    assert [heading[:2] for heading in headings[:8]] == [f"{n}." for n in range(1, 9)]
    assert sorted(english.charts()) == sorted(chinese.charts())
    (table,) = (b for b in english.blocks if isinstance(b, Table) and "Indicators" in b.caption)
    (other,) = (b for b in chinese.blocks if isinstance(b, Table) and "三级指标评分明细" in b.caption)
    assert [(row[5], row[6]) for row in table.rows] == [(row[6], row[7]) for row in other.rows]
    assert f"{found.score.points:.2f} of 100 points" in said(english)


def test_no_chinese_but_what_the_office_named() -> None:
    assert chinese_in(said(write_english(facts())), facts()) == []


def test_every_indicator_that_comes_with_the_system_has_an_english_name() -> None:
    for path in (None, *PROCEDURES.values()):
        tree = load_tree(path) if path else load_tree()
        assert [indicator.id for indicator in tree.indicators() if not indicator.english] == []


def test_what_is_missing_and_what_is_shown() -> None:
    assert "No budget was provided" in said(write_english(facts(NO_LEDGERS)))
    assert "No grade is given." in said(write_english(facts(NO_LEDGERS)))
    text = said(write_english(facts()))
    assert "Thefts against last year: 4 now, 24 in the same period last year, a change of the rate of -83.3%" in text
    assert "a fall beyond chance" in text
    assert "a fall beyond chance" not in said(write_english(facts(changed("kpi_incidents", theft=20))))
    key = structs.replace(facts(), key="abc")
    assert "key of fingerprint abc" in said(write_english(key))
