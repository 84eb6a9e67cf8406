"""Part four of the report: funds, implementation, performance, with tables and charts."""

from collections.abc import Iterator

from dashboards.report.content import Block, Figure, Heading
from dashboards.report.evidence import Row
from dashboards.report.facts import Facts
from dashboards.report.indicators import ChangeShown, Indicator
from dashboards.report.score import Assessment
from dashboards.report.tables import alert_table, camera_table, crossing_table, gate_table, peak_table, zone_table
from dashboards.report.wording import WEEKDAYS, interval, number, paragraph, percent, rule_name, yuan
from infra.period import chinese_date


def part_four(facts: Facts) -> Iterator[Block]:
    """四、绩效评价指标分析情况."""
    yield Heading(1, "四、绩效评价指标分析情况")
    yield Heading(2, "（一）项目资金情况分析")
    yield from _funds(facts)
    yield Heading(2, "（二）项目实施情况分析")
    yield from _implementation(facts)
    yield Heading(2, "（三）项目绩效情况分析")
    yield from _economy(facts)
    yield from _efficiency(facts)
    yield from _effect(facts)


def _funds(facts: Facts) -> Iterator[Block]:
    budget, received, spent = (facts.number("kpi_funds", f"{kind}_yuan") for kind in ("budget", "received", "spent"))
    cite = facts.cite("kpi_funds")
    nothing = "未提供资金预算，不计分。"
    yield Heading(3, "1.项目资金到位情况分析")
    rate = percent(facts.number("kpi_funds", "received_rate"))
    arrived = f"项目累计预算{yuan(budget)}，已到位{yuan(received)}，资金到位率{rate}{cite}。"
    short = f"尚有{yuan((budget or 0) - (received or 0))}未到位。" if (received or 0) < (budget or 0) else None
    yield from paragraph(arrived, short) if budget else paragraph(nothing)
    yield Heading(3, "2.项目资金使用情况分析")
    rate = percent(facts.number("kpi_funds", "spent_rate"))
    yield from paragraph(f"项目累计支出{yuan(spent)}，完成预算数的{rate}{cite}。" if budget else nothing)
    yield Heading(3, "3.项目资金管理情况分析")
    entries = facts.count("kpi_funds", "entries")
    yield from paragraph(
        f"资金台账共{entries}笔，逐笔记录日期、类别、金额和用途，更正以新版本记入，原记录保留{cite}。"
        if entries
        else "未提供资金台账。",
        "专款专用及拨付审批的合规性须以财务凭证核查，系统不作判断，相关材料由项目单位另附。",
    )


def _implementation(facts: Facts) -> Iterator[Block]:
    yield Heading(3, "1.项目组织情况分析")
    shifts = "、".join(f"{shift.role}{shift.people}人" for shift in facts.site.staff)
    yield from paragraph(
        f"站点文件登记的值守排班为：{shifts}。" if shifts else None,
        "项目组织与任务分工材料由项目单位另附。",
    )
    yield Heading(3, "2.项目管理情况分析")
    yield from paragraph(_devices_sentence(facts), _gates_sentence(facts))
    yield from paragraph(_online_sentence(facts))
    yield from figure(facts, "online_by_day", "逐日设备在线率", "kpi_camera_online_by_day")
    yield from camera_table(facts)
    yield from gate_table(facts)


def _devices_sentence(facts: Facts) -> str | None:
    days = facts.count("kpi_cameras_online", "days_with_health")
    if not days:
        return "评价期内无设备状态数据，设备在线情况不计分。"
    texts = [
        f"{name}登记{facts.counts[f'{kind}_cameras']}台，"
        f"日均在线{number(facts.number('kpi_cameras_online', f'{kind}_online'))}台"
        f"（最少一日{facts.count('kpi_cameras_online', f'{kind}_least')}台）"
        for kind, name in (("perimeter", "周界摄像机"), ("counting", "客流摄像机"))
        if facts.counts[f"{kind}_cameras"]
    ]
    covered = percent(facts.number("kpi_cameras_online", "health_rate"))
    return (
        f"评价期内有设备状态数据的日期共{days}天（占{covered}），{'；'.join(texts)}{facts.cite('kpi_cameras_online')}。"
        f"{_camera_days_sentence(facts)}"
    )


def _camera_days_sentence(facts: Facts) -> str:
    told, expected = (facts.count("kpi_camera_days", f"{name}_camera_days") for name in ("told", "expected"))
    if told >= expected:
        return ""
    rate, cite = facts.number("kpi_camera_days", "camera_day_rate"), facts.cite("kpi_camera_days")
    return f"应有设备状态{expected}台·日，缺{expected - told}台·日（缺{percent(100 - (rate or 0))}）{cite}。"


