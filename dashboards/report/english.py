"""The report in English: the same eight parts, figures, tables, charts and evidence, in fewer words.

Names that an office gave (of the estate, devices, goals, and of indicators without `english`) stay as they are.
"""

from collections.abc import Iterator, Sequence

from dashboards.report.audit import findings
from dashboards.report.content import Appendix, Block, Document, Figure, Heading, Paragraph, Table, numbered
from dashboards.report.evidence import Evidence
from dashboards.report.facts import Facts, missed
from dashboards.report.indicators import ChangeShown, Indicator
from dashboards.report.score import NO_COMPARISON, NOT_REGISTERED, Assessment
from dashboards.report.tables import CENTER, LEFT, RIGHT
from dashboards.report.wording import number, percent

WORDS = {
    "预算执行": "Budget execution",
    "产出": "Output",
    "效益": "Effect",
    "满意度": "Satisfaction",
    "决策": "Decision",
    "过程": "Process",
    "项目决策": "Decision",
    "项目管理": "Management",
    "项目绩效": "Performance",
    "台": "",
    "分": " points",
    "秒": " s",
    "分钟": " min",
    "元": " yuan",
    "优": "excellent",
    "良": "good",
    "中": "fair",
    "差": "poor",
    NO_COMPARISON: "no data of the same period last year, so no comparison",
    NOT_REGISTERED: "the site file has no such devices",
}
NOT_SCORED = "not scored"
CHARTS = {
    "online_by_day": ("Devices online, day by day", "kpi_camera_online_by_day"),
    "crossings_by_day": ("Crossings of the estate's border, day by day", "kpi_crossings_by_day"),
    "crossings_by_hour": ("Mean crossings an hour, by weekday and hour", "kpi_crossings_by_hour"),
    "occupancy_by_hour": ("Persons on the estate, hour by hour (last seven days with data)", "kpi_occupancy_by_hour"),
    "occupancy_by_day": ("Daily peak of persons on the estate, with 95 % intervals", "kpi_occupancy_by_day"),
    "alerts_by_rule": ("Alerts by rule, and what people said of them", "kpi_alerts_by_rule"),
}


def write_english(facts: Facts) -> Document:
    """The whole report."""
    blocks = numbered((*eight_parts(facts), *_appendix(facts)), "Figure ", "Table ")
    return english_document(facts, [facts.site.estate.name, "Project performance report"], blocks)


def english_document(facts: Facts, title: Sequence[str], blocks: list[Block]) -> Document:
    """A document of the facts' office, period and day of issue."""
    office = facts.site.estate.office
    return Document(
        annex="Annex",
        title=[line for line in (office, *title) if line],
        office=office,
        period=f"{facts.period.first} to {facts.period.last}",
        issued=facts.issued.isoformat(),
        blocks=blocks,
        period_label="Period: ",
        contents_label="Contents",
        language="en",
    )


def eight_parts(facts: Facts) -> Iterator[Block]:
    """What is said of one estate, without the appendix."""
    for part in (_one, _two, _three, _four, _five, _six, _seven, _eight):
        yield from part(facts)


def word(chinese: str) -> str:
    """English for a fixed Chinese word of the indicator file; itself where there is none."""
    return WORDS.get(chinese, chinese)


def name_of(indicator: Indicator) -> str:
    """The indicator's English name, or its own."""
    return indicator.english or indicator.name


def value_of(indicator: Indicator, told: Assessment) -> str:
    """The value with its unit."""
    if told.points is None:
        return "—"
    if isinstance(indicator.rule, ChangeShown):
        return "none last year" if told.value is None else f"{told.value:+.1f}%"
    return percent(told.value) if indicator.unit == "%" else f"{number(told.value)}{word(indicator.unit)}"


def target_of(indicator: Indicator, told: Assessment) -> str:
    """The target as the table shows it."""
    if isinstance(indicator.rule, ChangeShown):
        return "a fall"
    sign = {"at_most": "≤", "at_least": "≥"}.get(indicator.rule.name, "")
    return f"{sign}{number(told.target)}{word(indicator.unit)}"


def reason(told: Assessment) -> str:
    """Why an indicator is not scored."""
    return WORDS.get(told.missing) or f"no data were provided ({told.missing})"


