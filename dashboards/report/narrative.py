"""The report's text: eight parts after the office's own form, written by rules from the numbers.

Every sentence that states a number cites its evidence; a sentence whose condition does not hold is not written. What
the system cannot know (regulations kept on paper, who sat on a committee) it does not claim: that is to be attached.
"""

from collections.abc import Iterator
from typing import Final

from dashboards.report.analysis import part_four
from dashboards.report.appendix import appendices
from dashboards.report.audit import findings
from dashboards.report.content import Block, Document, Heading, numbered
from dashboards.report.facts import Facts, met, missed, unassessed
from dashboards.report.indicators import Indicator
from dashboards.report.score import Assessment
from dashboards.report.tables import audit_table, indicator_table, part_table, score_table
from dashboards.report.wording import NOT_SCORED, enumerated, number, paragraph, percent, value_text, yuan
from infra.period import chinese_date

MOST_TOLD: Final = 8


def write(facts: Facts) -> Document:
    """The whole report."""
    estate = facts.site.estate
    return Document(
        annex="附件",
        title=[line for line in (estate.office, f"{estate.name}智慧安防项目", "项目支出绩效评价报告") if line],
        office=estate.office,
        period=facts.period.chinese(),
        issued=chinese_date(facts.issued),
        blocks=numbered([*eight_parts(facts), *appendices(facts)]),
    )


def eight_parts(facts: Facts) -> Iterator[Block]:
    """All parts, without the appendices; captions not numbered yet."""
    for part in (part_one, part_two, part_three, part_four, part_five, part_six, part_seven, part_eight):
        yield from part(facts)


def part_one(facts: Facts) -> Iterator[Block]:
    """一、基本情况."""
    estate = facts.site.estate
    yield Heading(1, "一、基本情况")
    yield Heading(2, "（一）项目概况")
    yield from paragraph(
        f"{estate.name}智慧安防项目覆盖居民{estate.households}户、{estate.residents}人",
        f"，由{estate.office}组织实施" if estate.office else None,
        f"，交由{estate.committee}使用" if estate.committee else None,
        "。",
        _devices(facts),
        "三类前端的事件经消息队列实时汇集，由流处理程序统计在场人数并发出预警，每夜由批处理复算后入库，本报告全部数据取自入库结果和办事处台账。",
    )
    yield from part_table(facts)
    yield Heading(2, "（二）项目绩效目标")
    yield Heading(3, "1.项目绩效总目标")
    yield from paragraph(
        _goals(facts),
        f"上述目标分解为{facts.score.indicators}项三级指标，每项均有目标值、评分规则和数据来源，逐项结果见第五部分。",
    )
    yield Heading(3, "2.项目绩效阶段性目标")
    yield from paragraph(
        _handover(facts),
        f"本次评价期为{facts.period.chinese()}，共{facts.period.days}天，阶段性目标为各三级指标在评价期内达到目标值。",
        "“警情与往年同期相比降低”须经统计检验方予认定，见第四部分（三）3。",
    )


def _goals(facts: Facts) -> str:
    goals = "；".join(goal.text for goal in facts.tree.goals)
    return f"坚持统筹协调、分级负责、分类实施、整体推进，{goals or '建成智慧安防小区应用体系'}。"


def _devices(facts: Facts) -> str:
    counts = facts.counts
    kinds = [
        ("perimeter_cameras", f"周界视频监控前端{counts['perimeter_cameras']}台"),
        ("counting_cameras", f"人员统计智能前端（客流摄像机）{counts['counting_cameras']}台"),
        ("gates", f"人员出入管控系统人行门禁{counts['gates']}台{_entrances(facts)}"),
    ]
    return f"按站点文件登记，主要设备包括：{enumerated([text for kind, text in kinds if counts[kind]])}。"


def _entrances(facts: Facts) -> str:
    names = [gate.entrance for gate in facts.site.gates]
    shares = "、".join(f"{name}{names.count(name)}台" for name in dict.fromkeys(names))
    return f"（{shares}）" if names else ""