def _gates_sentence(facts: Facts) -> str | None:
    passages = facts.count("kpi_gates_in_use", "passages")
    if not passages:
        return "评价期内无门禁通行记录，门禁使用情况不计分。" if facts.counts["gates"] else None
    used, refused = facts.count("kpi_gates_in_use", "gates"), facts.count("kpi_gates_in_use", "refused")
    return (
        f"人行门禁登记{facts.counts['gates']}台，有通行记录{used}台，通行判定{passages}次，其中拒绝{refused}次"
        f"{facts.cite('kpi_gates_in_use')}。"
    )


def _online_sentence(facts: Facts) -> str | None:
    rate, picture = (facts.number("kpi_camera_minutes", f"{name}_rate") for name in ("online", "picture_ok"))
    if rate is None:
        return None
    minutes = [facts.count("kpi_camera_minutes", f"{name}_minutes") for name in ("online", "expected")]
    good = f"，图像完好率{percent(picture)}" if picture is not None else ""
    return (
        f"设备应在线{minutes[1]}台·分钟，实际在线{minutes[0]}台·分钟，设备在线率{percent(rate)}"
        f"{good}{facts.cite('kpi_camera_minutes')}；逐日情况见<图:online_by_day>。"
    )


def _economy(facts: Facts) -> Iterator[Block]:
    budget, spent = (facts.number("kpi_funds", f"{kind}_yuan") for kind in ("budget", "spent"))
    cite, estate = facts.cite("kpi_funds"), facts.site.estate
    yield Heading(3, "1.项目经济性分析")
    yield Heading(4, "（1）项目成本（预算）控制情况")
    if not budget or spent is None:
        yield from paragraph("未提供资金预算，成本控制情况不计分。")
    else:
        over = f"超出预算{yuan(spent - budget)}" if spent > budget else "没有超出预算"
        yield from paragraph(
            f"项目预算{yuan(budget)}，实际支出{yuan(spent)}，{over}{cite}。",
            f"按受益居民{estate.residents}人计，人均支出{number(spent / estate.residents, 2)}元{cite}。",
        )
    yield Heading(4, "（2）项目成本（预算）节约情况")
    saved = budget - spent if budget and spent is not None else None
    if saved is None:
        yield from paragraph("未提供资金预算，不计分。")
    elif saved > 0:
        yield from paragraph(f"支出较预算少{yuan(saved)}，是否属于节约或尚未支付，须结合合同支付节点认定{cite}。")
    else:
        yield from paragraph(f"项目预算与实际支出{'持平' if saved == 0 else '相比没有节约'}{cite}。")


def _efficiency(facts: Facts) -> Iterator[Block]:
    yield Heading(3, "2.项目的效率性分析")
    yield Heading(4, "（1）项目的实施进度")
    handover = facts.site.estate.handover_date
    yield from paragraph(
        f"项目已于{chinese_date(handover)}移交使用。" if handover and handover <= facts.period.last else None,
        f"评价期内系统持续运行，已入库{facts.count('kpi_accounting', 'days_loaded')}天{facts.cite('kpi_accounting')}。",
        _availability_sentence(facts),
    )
    yield Heading(4, "（2）项目完成质量")
    yield from paragraph(*_quality_sentences(facts))
    yield from paragraph(*_timeliness_sentences(facts))


def _availability_sentence(facts: Facts) -> str | None:
    rate = facts.number("kpi_availability", "availability_rate")
    if rate is None:
        return None
    return f"已入库日期中在场人数可得的分钟占{percent(rate)}，即系统可用率{facts.cite('kpi_availability')}。"


def _quality_sentences(facts: Facts) -> Iterator[str]:
    complete = facts.number("kpi_data_completeness", "completeness_rate")
    if complete is not None:
        lost = facts.count("kpi_data_completeness", "expected_envelopes") - facts.count(
            "kpi_data_completeness", "received_envelopes"
        )
        yield f"按设备报文序号核对，数据完整率{percent(complete)}，缺失{lost}条{facts.cite('kpi_data_completeness')}。"
    agreement = facts.number("kpi_stream_batch_agreement", "agreement_rate")
    if agreement is not None:
        differing = facts.count("kpi_stream_batch_agreement", "differing_minutes")
        yield (
            f"实时统计与夜间复算逐分钟对照，批流一致率{percent(agreement)}，不一致{differing}个区域分钟"
            f"{facts.cite('kpi_stream_batch_agreement')}。"
        )
    yield _accuracy_sentence(facts)