def _one(facts: Facts) -> Iterator[Block]:
    estate, counts = facts.site.estate, facts.counts
    yield Heading(1, "1. Project")
    yield Paragraph(
        f"The project covers {estate.households} households and {estate.residents} residents. The site file lists "
        f"{counts['perimeter_cameras']} perimeter cameras, {counts['counting_cameras']} people-counting cameras and "
        f"{counts['gates']} personnel gates. All figures are from the loaded days and from the office's ledgers."
    )
    if facts.tree.goals:
        yield Paragraph(f"Goals: {'; '.join(goal.text for goal in facts.tree.goals)}.")


def _two(facts: Facts) -> Iterator[Block]:
    yield Heading(1, "2. What the project's unit reports")
    yield Paragraph(_funds(facts))
    loaded, rate = facts.count("kpi_accounting", "days_loaded"), facts.number("kpi_accounting", "loaded_rate")
    raw, valid, duplicates, dead = (
        facts.count("kpi_accounting", f"{kind}_records") for kind in ("raw", "valid", "duplicate", "dead_letter")
    )
    balance = "the accounts balance" if raw == valid + duplicates + dead else "the accounts do not balance"
    yield Paragraph(
        f"{loaded} of {facts.period.days} days are loaded ({percent(rate)}). {raw} records came in: {valid} valid, "
        f"{duplicates} duplicates, {dead} refused; {balance}{facts.cite('kpi_accounting')}."
    )


def _funds(facts: Facts) -> str:
    budget, received, spent = (facts.number("kpi_funds", f"{kind}_yuan") for kind in ("budget", "received", "spent"))
    if not budget:
        return "No budget was provided: funds are not assessed and not scored."
    return (
        f"Up to {facts.period.last}: budget {budget:,.2f} yuan, received {received or 0:,.2f} yuan, spent "
        f"{spent or 0:,.2f} yuan ({percent(facts.number('kpi_funds', 'spent_rate'))} of the budget)"
        f"{facts.cite('kpi_funds')}."
    )


def _three(facts: Facts) -> Iterator[Block]:
    tree = facts.tree
    yield Heading(1, "3. How it was evaluated")
    yield Paragraph(
        f"By {tree.basis}: {facts.score.indicators} indicators, {number(facts.score.full, 2)} points. An indicator "
        "without data is not scored and counts neither for nor against; points are given to 0.01. No grade is given "
        f"below {percent(100 * tree.points_needed)} of the points or {percent(100 * tree.days_needed)} of the days. "
        "Labels in brackets lead to the evidence in the appendix; `anfang report verify` asks for every figure again."
    )


def _four(facts: Facts) -> Iterator[Block]:
    yield Heading(1, "4. Analysis")
    yield Heading(2, "4.1 Changes against last year")
    for indicator in facts.tree.indicators():
        if isinstance(indicator.rule, ChangeShown):
            yield Paragraph(_change(facts, indicator, indicator.rule))
    yield Heading(2, "4.2 What was measured")
    total, ins, outs = (facts.count("kpi_crossings_total", name) for name in ("crossings", "ins", "outs"))
    yield Paragraph(
        f"{total} crossings of the estate's border, {ins} in and {outs} out{facts.cite('kpi_crossings_total')}."
    )
    for chart, (caption, query) in CHARTS.items():
        if facts.rows(query) and (chart != "occupancy_by_day" or len(facts.rows(query)) > 1):
            yield Figure(chart, f"{caption}{facts.cite(query)}")


def _change(facts: Facts, indicator: Indicator, rule: ChangeShown) -> str:
    told, cite = facts.by_indicator[indicator.id], facts.cite(indicator.query)
    if told.points is None:
        return f"{name_of(indicator)}: {reason(told)}; not scored{cite}."
    row = facts.rows(indicator.query)[0]
    high = "no upper bound" if told.high is None else f"{told.high:+.1f}%"
    size = "" if told.value is None else f", a change of the rate of {told.value:+.1f}%"
    if told.high is not None and told.high < 0:
        verdict = "a fall beyond chance"
    elif told.low is not None and told.low > 0:
        verdict = "a rise beyond chance"
    else:
        verdict = "the interval includes no change: neither a fall nor a rise is shown"
    return (
        f"{name_of(indicator)}: {row[rule.current]} now, {row[rule.previous]} in the same period last year{size} "
        f"(95 % interval {told.low or 0:+.1f}% to {high}){cite}: {verdict}."
    )


