"""One report on several estates of a district: how they compare, a score over all, and each estate's eight parts.

Each estate is asked and scored as in its own report, its evidence labelled on from a hundred of its own: E107 is the
seventh question of the first, E207 of the second. The district's score of 100 is the mean of the estates' scores,
weighted by residents.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct, structs

from dashboards.report.appendix import evidence_table, glossary_table, signed
from dashboards.report.content import Appendix, Block, Document, Figure, Heading, Table, numbered
from dashboards.report.facts import Facts
from dashboards.report.indicators import Indicator, Tree
from dashboards.report.narrative import eight_parts
from dashboards.report.record import Member, Record, make_record
from dashboards.report.score import Assessment, Score, grade_of, hundredths
from dashboards.report.tables import CENTER, LEFT, RIGHT
from dashboards.report.wording import NOT_SCORED, enumerated, number, numeral, paragraph, percent, value_text
from infra.period import chinese_date

LABELS_EACH: Final = 100
MOST_BESIDE: Final = 4  # estates beside each other in one table
WIDE: Final = 0.1  # of an indicator's points: estates that differ by more are told of
Write = Callable[[str, Sequence[Facts], Score], Document]
"""Writes a district's report: its name, what was found of its estates, and its score."""


def district_score(tree: Tree, members: Sequence[Member]) -> Score:
    """Sums over the estates; of 100, their mean weighted by residents; a grade where every estate has one."""
    scores = [member.score for member in members]
    scored = [(member.residents, member.score.percent) for member in members if member.score.percent is not None]
    people = sum(residents for residents, _ in scored)
    mean = hundredths(sum(residents * of_100 for residents, of_100 in scored) / people) if people else None
    graded = mean is not None and all(score.grade is not None for score in scores)
    return Score(
        points=hundredths(sum(score.points for score in scores)),
        assessed=sum(score.assessed for score in scores),
        full=sum(score.full for score in scores),
        indicators=sum(score.indicators for score in scores),
        indicators_assessed=sum(score.indicators_assessed for score in scores),
        percent=mean,
        grade=grade_of(tree, mean) if graded and mean is not None else None,
    )


def district_record(name: str, estates: Sequence[Facts], indicators_sha256: str, write: Write) -> Record:
    """The record of a district's report; each estate's evidence must be labelled from its own hundred."""
    members = [_member(facts) for facts in estates]
    score = district_score(estates[0].tree, members)
    document = write(name, estates, score)
    parts = [make_record(facts, document, indicators_sha256) for facts in estates]
    kinds = parts[0].device_counts
    return structs.replace(
        parts[0],
        estate=district_id(members),
        office=estates[0].site.estate.office,
        device_counts={kind: sum(part.device_counts[kind] for part in parts) for kind in kinds},
        figures=sum(part.figures for part in parts),
        score=score,
        assessments=[],
        evidence=[found for part in parts for found in part.evidence],
        document=document,
        members=members,
    )


def _member(facts: Facts) -> Member:
    estate = facts.site.estate
    return Member(
        estate=estate.id,
        name=estate.name,
        residents=estate.residents,
        device_counts=facts.counts,
        score=facts.score,
        assessments=facts.assessments,
    )


def district_id(members: Sequence[Member]) -> str:
    """What the files of a report on these estates are called: district_ and eight hex digits of the estates' ids."""
    names = ",".join(sorted(member.estate for member in members))
    return f"district_{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def estate_records(record: Record) -> list[Record]:
    """A district's report taken apart: what it holds of each estate, as if that were all."""
    return [
        structs.replace(
            record,
            estate=member.estate,
            device_counts=member.device_counts,
            score=member.score,
            assessments=member.assessments,
            evidence=[found for found in record.evidence if found.read.estate == member.estate],
            members=[],
        )
        for member in record.members
    ]


def chart_name(estate: str, chart: str) -> str:
    """A chart's name in the district's report."""
    return f"{estate}_{chart}"


def write_district(name: str, estates: Sequence[Facts], score: Score) -> Document:
    """The whole report in Chinese; `name` is the district's."""
    facts = estates[0]
    office = facts.site.estate.office
    return Document(
        annex="附件",
        title=[line for line in (office, f"{name}智慧安防项目", "项目支出绩效评价报告（汇总）") if line],
        office=office,
        period=facts.period.chinese(),
        issued=chinese_date(facts.issued),
        blocks=list(_blocks(estates, score)),
    )


def _blocks(estates: Sequence[Facts], score: Score) -> Iterator[Block]:
    yield from numbered(_comparison(estates, score))
    evidence: list[Block] = []
    for place, facts in enumerate(estates, start=1):
        found = numbered([*eight_parts(facts), evidence_table(facts)], f"图{place}-", f"表{place}-")
        yield Heading(1, f"分报告{numeral(place)}  {facts.site.estate.name}")
        yield from (placed(block, facts.site.estate.id) for block in found[:-1])
        evidence += [Heading(2, f"（{numeral(place)}）{facts.site.estate.name}"), found[-1]]
    yield Appendix("附录")
    yield Heading(1, "附录一  证据清单")
    yield from paragraph(signed(estates[0]))
    yield from evidence
    yield Heading(1, "附录二  术语对照")
    yield glossary_table()


