"""The workbook of a district's report: a cover that compares the estates, then each estate's own sheets.

Residents are the weights: the office can change them on the cover and see what the district's score becomes.
"""

from msgspec import structs

from dashboards.report.district import estate_records
from dashboards.report.evidence import Scalar
from dashboards.report.record import Record
from dashboards.report.sheets import (
    ANSWERS,
    NO_GRADE,
    SCORES,
    Cell,
    Sheet,
    evidence_sheet,
    last_row,
    scores_and_answers,
)
from dashboards.report.wording import NOT_SCORED


def district_sheets(record: Record) -> list[Sheet]:
    """A cover that compares the estates, each estate's scores and answers, and the evidence of all."""
    estates = estate_records(record)
    each = [_numbered(place, sheet) for place, of in enumerate(estates, 1) for sheet in scores_and_answers(of)]
    return [_cover(record), *each, evidence_sheet(record)]


def _numbered(place: int, sheet: Sheet) -> Sheet:
    """An estate's sheet under a name of its own, in its formulas, too."""
    rows = [[structs.replace(cell, formula=_pointed(place, cell.formula)) for cell in row] for row in sheet.rows]
    return structs.replace(sheet, name=f"{place} {sheet.name}", rows=rows)


def _pointed(place: int, formula: str) -> str:
    for name in (ANSWERS, SCORES):
        formula = formula.replace(f"'{name}'!", f"'{place} {name}'!")
    return formula


def _cover(record: Record) -> Sheet:
    document, score = record.document, record.score
    rows = [[Cell(line, "title")] for line in document.title]
    rows += [
        [],
        [Cell("评价期", "head"), Cell(document.period)],
        [Cell("出具日期", "head"), Cell(document.issued)],
        [],
        [Cell(name, "head") for name in ("小区", "居民（人）", "得分", "可评分值", "百分制", "等级")],
    ]
    first = len(rows) + 1
    for place, (member, of) in enumerate(zip(record.members, estate_records(record), strict=True), start=1):
        last = last_row(of)
        told = member.score
        links: list[tuple[Scalar, str]] = [
            (told.points, f"N{last}"),
            (told.assessed, f"M{last}"),
            (NOT_SCORED if told.percent is None else told.percent, f"N{last + 1}"),
            (told.grade or NO_GRADE, f"N{last + 2}"),
        ]
        cells = [Cell(value, "told", f"='{place} {SCORES}'!{at}") for value, at in links]
        rows.append([Cell(member.name), Cell(member.residents, "input"), *cells])
    span = {column: f"{column}{first}:{column}{len(rows)}" for column in "BE"}
    mean = f'SUMPRODUCT({span["B"]},{span["E"]})/SUMIF({span["E"]},">=0",{span["B"]})'
    formula = f'=IF(COUNT({span["E"]})>0,ROUND({mean},2),"{NOT_SCORED}")'
    percent = Cell(NOT_SCORED if score.percent is None else score.percent, "told", formula)
    rows.append([Cell("以居民人数加权平均", "sum"), *[Cell(style="sum")] * 3, percent, Cell(score.grade or NO_GRADE)])
    rows += [[], [Cell("各小区的得分由其“指标评分”表的公式从其“原始汇总”表算出；居民人数（蓝色）为权重。")]]
    return Sheet("封面", [34, 14, 12, 12, 12, 14], (0, 0), rows)