def _accuracy_sentence(facts: Facts) -> str:
    checks, cite = facts.count("kpi_counting_accuracy", "checks"), facts.cite("kpi_counting_accuracy")
    if not checks:
        return f"未提供人工抽查数据，计数准确率不计分{cite}。"
    manual, counted = (facts.count("kpi_counting_accuracy", f"{kind}_crossings") for kind in ("manual", "counted"))
    rate = percent(facts.number("kpi_counting_accuracy", "accuracy"))
    return f"人工抽查{checks}次，人工计数{manual}人次，同时段摄像机计数{counted}人次，计数准确率{rate}{cite}。"


def _timeliness_sentences(facts: Facts) -> Iterator[str]:
    p50, p95 = (facts.number("kpi_alert_delay", f"{name}_seconds") for name in ("p50", "p95"))
    if p95 is not None:
        compared = facts.count("kpi_alert_delay", "comparable_alerts")
        yield (
            f"{compared}条预警的推送时延中位数{number(p50, 2)}秒、95%分位{number(p95, 2)}秒"
            f"{facts.cite('kpi_alert_delay')}。"
        )
    alerts, answered = (facts.count("kpi_dispositions", name) for name in ("alerts", "answered"))
    if alerts and not answered:
        yield f"评价期内{alerts}条预警均无处置记录，报警处置及时率和误报率不计分{facts.cite('kpi_dispositions')}。"
    if answered:
        timely, judged, false = (facts.count("kpi_dispositions", name) for name in ("timely", "judged", "judged_false"))
        minutes = facts.tree.parameters.timely_minutes
        yield (
            f"{alerts}条预警中有处置记录{answered}条，其中{minutes}分钟内首次处置{timely}条；作出判断{judged}条，判为误报{false}条"
            f"{facts.cite('kpi_dispositions')}。"
        )


def _effect(facts: Facts) -> Iterator[Block]:
    yield Heading(3, "3.项目的效益性分析")
    yield Heading(4, "（1）项目预期目标完成程度")
    yield from paragraph(
        f"{facts.score.indicators}项三级指标中，{facts.score.indicators_assessed}项具备数据，其中"
        f"{_full_marks(facts)}项达到目标值，逐项得分见第五部分。"
    )
    yield Heading(4, "（2）项目实施对经济和社会的影响")
    yield from paragraph(*incident_sentences(facts))
    yield from paragraph(*_survey_sentences(facts))
    yield from _flow(facts)
    yield from _alerts(facts)


def _full_marks(facts: Facts) -> int:
    weights = {indicator.id: indicator.weight for indicator in facts.tree.indicators()}
    return sum(a.points is not None and a.points >= weights[a.indicator_id] - 1e-9 for a in facts.assessments)


def incident_sentences(facts: Facts) -> Iterator[str]:
    """What the incident ledger shows against last year, beyond chance or not."""
    for indicator in facts.tree.indicators():
        if isinstance(indicator.rule, ChangeShown):
            yield change_sentence(facts, indicator, indicator.rule, facts.by_indicator[indicator.id])


def change_sentence(facts: Facts, indicator: Indicator, rule: ChangeShown, assessment: Assessment) -> str:
    """One indicator of change: counts, ratio, interval, verdict."""
    cite = facts.cite(indicator.query)
    if assessment.points is None:
        return f"{assessment.missing}，{indicator.name}不计分{cite}。"
    row = facts.rows(indicator.query)[0]
    subject = indicator.name.removesuffix("同比")
    counts = f"{subject}本期{row[rule.current]}起，上年同期{row[rule.previous]}起"
    between = interval(assessment.low, assessment.high, "%")
    if assessment.value is None:
        return f"{counts}，上年同期为零，无法计算变化幅度（{between}）{cite}{_verdict(assessment)}。"
    size = f"发生率变化{'+' if assessment.value > 0 else ''}{number(assessment.value)}%（{between}）"
    return f"{counts}，{size}{cite}{_verdict(assessment)}。"


def _verdict(assessment: Assessment) -> str:
    if assessment.high is not None and assessment.high < 0:
        return "，下降超出偶然波动范围，可以认定下降"
    if assessment.low is not None and assessment.low > 0:
        return "，上升超出偶然波动范围，可以认定上升"
    return "，区间包含“无变化”，不能认定升降"