def _handover(facts: Facts) -> str | None:
    estate = facts.site.estate
    if estate.handover_date is None:
        return None
    to = f"移交{estate.committee}使用" if estate.committee else "移交使用单位"
    return f"{estate.office}于{chinese_date(estate.handover_date)}将{estate.name}智慧安防项目使用权{to}。"


def part_two(facts: Facts) -> Iterator[Block]:
    """二、项目单位绩效报告情况."""
    yield Heading(1, "二、项目单位绩效报告情况")
    yield from paragraph(funds_sentence(facts))
    yield from paragraph(coverage_sentence(facts), accounting_sentence(facts), _late_sentence(facts))


def funds_sentence(facts: Facts) -> str:
    """What was budgeted, received and spent; or that nobody said what was budgeted."""
    if not facts.number("kpi_funds", "budget_yuan"):
        return "未提供资金预算，资金到位与支出情况不作评价、不计分。"
    budget, received, spent = (facts.number("kpi_funds", f"{kind}_yuan") for kind in ("budget", "received", "spent"))
    rates = [percent(facts.number("kpi_funds", f"{kind}_rate")) for kind in ("received", "spent")]
    return (
        f"截至{chinese_date(facts.period.last)}，项目累计预算{yuan(budget)}，到位{yuan(received)}（到位率{rates[0]}），"
        f"支出{yuan(spent)}（预算执行率{rates[1]}）{facts.cite('kpi_funds')}。"
    )


def coverage_sentence(facts: Facts) -> str:
    """How much of the period is loaded."""
    loaded = facts.count("kpi_accounting", "days_loaded")
    rate = percent(facts.number("kpi_accounting", "loaded_rate"))
    return f"评价期{facts.period.days}天中，已入库{loaded}天，数据入库完成率{rate}{facts.cite('kpi_accounting')}。"


def accounting_sentence(facts: Facts) -> str | None:
    """The accounting identity, added up."""
    raw, valid, duplicates, dead = (
        facts.count("kpi_accounting", f"{kind}_records") for kind in ("raw", "valid", "duplicate", "dead_letter")
    )
    if raw == 0:
        return None
    holds = "核算平衡" if raw == valid + duplicates + dead else f"相差{raw - valid - duplicates - dead}条，核算不平衡"
    cite = facts.cite("kpi_accounting")
    return f"设备原始记录{raw}条，其中有效{valid}条、重复{duplicates}条、拒收{dead}条，{holds}{cite}。"


def _late_sentence(facts: Facts) -> str | None:
    late = facts.count("kpi_accounting", "late_records")
    return f"另有迟到超过宽限的有效记录{late}条未入库{facts.cite('kpi_accounting')}。" if late else None


def part_three(facts: Facts) -> Iterator[Block]:
    """三、绩效评价工作情况."""
    tree = facts.tree
    yield Heading(1, "三、绩效评价工作情况")
    yield Heading(2, "（一）绩效评价目的")
    yield from paragraph(
        "通过开展项目绩效评价，规范资金管理行为，提高财政资金使用效益，树立和增强绩效观念，促进街道办事处更好地履行职责，同时为下年度预算安排提供依据。"
    )
    yield Heading(2, "（二）绩效评价原则、评价指标体系、评价方法")
    weights = "、".join(f"{first.name}{number(first.weight, 2)}分" for first in tree.tree)
    yield from paragraph("1.绩效评价遵循科学规范、公正公开、分级分类、绩效相关的原则。")
    yield from paragraph(
        f"2.评价指标体系依据{tree.basis}设置，共{len(tree.tree)}项一级指标、{facts.score.indicators}项三级指标，"
        f"满分{number(facts.score.full, 2)}分，其中{weights}。各项权重、目标值和评分规则载于指标文件，可由办事处修改。"
    )
    yield from paragraph(
        "3.评价方法采用自评与数据核查相结合：系统数据逐日核算、逐分钟复算，台账数据以办事处导入的最新版本为准。",
        f"无数据的指标{NOT_SCORED}，其权重不计入应得分，也不以估计值代替；总分以“得分／可评分值”表示，并折算为百分制。",
        f"可评分值不足满分的{percent(100 * tree.points_needed)}"
        f"或已入库天数不足评价期的{percent(100 * tree.days_needed)}时，"
        f"不评定等级。等级标准：{_grades(facts)}。",
    )
    yield Heading(2, "（三）绩效评价工作过程")
    yield Heading(3, "1.前期准备")
    yield from paragraph(
        "确定评价期、指标文件和站点文件，核对设备登记数量。评价工作领导小组组成及会议材料由项目单位另附。"
    )
    yield Heading(3, "2.组织实施")
    yield from paragraph(
        f"系统对{len(facts.evidence)}个问题逐一查询，读取记录{sum(e.rows_read for e in facts.evidence.values())}条，"
        "每项结果连同查询语句、参数、读取范围记入证据清单（附录一）。"
    )
    yield Heading(3, "3.分析评价")
    yield from paragraph(
        "依据评分规则计算各项得分。正文和图表标题中方括号内的编号为证据编号，可用“anfang report verify”逐项复算核对。"
    )


