"""A district's report in English: the same comparison, tables, parts and evidence as `district` writes in Chinese."""

from collections.abc import Iterator, Sequence

from dashboards.report.content import Appendix, Block, Document, Heading, Paragraph, Table, numbered
from dashboards.report.district import MOST_BESIDE, indicator_rows, placed, score_rows, widest
from dashboards.report.english import (
    NOT_SCORED,
    eight_parts,
    english_document,
    evidence_table,
    name_of,
    signed,
    value_of,
    word,
)
from dashboards.report.facts import Facts
from dashboards.report.indicators import Indicator
from dashboards.report.score import Assessment, Score
from dashboards.report.tables import CENTER, LEFT, RIGHT
from dashboards.report.wording import number, percent


def write_district_english(name: str, estates: Sequence[Facts], score: Score) -> Document:
    """The whole report; `name` is the district's."""
    title = [f"{name}: smart security projects", "Project performance report (summary)"]
    return english_document(estates[0], title, list(_blocks(estates, score)))


def _blocks(estates: Sequence[Facts], score: Score) -> Iterator[Block]:
    yield from numbered(_comparison(estates, score), "Figure ", "Table ")
    evidence: list[Block] = []
    for place, facts in enumerate(estates, start=1):
        estate = facts.site.estate
        found = numbered([*eight_parts(facts), evidence_table(facts)], f"Figure {place}-", f"Table {place}-")
        yield Heading(1, f"Part {place}: {estate.name}")
        yield from (placed(block, estate.id) for block in found[:-1])
        evidence += [Heading(2, f"{place}. {estate.name}"), found[-1]]
    yield Appendix("Appendix")
    yield Heading(1, "Appendix: evidence")
    yield signed(estates[0])
    yield from evidence


def _comparison(estates: Sequence[Facts], score: Score) -> Iterator[Block]:
    yield Heading(1, "How the estates compare")
    names = ", ".join(facts.site.estate.name for facts in estates)
    yield Paragraph(
        f"This report is on {len(estates)} estates: {names}. Each is scored by the same indicator file; what was "
        f"evaluated is in the parts that follow. {_score_sentence(score)}"
    )
    yield _score_table(estates, score)
    told = [
        f"{name_of(one.indicator)} ({one.best} {percent(100 * one.most)} of the points, "
        f"{one.worst} {percent(100 * one.least)})"
        for one in widest(estates)
    ]
    if told:
        yield Paragraph(f"The estates differ most in: {'; '.join(told)}.")
    for start in range(0, len(estates), MOST_BESIDE):
        yield _indicator_table(estates[start : start + MOST_BESIDE])


def _score_sentence(score: Score) -> str:
    if score.percent is None:
        return "No estate has the data that a score needs."
    grade = f"Grade: {word(score.grade)}." if score.grade else "One of them has no grade, so there is none over all."
    return f"Their mean, weighted by residents, is {number(score.percent, 2)} of 100. {grade}"


def _score_table(estates: Sequence[Facts], score: Score) -> Table:
    rows = score_rows(estates, score, "Sum (of 100: weighted mean)", " / ", _points)
    columns = ["Estate", "Residents", "Days loaded", "Points to win", "Points", "Of 100", "Grade"]
    return Table("Scores", columns, rows, [2.0, 1.5, 1.1, 1, 1, 1, 1], [LEFT, *[RIGHT] * 5, CENTER])


def _points(score: Score) -> list[str]:
    of_100 = NOT_SCORED if score.percent is None else number(score.percent, 2)
    return [number(score.assessed, 2), number(score.points, 2), of_100, word(score.grade) if score.grade else "—"]


def _indicator_table(estates: Sequence[Facts]) -> Table:
    rows = indicator_rows(estates, name_of, _cell)
    columns = ["Indicator", "Weight", *(f"{facts.site.estate.name} (value; points; evidence)" for facts in estates)]
    widths, align = [2.0, 0.8, *[2.2] * len(estates)], [LEFT, RIGHT, *[LEFT] * len(estates)]
    return Table("Each indicator", columns, rows, widths, align, small=True)


def _cell(indicator: Indicator, told: Assessment, label: str) -> str:
    points = NOT_SCORED if told.points is None else f"{number(told.points, 2)} points"
    return f"{value_of(indicator, told)}; {points}; {label}"