def _survey_sentences(facts: Facts) -> Iterator[str]:
    cite = facts.cite("kpi_surveys")
    for column, name in (("satisfaction", "满意度"), ("safety", "安全感")):
        people = facts.count("kpi_surveys", f"{column}_respondents")
        mean, margin = facts.number("kpi_surveys", column), facts.number("kpi_surveys", f"{column}_margin")
        if mean is None or margin is None:
            yield f"未提供{name}调查数据，不计分{cite}。"
        else:
            between = interval(mean - margin, mean + margin, "分")
            yield f"居民{name}调查{people}人次，平均{number(mean)}分（{between}）{cite}。"


def _flow(facts: Facts) -> Iterator[Block]:
    if not facts.count("kpi_crossings_total", "crossings"):
        yield from paragraph(f"评价期内无小区边界客流记录{facts.cite('kpi_crossings_total')}。")
        return
    yield from paragraph(*flow_sentences(facts))
    yield from figure(facts, "crossings_by_day", "逐日各出入口客流（进出合计，人次）", "kpi_crossings_by_day")
    yield from crossing_table(facts)
    yield from figure(facts, "crossings_by_hour", "各星期、各时段平均每小时客流（人次）", "kpi_crossings_by_hour")
    yield from paragraph(peak_sentence(facts))
    yield from figure(
        facts, "occupancy_by_hour", "小区在场人数（最近7个有数据日，逐时均值及95%区间）", "kpi_occupancy_by_hour"
    )
    if len(facts.rows("kpi_occupancy_by_day")) > 1:
        yield from figure(facts, "occupancy_by_day", "逐日在场人数峰值及95%区间", "kpi_occupancy_by_day")
    yield from peak_table(facts)
    yield from zone_table(facts)


def flow_sentences(facts: Facts) -> Iterator[str]:
    """How many came and went, and when most."""
    total, ins, outs, days = (
        facts.count("kpi_crossings_total", name) for name in ("crossings", "ins", "outs", "days_with_crossings")
    )
    mean = number(facts.number("kpi_crossings_total", "crossings_per_day"), 0)
    yield (
        f"评价期内小区边界客流{total}人次，其中进{ins}人次、出{outs}人次；有客流的{days}天日均{mean}人次"
        f"{facts.cite('kpi_crossings_total')}，逐日情况见<图:crossings_by_day>。"
    )
    hours = facts.rows("kpi_crossings_by_hour")
    if hours:
        busiest = max(hours, key=lambda row: amount(row, "crossings_per_hour"))
        weekday, hour = int(amount(busiest, "day_of_week")), int(amount(busiest, "hour_of_day"))
        yield (
            f"客流最集中的时段为{WEEKDAYS[weekday - 1]}{hour}时至{hour + 1}时，平均每小时"
            f"{number(amount(busiest, 'crossings_per_hour'), 0)}人次"
            f"{facts.cite('kpi_crossings_by_hour')}（<图:crossings_by_hour>）。"
        )


def peak_sentence(facts: Facts) -> str | None:
    """The most people in the estate at once, with the interval."""
    days = facts.rows("kpi_occupancy_by_day")
    if not days:
        return None
    top = max(days, key=lambda row: amount(row, "peak"))
    return (
        f"小区在场人数峰值{number(amount(top, 'peak'), 0)}人（95%区间{number(amount(top, 'peak_low'), 0)}人至"
        f"{number(amount(top, 'peak_high'), 0)}人），出现在{top['day']} {top['peak_time']}"
        f"{facts.cite('kpi_occupancy_by_day')}。"
    )


def _alerts(facts: Facts) -> Iterator[Block]:
    rules = facts.rows("kpi_alerts_by_rule")
    cite = facts.cite("kpi_alerts_by_rule")
    if not rules:
        yield from paragraph(f"评价期内未发生预警{cite}。")
        return
    listed = "、".join(f"{rule_name(row['alert_rule'])}{row['alerts']}次" for row in rules)
    total, still_open = (sum(int(amount(row, name)) for row in rules) for name in ("alerts", "still_open"))
    yield from paragraph(
        f"评价期内发出预警{total}次，其中{listed}{cite}。",
        f"期末仍有{still_open}次未关闭。" if still_open else None,
        f"未发生超员预警{cite}。" if all(row["alert_rule"] != "over_capacity" for row in rules) else None,
    )
    yield from figure(facts, "alerts_by_rule", "各类预警次数及人工判断", "kpi_alerts_by_rule")
    yield from alert_table(facts)


def figure(facts: Facts, chart: str, caption: str, query: str) -> list[Block]:
    """A chart where there is something to draw."""
    return [Figure(chart, f"{caption}{facts.cite(query)}")] if facts.rows(query) else []


def amount(row: Row, column: str) -> float:
    """A number of a row; 0 where there is none."""
    value = row[column]
    return float(value) if isinstance(value, int | float) else 0.0