def _five(facts: Facts) -> Iterator[Block]:
    score = facts.score
    yield Heading(1, "5. Conclusion")
    share = "" if score.percent is None else f", {score.percent:.2f} of 100"
    grade = f"Grade: {word(score.grade)}." if score.grade else "No grade is given."
    yield Paragraph(
        f"{score.indicators_assessed} of {score.indicators} indicators have data: {score.points:.2f} of "
        f"{number(score.assessed, 2)} points{share}. {grade}"
    )
    rows = [
        [
            word(first.name),
            name_of(indicator),
            target_of(indicator, told := facts.by_indicator[indicator.id]),
            value_of(indicator, told),
            number(indicator.weight, 2),
            NOT_SCORED if told.points is None else number(told.points, 2),
            facts.evidence[indicator.query].label,
        ]
        for first in facts.tree.tree
        for indicator in first.indicators()
    ]
    columns = ["Level 1", "Indicator", "Target", "Value", "Weight", "Points", "Evidence"]
    align = [LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, CENTER]
    yield Table("Indicators", columns, rows, [1.5, 3.1, 1.2, 1.3, 1.1, 1, 1.3], align, small=True)


def _six(facts: Facts) -> Iterator[Block]:
    yield Heading(1, "6. What the result is to be used for")
    lost = ", ".join(name_of(indicator) for indicator, _ in missed(facts))
    yield Paragraph(
        f"A basis for next year's budget. To be improved first: {lost}." if lost else "A basis for next year's budget."
    )


def _seven(facts: Facts) -> Iterator[Block]:
    yield Heading(1, "7. Problems")
    lost = [
        f"{name_of(i)} is {value_of(i, told)} ({number(told.points, 2)} of {number(i.weight, 2)} points)"
        f"{facts.cite(i.query)}"
        for i, told in missed(facts)
    ]
    yield Paragraph(f"{'; '.join(lost)}." if lost else "All indicators that were scored reached their targets.")


def _eight(facts: Facts) -> Iterator[Block]:
    yield Heading(1, "8. Other matters")
    found = findings(facts)
    yield Paragraph(f"The self-audit found {len(found)} matters." if found else "The self-audit found nothing.")
    rows = [[str(n), finding.english, finding.cite.strip("[]")] for n, finding in enumerate(found, start=1)]
    if rows:
        yield Table("Self-audit", ["No.", "Finding", "Evidence"], rows, [0.6, 6.2, 1.4], [CENTER, LEFT, CENTER])
    yield Paragraph(
        "Occupancy and crossings are estimates from camera counts. A comparison with last year is no proof that the "
        "system caused a change. What is kept on paper (rules, accounts, procurement) is not judged here."
    )


def _appendix(facts: Facts) -> Iterator[Block]:
    yield Appendix("Appendix")
    yield Heading(1, "Appendix: evidence")
    yield signed(facts)
    yield evidence_table(facts)


def signed(facts: Facts) -> Paragraph:
    """Where the evidence is in full, and by which key the files are signed."""
    by = f" The files are signed with the key of fingerprint {facts.key}." if facts.key else ""
    return Paragraph(f"Parameters and answers in full are in the JSON file of the same name.{by}")


def evidence_table(facts: Facts) -> Table:
    """Every question that was asked."""
    rows = [_evidence_row(found) for found in facts.evidence.values()]
    columns = ["Label", "Query and id", "Tables", "Rows read", "Rows"]
    align = [CENTER, LEFT, LEFT, RIGHT, RIGHT]
    return Table("Evidence", columns, rows, [0.8, 3.4, 3, 1.2, 0.8], align, small=True)


def _evidence_row(found: Evidence) -> list[str]:
    query = f"{found.query}\n{found.id[:16]}\n{found.id[16:]}"
    return [found.label, query, ", ".join(found.read.tables), str(found.rows_read), str(len(found.rows))]