def placed(block: Block, estate: str) -> Block:
    """An estate's block within the district's report: headings a level lower, charts by the estate's own name."""
    match block:
        case Heading(level=level, text=text):
            return Heading(min(level + 1, 4), text)
        case Figure(chart=chart, caption=caption):
            return Figure(chart_name(estate, chart), caption)
        case _:
            return block


def _comparison(estates: Sequence[Facts], score: Score) -> Iterator[Block]:
    yield Heading(1, "各小区评价结果比较")
    yield from paragraph(
        f"本报告汇总{'、'.join(facts.site.estate.name for facts in estates)}共{len(estates)}个小区，",
        "各小区按同一指标文件逐项评分，评价内容见各分报告。",
        _score_sentence(score),
    )
    yield _score_table(estates, score)
    yield from paragraph(_spread(estates))
    for start in range(0, len(estates), MOST_BESIDE):
        yield _indicator_table(estates[start : start + MOST_BESIDE])


def _score_sentence(score: Score) -> str:
    if score.percent is None:
        return f"没有小区具备评分所需的数据，{NOT_SCORED}。"
    grade = f"评价等级为“{score.grade}”" if score.grade else "因有小区不评定等级，总体不评定等级"
    return f"以居民人数为权重，折算百分制平均{number(score.percent, 2)}分，{grade}。"


def _score_table(estates: Sequence[Facts], score: Score) -> Table:
    rows = score_rows(estates, score, "合计（百分制为加权平均）", "／", _points)
    columns = ["小区", "居民（人）", "入库天数", "可评分值", "得分", "百分制", "等级"]
    return Table("各小区得分", columns, rows, [2.2, 1.1, 1.1, 1, 1, 1, 0.8], [LEFT, *[RIGHT] * 5, CENTER])


def score_rows(
    estates: Sequence[Facts], score: Score, total: str, out_of: str, points: Callable[[Score], list[str]]
) -> list[list[str]]:
    """A row for each estate and one for all, called `total`: residents, days loaded `out_of` days, the points."""
    rows = [
        [
            facts.site.estate.name,
            str(facts.site.estate.residents),
            f"{facts.count('kpi_accounting', 'days_loaded')}{out_of}{facts.period.days}",
            *points(facts.score),
        ]
        for facts in estates
    ]
    return [*rows, [total, str(sum(facts.site.estate.residents for facts in estates)), "—", *points(score)]]


def _points(score: Score) -> list[str]:
    of_100 = NOT_SCORED if score.percent is None else number(score.percent, 2)
    return [number(score.assessed, 2), number(score.points, 2), of_100, score.grade or "—"]


def _spread(estates: Sequence[Facts]) -> str | None:
    texts = [
        f"{one.indicator.name}{one.best}得分率{percent(100 * one.most)}、{one.worst}{percent(100 * one.least)}"
        for one in widest(estates)
    ]
    return f"各小区差异最大的指标：{enumerated(texts)}。" if texts else None


class Spread(Struct, frozen=True):
    """How far estates lie apart in an indicator: the shares of its points that the best and the worst of them won."""

    indicator: Indicator
    best: str
    most: float
    worst: str
    least: float


def widest(estates: Sequence[Facts]) -> list[Spread]:
    """The five indicators, or fewer, in which the estates differ most, and by more than `WIDE`."""
    found = []
    for indicator in estates[0].tree.indicators():
        won = [(facts.by_indicator[indicator.id].points, facts.site.estate.name) for facts in estates]
        shares = [(points / indicator.weight, name) for points, name in won if points is not None]
        if len(shares) > 1 and max(shares)[0] - min(shares)[0] > WIDE:
            (least, worst), (most, best) = min(shares), max(shares)
            found.append(Spread(indicator, best, most, worst, least))
    return sorted(found, key=lambda spread: (spread.least - spread.most, spread.indicator.name))[:5]


def _indicator_table(estates: Sequence[Facts]) -> Table:
    rows = indicator_rows(estates, lambda indicator: indicator.name, _cell)
    columns = ["三级指标", "权重", *(f"{facts.site.estate.name}（实际值；得分；证据）" for facts in estates)]
    widths, align = [2.0, 0.6, *[2.2] * len(estates)], [LEFT, RIGHT, *[LEFT] * len(estates)]
    return Table("三级指标逐项比较", columns, rows, widths, align, small=True)


def indicator_rows(
    estates: Sequence[Facts],
    name: Callable[[Indicator], str],
    cell: Callable[[Indicator, Assessment, str], str],
) -> list[list[str]]:
    """A row for each indicator: its name, its weight, and a cell for each estate by assessment and evidence label."""
    return [
        [
            name(indicator),
            number(indicator.weight, 2),
            *(
                cell(indicator, facts.by_indicator[indicator.id], facts.evidence[indicator.query].label)
                for facts in estates
            ),
        ]
        for indicator in estates[0].tree.indicators()
    ]


def _cell(indicator: Indicator, told: Assessment, label: str) -> str:
    points = NOT_SCORED if told.points is None else f"{number(told.points, 2)}分"
    return f"{value_text(indicator, told)}；{points}；{label}"
