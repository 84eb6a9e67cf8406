"""The report's workbook as cells: the scores as live formulas over the answers, the evidence, the answers themselves.

The formulas follow `score.py` rule by rule, so a spreadsheet program comes to the same points from the same answers.
`xlsx.py` writes these cells; each formula comes with the value that it must give.
"""

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from dashboards.report.evidence import Evidence, Parameter, Scalar, rows_digest
from dashboards.report.indicators import AtLeast, AtMost, ChangeShown, Indicator, RatioToTarget
from dashboards.report.record import Record
from dashboards.report.score import Assessment
from dashboards.report.wording import NOT_SCORED, question_title
from infra.chance import CONFIDENCE

Style = Literal[
    "title", "head", "text", "wrap", "center", "number", "points", "share", "input", "link", "sum", "mark", "told"
]
ANSWERS: Final = "原始汇总"
SCORES: Final = "指标评分"
LONGEST_LIST: Final = 6
NONE: Final = "—"
NO_GRADE: Final = "不评定等级"
FIRST_ROW: Final = 8  # of the indicators on the score sheet
TAIL: Final = (1 - CONFIDENCE) / 2


class Cell(Struct, frozen=True):
    """A value, or a formula with the value it gives."""

    value: Scalar = None
    style: Style = "text"
    formula: str = ""


class Sheet(Struct, frozen=True):
    """A sheet: column widths in characters, the rows and columns that stay in view, and the cells row by row."""

    name: str
    widths: list[float]
    freeze: tuple[int, int]
    rows: list[list[Cell]]


Places = dict[tuple[str, str], str]  # (query, column) of a one-row answer: its cell


def sheets(record: Record) -> list[Sheet]:
    """All sheets of the workbook, in order."""
    scores, answers = scores_and_answers(record)
    return [_cover(record), scores, evidence_sheet(record), answers]


def scores_and_answers(record: Record) -> list[Sheet]:
    """The sheets of an estate's scores, and of the answers that its formulas point to."""
    answers, places = _answers(record)
    return [_scores(record, places), answers]


def _cover(record: Record) -> Sheet:
    document, score = record.document, record.score
    last = last_row(record)
    rows = [[Cell(line, "title")] for line in document.title]
    rows += [
        [],
        [Cell("评价期", "head"), Cell(document.period)],
        [Cell("单位", "head"), Cell(document.office)],
        [Cell("出具日期", "head"), Cell(document.issued)],
        [Cell("得分", "head"), Cell(score.points, "told", f"='{SCORES}'!N{last}")],
        [Cell("可评分值", "head"), Cell(score.assessed, "told", f"='{SCORES}'!M{last}")],
        [Cell("指标文件SHA-256", "head"), Cell(record.indicators_sha256)],
        [],
        [Cell("说明", "head")],
        [Cell("“指标评分”的得分由公式从“原始汇总”算出，改动目标值、权重或参数（蓝色）后自动重算。")],
        [Cell("“原始汇总”逐项列出各查询的结果，“证据清单”给出其查询、参数、读取范围和摘要。")],
        [Cell("绿色为取自其他工作表的数值，黑色为公式。金额单位为元，比例以百分数表示（100即100%）。")],
        [Cell("本文件经改动后，“anfang report verify”会指出与签发时不同的单元格。")],
    ]
    return Sheet("封面", [18, 96], (0, 0), rows)


def last_row(record: Record) -> int:
    """The row of the total on the score sheet; the score of 100 and the grade follow."""
    return FIRST_ROW + len(record.assessments) + len(record.tree().tree) + 2


def _answers(record: Record) -> tuple[Sheet, Places]:
    rows: list[list[Cell]] = [[Cell("原始汇总：各查询的全部结果", "title")], []]
    places: Places = {}
    for found in record.evidence:
        about = f"{question_title(found.query)}（{found.file}）"
        rows.append([Cell(found.label, "head"), Cell(about, "mark")])
        rows.append([Cell("行", "head"), *(Cell(column, "head") for column in found.columns)])
        for number, row in enumerate(found.rows, start=1):
            rows.append([Cell(number, "center"), *map(_value, row)])
            if number == 1:
                places |= {
                    (found.query, column): f"'{ANSWERS}'!{_letter(i)}{len(rows)}"
                    for i, column in enumerate(found.columns, start=1)
                }
        rows.append([])
    return Sheet(ANSWERS, [6, *[20.0] * max(len(e.columns) for e in record.evidence)], (1, 0), rows), places