def _grades(facts: Facts) -> str:
    grades = facts.tree.grades
    texts = [f"{grade.name}（{number(grade.from_)}分及以上）" for grade in grades[:-1]]
    return "、".join([*texts, f"{grades[-1].name}（其余）"])


def part_five(facts: Facts) -> Iterator[Block]:
    """五、综合评价情况及评价结论."""
    yield Heading(1, "五、综合评价情况及评价结论")
    yield from paragraph(score_sentence(facts), grade_sentence(facts))
    yield from paragraph(unassessed_sentence(facts))
    yield score_table(facts)
    yield indicator_table(facts)


def score_sentence(facts: Facts) -> str:
    """X of the Y points that could be assessed."""
    score = facts.score
    if score.percent is None:
        return "评价期内没有一项指标具备数据，无法评分。"
    return (
        f"{score.indicators}项三级指标中{score.indicators_assessed}项具备数据，可评分值{number(score.assessed, 2)}分"
        f"（占满分的{percent(100 * score.assessed / score.full)}），实得{number(score.points, 2)}分，"
        f"折算百分制{number(score.percent, 2)}分。"
    )


def grade_sentence(facts: Facts) -> str:
    """The grade, or why none is given."""
    score, tree = facts.score, facts.tree
    if score.grade is not None:
        return f"按等级标准，评价等级为“{score.grade}”。"
    reasons = []
    if score.assessed < tree.points_needed * score.full:
        reasons.append(f"可评分值不足满分的{percent(100 * tree.points_needed)}")
    if facts.count("kpi_accounting", "days_loaded") < tree.days_needed * facts.period.days:
        reasons.append(f"已入库天数不足评价期的{percent(100 * tree.days_needed)}")
    return f"因{'、'.join(reasons)}，本次不评定等级。"


def unassessed_sentence(facts: Facts) -> str | None:
    """Which inputs are missing, with what is not scored for it."""
    reasons: dict[str, list[str]] = {}
    for indicator, assessment in unassessed(facts):
        reasons.setdefault(assessment.missing, []).append(f"{indicator.name}（{number(indicator.weight, 2)}分）")
    if not reasons:
        return None
    listed = "；".join(f"{reason}，{'、'.join(names)}{NOT_SCORED}" for reason, names in reasons.items())
    return f"未评分指标及原因：{listed}。"


def part_six(facts: Facts) -> Iterator[Block]:
    """六、绩效评价结果应用建议."""
    yield Heading(1, "六、绩效评价结果应用建议")
    lost = missed(facts)
    yield from paragraph(
        "评价结果作为下一年度预算安排、项目运维考核和整改的依据。",
        "评价等级为“优”，建议保持下一年度运维预算。" if facts.score.grade == facts.tree.grades[0].name else None,
        f"建议将未得满分的{'、'.join(i.name for i, _ in lost)}作为下一年度整改和考核重点。" if lost else None,
        "建议补齐未评分指标所需的台账和调查数据后重新出具报告。" if unassessed(facts) else None,
    )


def part_seven(facts: Facts) -> Iterator[Block]:
    """七、主要经验及做法、存在的问题和建议."""
    yield Heading(1, "七、主要经验及做法、存在的问题和建议")
    good, lost = met(facts), missed(facts)
    yield Heading(2, "（一）主要经验及做法")
    names = "、".join(f"{i.name}（{value_text(i, a)}）" for i, a in good)
    yield from paragraph(
        "以系统记录代替人工填报，每项指标可追溯到查询语句和原始分区。",
        f"达到目标值的指标有{len(good)}项：{names}。" if good else None,
    )
    yield Heading(2, "（二）存在的问题")
    yield from paragraph(*_problems(facts)) or paragraph("本评价期内已评分指标均达到目标值。")
    if lost or unassessed(facts):
        yield Heading(2, "（三）建议")
        advice = [f"针对{i.name}，{i.advice.rstrip('。')}" for i, _ in worst(lost)]
        missing = [f"补齐缺失数据（{'、'.join(dict.fromkeys(a.missing for _, a in unassessed(facts)))}）后重新评分"]
        yield from paragraph(f"{enumerated(advice + (missing if unassessed(facts) else []))}。")


def worst(lost: list[tuple[Indicator, Assessment]]) -> list[tuple[Indicator, Assessment]]:
    """Those that lost most points, the most first."""
    return sorted(lost, key=lambda pair: (pair[1].points or 0.0) - pair[0].weight)[:MOST_TOLD]


def _problems(facts: Facts) -> Iterator[str]:
    lost = missed(facts)
    if lost:
        texts = [
            f"{i.name}为{value_text(i, a)}，得{number(a.points, 2)}分（满分{number(i.weight, 2)}分）"
            f"{facts.cite(i.query)}"
            for i, a in worst(lost)
        ]
        most = f"，其中失分最多的{MOST_TOLD}项" if len(lost) > MOST_TOLD else ""
        yield f"未得满分的指标有{len(lost)}项{most}：{enumerated(texts)}。"
    if unassessed(facts):
        weight = sum(i.weight for i, _ in unassessed(facts))
        yield f"另有{len(unassessed(facts))}项指标（共{number(weight, 2)}分）缺少数据未能评分。"


def part_eight(facts: Facts) -> Iterator[Block]:
    """八、其他需说明的问题."""
    yield Heading(1, "八、其他需说明的问题")
    yield Heading(2, "（一）自查情况")
    found = findings(facts)
    yield from paragraph(
        "出具前按审计常见问题（目标不可衡量、偏离目标、样本量不足、指标无证据、数据覆盖不足）逐项自查，",
        f"发现{len(found)}项，见下表。" if found else "未发现问题。",
    )
    yield from audit_table(found)
    yield Heading(2, "（二）口径说明")
    yield from paragraph("1.在场人数和客流为摄像机计数的估计结果，存在漏计，附95%区间；客流总量未按计数误差修正。")
    yield from paragraph(
        "2.警情同比以发生率之比及其精确泊松95%区间判断：区间包含“无变化”时，不能认定升降，按指标文件规定的比例得分。同比仅说明前后差异，不能证明系由本项目引起。"
    )
    yield from paragraph(
        "3.预警推送时延取预警首条消息的时间戳（即触发该预警的记录的发送时间）与预警开启时间之差，反映判定所需时间，不含流处理和网络传输；",
        "回放历史数据时，该时间戳为事件时间。",
        _left_out_alerts(facts),
    )
    yield from paragraph("4.设备类指标仅统计有设备状态数据的日期；未上报状态的在册摄像机按离线计算。")
    yield from paragraph(
        "5.制度建设、财务合规、政府采购等材料不在系统内，本报告不作评价，由项目单位另附。报告文字由规则按数据生成。"
    )


def _left_out_alerts(facts: Facts) -> str | None:
    alerts, compared = (facts.count("kpi_alert_delay", name) for name in ("alerts", "comparable_alerts"))
    if alerts == compared:
        return None
    return f"{alerts}条预警中有{alerts - compared}条因发布时间与事件时间不可比未纳入{facts.cite('kpi_alert_delay')}。"