def _value(value: Scalar) -> Cell:
    return Cell(value, "text" if isinstance(value, str) else "number")


def evidence_sheet(record: Record) -> Sheet:
    """A row for each question: parameters, what was read, digests."""
    columns = ["编号", "问题", "查询", "证据标识", "参数", "读取的表", "起", "止", "读取行数", "结果行数"]
    columns += ["语句SHA-256", "结果SHA-256", "内容摘要"]
    columns += ["永久地址"] if any(found.address for found in record.evidence) else []
    head = [Cell(name, "head") for name in columns]
    rows = [[Cell("证据清单", "title")], [], head, *(_evidence_row(found) for found in record.evidence)]
    return Sheet("证据清单", [7, 24, 30, 36, 60, 30, 12, 12, 12, 10, 24, 24, 36, 60], (3, 1), rows)


def _evidence_row(found: Evidence) -> list[Cell]:
    asked = "\n".join(f"{name} = {_parameter(value)}" for name, value in found.parameters.items())
    read = found.read
    return [
        Cell(found.label, "center"),
        Cell(question_title(found.query), "wrap"),
        Cell(found.query),
        Cell(found.id),
        Cell(asked, "wrap"),
        Cell("、".join(read.tables), "wrap"),
        Cell(read.first_day or NONE, "center"),
        Cell(read.last_day or NONE, "center"),
        Cell(found.rows_read, "number"),
        Cell(len(found.rows), "number"),
        Cell(found.sql_sha256),
        Cell(rows_digest(found)),
        Cell(read.content_digest or NONE),
        *([Cell(found.address)] if found.address else []),
    ]


def _parameter(value: Parameter) -> str:
    if isinstance(value, list) and len(value) > LONGEST_LIST:
        return f"{value[0]} 等{len(value)}项"
    return "、".join(value) if isinstance(value, list) else str(value)


def _scores(record: Record, places: Places) -> Sheet:
    tree, days, before = record.tree(), record.period.days, record.period.year_before().days
    told = {a.indicator_id: a for a in record.assessments}
    loaded = places["kpi_accounting", "days_loaded"]
    count = next((e.records()[0]["days_loaded"] for e in record.evidence if e.query == "kpi_accounting"), None)
    rows = [
        [Cell(f"{tree.name}（{tree.basis}）", "title")],
        [Cell(f"{record.document.office}  {record.document.period}")],
        [Cell("评价期天数"), Cell(days, "input"), Cell("上年同期天数"), Cell(before, "input")],
        [
            Cell("已入库天数"),
            Cell(count, "link", f"={loaded}"),
            Cell("可评分值下限"),
            Cell(tree.points_needed, "input"),
        ],
        [Cell("入库天数下限"), Cell(tree.days_needed, "input")],
        [],
        [Cell(name, "head") for name in COLUMNS],
    ]
    for first in tree.tree:
        for group in first.groups:
            for indicator in group.indicators:
                evidence = next(e for e in record.evidence if e.query == indicator.query)
                line = _Line(indicator, told[indicator.id], places, len(rows) + 1)
                rows.append([Cell(first.name), Cell(group.name), *line.cells(evidence)])
    return Sheet(SCORES, WIDTHS, (FIRST_ROW - 1, 3), [*rows, *_totals(record, len(rows))])


COLUMNS: Final = [
    *("一级指标", "二级指标", "三级指标", "单位", "目标值", "评分规则", "参数一", "参数二", "本期数", "上年同期数"),
    *("实际值", "权重", "可评分值", "得分", "得分率", "95%区间下限", "95%区间上限", "证据", "数据来源或未评分原因"),
]
WIDTHS: Final = [12.0, 18, 22, 6, 9, 34, 8, 8, 9, 11, 12, 8, 10, 9, 9, 12, 12, 7, 52]


class _Line(Struct, frozen=True):
    """One indicator's row `row` of the score sheet."""

    indicator: Indicator
    told: Assessment
    places: Places
    row: int

    def cells(self, evidence: Evidence) -> list[Cell]:
        """From its name to the source."""
        indicator, told, row = self.indicator, self.told, self.row
        points = NOT_SCORED if told.points is None else told.points
        share = NOT_SCORED if told.points is None else told.points / indicator.weight
        rule, first, second = self._rule()
        return [
            Cell(indicator.name),
            Cell(indicator.unit, "center"),
            Cell(told.target, "input"),
            Cell(rule),
            *(Cell(value, "input") for value in (first, second)),
            *self._counts(evidence),
            self._value(),
            Cell(indicator.weight, "input"),
            Cell(0 if told.points is None else indicator.weight, "number", f"=IF(ISNUMBER(N{row}),L{row},0)"),
            Cell(points, "points", f'=IF({self._scored()},ROUND(L{row}*{self._share()},2),"{NOT_SCORED}")'),
            Cell(share, "share", f'=IF(ISNUMBER(N{row}),N{row}/L{row},"{NOT_SCORED}")'),
            *self._interval(),
            Cell(evidence.label, "center"),
            Cell(f"{told.missing}，{NOT_SCORED}" if told.missing else indicator.source),
        ]

    def _rule(self) -> tuple[str, Scalar, Scalar]:
        match self.indicator.rule:
            case RatioToTarget():
                return "按实际值÷目标值，至多满分", None, None
            case AtLeast(zero_at=zero_at):
                return "达目标值满分，至参数一及以下零分", zero_at, None
            case AtMost(zero_at=zero_at):
                return "不超目标值满分，至参数一及以上零分", zero_at, None
            case ChangeShown(not_shown=not_shown, risen=risen):
                return "下降可认定满分；否则按参数一、升则参数二", not_shown, risen

    def _counts(self, evidence: Evidence) -> list[Cell]:
        rule = self.indicator.rule
        if not isinstance(rule, ChangeShown):
            return [Cell(), Cell()]
        row = evidence.records()[0] if evidence.rows else {}
        return [self._linked(column, row.get(column)) for column in (rule.current, rule.previous)]

    def _linked(self, column: str, value: Scalar) -> Cell:
        place = self._place(column)
        return Cell(NONE if value is None else value, "link", f'=IF(ISNUMBER({place}),{place},"{NONE}")')

    def _place(self, column: str) -> str:
        return self.places.get((self.indicator.query, column), '""')

    def _value(self) -> Cell:
        told, row = self.told, self.row
        if isinstance(self.indicator.rule, ChangeShown):
            change = f'IF(J{row}=0,"{NONE}",100*(I{row}/J{row}*{SCALE}-1))'
            value = NONE if told.value is None else told.value
            return Cell(value, "number", f'=IF({self._counted()},{change},"{NONE}")')
        value = NONE if told.value is None else told.value
        place, enough = self._place(self.indicator.column), self._enough()
        return Cell(value, "link", f'=IF(AND(ISNUMBER({place}),{enough}),{place},"{NONE}")')

    def _enough(self) -> str:
        """Whether the data cover enough of the period."""
        if not self.indicator.coverage:
            return "TRUE"
        return f"{self._place(self.indicator.coverage)}>=100*$B$5"

    def _scored(self) -> str:
        counted = self._counted() if isinstance(self.indicator.rule, ChangeShown) else f"ISNUMBER(K{self.row})"
        return f"AND({counted},E{self.row}>0)" if isinstance(self.indicator.target, str) else counted

    def _counted(self) -> str:
        return f"AND(ISNUMBER(I{self.row}),ISNUMBER(J{self.row}))"

    def _share(self) -> str:
        row = self.row
        match self.indicator.rule:
            case RatioToTarget():
                return f"MAX(0,MIN(1,K{row}/E{row}))"
            case AtLeast():
                return f"MAX(0,MIN(1,(K{row}-G{row})/(E{row}-G{row})))"
            case AtMost():
                return f"MAX(0,MIN(1,(G{row}-K{row})/(G{row}-E{row})))"
            case ChangeShown():
                return f"IF(AND(J{row}>0,N(Q{row})<0),1,IF(P{row}>0,H{row},G{row}))"

    def _interval(self) -> list[Cell]:
        told, row = self.told, self.row
        margin = self.places.get((self.indicator.query, f"{self.indicator.column}_margin"))
        low, high = (NONE if end is None else end for end in (told.low, told.high))
        if isinstance(self.indicator.rule, ChangeShown):
            chance = f"BETAINV({TAIL:g},I{row},J{row}+1)"
            below = f"IF(I{row}=0,-100,100*({chance}/(1-{chance})*{SCALE}-1))"
            chance = f"BETAINV({1 - TAIL:g},I{row}+1,J{row})"
            above = f'IF(J{row}=0,"{NONE}",100*({chance}/(1-{chance})*{SCALE}-1))'
        elif told.interval and margin:
            below, above = f"K{row}-{margin}", f"K{row}+{margin}"
        else:
            return [Cell(), Cell()]
        counted = self._counted() if isinstance(self.indicator.rule, ChangeShown) else f"ISNUMBER(K{row})"
        return [
            Cell(low, "number", f'=IF({counted},{below},"{NONE}")'),
            Cell(high, "number", f'=IF({counted},{above},"{NONE}")'),
        ]


SCALE: Final = "$D$3/$B$3"  # days of last year's period over days of this one


def _totals(record: Record, last: int) -> Iterator[list[Cell]]:
    """Subtotals by first level, the total, the score of 100 and the grade; `last` is the last indicator's row."""
    tree, score = record.tree(), record.score
    told = {a.indicator_id: a for a in record.assessments}
    span = {column: f"{column}${FIRST_ROW}:{column}${last}" for column in "ALMN"}
    row = last + 1
    yield []
    for first in tree.tree:
        row += 1
        scored = [(i.weight, told[i.id].points) for i in first.indicators() if told[i.id].points is not None]
        values = (first.weight, sum(weight for weight, _ in scored), sum(points or 0 for _, points in scored))
        by_level = [f"=SUMIF({span['A']},A{row},{span[c]})" for c in "LMN"]
        yield _total(first.name, list(zip(values, by_level, strict=True)))
    row += 1
    values = (score.full, score.assessed, score.points)
    sums = (f"=SUM({span['L']})", f"=SUM({span['M']})", f"=ROUND(SUM({span['N']}),2)")
    yield _total("合计", list(zip(values, sums, strict=True)))
    percent = Cell(
        NOT_SCORED if score.percent is None else score.percent,
        "points",
        f'=IF(M{row}>0,ROUND(100*N{row}/M{row},2),"{NOT_SCORED}")',
    )
    yield [Cell("折算百分制", "sum"), *[Cell(style="sum")] * 12, percent]
    grade = "".join(f'IF(N{row + 1}>={g.from_:g},"{g.name}",' for g in tree.grades[:-1])
    grade += f'"{tree.grades[-1].name}"' + ")" * (len(tree.grades) - 1)
    enough = f"AND(ISNUMBER(N{row + 1}),M{row}>=$D$4*L{row},$B$4>=$B$5*$B$3)"
    formula = f'=IF({enough},{grade},"{NO_GRADE}")'
    yield [Cell("评价等级", "sum"), *[Cell(style="sum")] * 12, Cell(score.grade or NO_GRADE, "sum", formula)]


def _total(name: str, sums: list[tuple[float, str]]) -> list[Cell]:
    return [Cell(name, "sum"), *[Cell(style="sum")] * 10, *(Cell(value, "points", formula) for value, formula in sums)]


def _letter(index: int) -> str:
    """The name of a column: 0 is A, 26 is AA."""
    return ("" if index < 26 else _letter(index // 26 - 1)) + chr(ord("A") + index % 26)
