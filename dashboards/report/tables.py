"""The tables of the report's body."""

from collections import defaultdict
from collections.abc import Sequence

from dashboards.report.audit import Finding
from dashboards.report.content import Align, Block, Table
from dashboards.report.facts import Facts, border_lines
from dashboards.report.indicators import FirstLevel
from dashboards.report.wording import interval, number, percent, rule_name, target_text, value_text
from infra.limits import OUTSIDE

LEFT: Align = "left"
CENTER: Align = "center"
RIGHT: Align = "right"
MOST_DAYS = 31


def score_table(facts: Facts) -> Table:
    """Points by first level."""
    rows = [_score_row(facts, first) for first in facts.tree.tree]
    score = facts.score
    share = "—" if score.percent is None else percent(score.percent)
    rows.append(["合计", number(score.full, 2), number(score.assessed, 2), number(score.points, 2), share])
    columns = ["一级指标", "满分", "可评分值", "得分", "得分率"]
    return Table("一级指标得分（分）", columns, rows, [2, 1, 1, 1, 1], [LEFT, RIGHT, RIGHT, RIGHT, RIGHT])


def _score_row(facts: Facts, first: FirstLevel) -> list[str]:
    found = [(i.weight, facts.by_indicator[i.id].points) for i in first.indicators()]
    assessed = sum(weight for weight, points in found if points is not None)
    points = sum(points for _, points in found if points is not None)
    share = percent(100 * points / assessed) if assessed else "—"
    return [
        first.name,
        number(first.weight, 2),
        number(assessed, 2),
        number(points, 2) if assessed else "不计分",
        share,
    ]


def indicator_table(facts: Facts) -> Table:
    """Every third-level indicator: target, value, points, evidence."""
    rows = [
        [first.name, group.name.removesuffix("指标"), indicator.name, *_indicator_cells(facts, indicator.id)]
        for first in facts.tree.tree
        for group in first.groups
        for indicator in group.indicators
    ]
    columns = ["一级", "二级", "三级指标", "目标值", "实际值", "权重", "得分", "证据", "数据来源或未评分原因"]
    align = [LEFT, LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, CENTER, LEFT]
    widths = [1.1, 1.4, 2.1, 1.1, 1.4, 0.95, 0.9, 0.9, 3.3]
    return Table("三级指标评分明细", columns, rows, widths, align, small=True)


def _indicator_cells(facts: Facts, indicator_id: str) -> list[str]:
    indicator = next(i for i in facts.tree.indicators() if i.id == indicator_id)
    found = facts.by_indicator[indicator_id]
    points = "不计分" if found.points is None else number(found.points, 2)
    note = f"{found.missing}，不计分" if found.missing else indicator.source
    between = f"；{interval(found.low, found.high, indicator.unit)}" if found.interval else ""
    value, target = value_text(indicator, found), target_text(indicator, found)
    return [target, value, number(indicator.weight, 2), points, facts.evidence[indicator.query].label, note + between]


def part_table(facts: Facts) -> list[Block]:
    """The project's components, what measures each, and the points won."""
    rows = []
    for part in facts.tree.parts:
        measured = [i for i in facts.tree.indicators() if i.part == part]
        told = [(i.weight, facts.by_indicator[i.id].points) for i in measured]
        assessed = sum(weight for weight, points in told if points is not None)
        won = sum(points for _, points in told if points is not None)
        names = "、".join(i.name for i in measured) or "没有对应指标"
        rows.append([part, names, number(assessed, 2), number(won, 2) if assessed else "不计分"])
    columns, widths = ["建设内容", "对应的三级指标", "可评分值", "得分"], [1.6, 4.2, 0.8, 0.8]
    align = [LEFT, LEFT, RIGHT, RIGHT]
    return [Table("建设内容及对应指标（分）", columns, rows, widths, align)] if rows else []


def audit_table(found: Sequence[Finding]) -> list[Block]:
    """What the self-audit found."""
    rows = [[str(n), finding.kind, finding.text, finding.cite.strip("[]")] for n, finding in enumerate(found, start=1)]
    columns, widths = ["序号", "类别", "情况", "证据"], [0.6, 1.4, 5.6, 0.7]
    align = [CENTER, LEFT, LEFT, CENTER]
    return [Table("自查发现", columns, rows, widths, align)] if rows else []


def line_names(facts: Facts) -> dict[str, str]:
    """What people call a line on the border: its gates' entrance, else the zone it leads to."""
    site = facts.site
    named = {gate.line: gate.entrance for gate in site.gates}
    for line in border_lines(site):
        inner = line.to_zone if line.from_zone == OUTSIDE else line.from_zone
        named.setdefault(line.id, f"{site.zone[inner].name}（{line.id}）")
    return named


def daily_flow(facts: Facts) -> dict[str, dict[str, tuple[int, int]]]:
    """Ins and outs by day and line: {day: {line_id: (ins, outs)}}."""
    flow: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in facts.rows("kpi_crossings_by_day"):
        flow[str(row["day"])][str(row["line_id"])] = (int(row["ins"] or 0), int(row["outs"] or 0))
    return dict(flow)


def crossing_table(facts: Facts) -> list[Block]:
    """Totals by entrance."""
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    names = line_names(facts)
    for lines in daily_flow(facts).values():
        for line, (ins, outs) in lines.items():
            totals[names[line]][0] += ins
            totals[names[line]][1] += outs
    whole = sum(map(sum, totals.values())) or 1
    rows = [
        [name, str(ins), str(outs), str(ins + outs), percent(100 * (ins + outs) / whole)]
        for name, (ins, outs) in sorted(totals.items(), key=lambda item: -sum(item[1]))
    ]
    columns = ["出入口", "进（人次）", "出（人次）", "合计（人次）", "占比"]
    caption = f"各出入口客流{facts.cite('kpi_crossings_by_day')}"
    return [Table(caption, columns, rows, [2, 1, 1, 1, 1], [LEFT, *[RIGHT] * 4])] if rows else []


def peak_table(facts: Facts) -> list[Block]:
    """Daily peaks of the last days."""
    days = facts.rows("kpi_occupancy_by_day")[-MOST_DAYS:]
    rows = [
        [
            str(row["day"]),
            number(_float(row["peak"]), 0),
            f"{number(_float(row['peak_low']), 0)}–{number(_float(row['peak_high']), 0)}",
            str(row["peak_time"]),
            number(_float(row["mean_occupancy"]), 0),
        ]
        for row in days
    ]
    columns = ["日期", "峰值（人）", "95%区间（人）", "出现时刻", "全日平均（人）"]
    caption = f"逐日在场人数{facts.cite('kpi_occupancy_by_day')}"
    align = [LEFT, RIGHT, RIGHT, CENTER, RIGHT]
    return [Table(caption, columns, rows, [1.4, 1, 1.4, 1, 1.2], align)] if rows else []


def zone_table(facts: Facts) -> list[Block]:
    """Peaks of the fullest zones against their capacity."""
    rows = []
    for row in facts.rows("kpi_zone_peaks"):
        zone = facts.site.zone.get(str(row["zone_id"]))
        if zone is not None:
            peak = _float(row["peak"])
            full = percent(100 * peak / zone.capacity) if zone.capacity and peak is not None else "—"
            between = f"{number(_float(row['peak_low']), 0)}–{number(_float(row['peak_high']), 0)}"
            rows.append([zone.name, str(zone.capacity), number(peak, 0), between, full, str(row["peak_time"])])
    columns = ["区域", "容量（人）", "峰值（人）", "95%区间（人）", "占容量", "出现时间"]
    caption = f"各区域在场人数峰值{facts.cite('kpi_zone_peaks')}"
    align = [LEFT, RIGHT, RIGHT, RIGHT, RIGHT, CENTER]
    return [Table(caption, columns, rows, [1.6, 1, 1, 1.3, 0.9, 1.8], align)] if rows else []


def camera_table(facts: Facts) -> list[Block]:
    """The cameras that were online least or had a bad picture."""
    rows = []
    for row in facts.rows("kpi_cameras_least_online"):
        if row["online_rate"] == 100 and not row["bad_picture_minutes_of_camera"]:
            continue
        camera = facts.site.camera.get(str(row["camera"]))
        cells = [percent(_float(row["online_rate"])), str(row["online_minutes_of_camera"])]
        bad = str(row["bad_picture_minutes_of_camera"])
        rows.append([camera.name if camera else "", str(row["camera"]), *cells, bad])
    columns = ["摄像机", "编号", "在线率", "在线分钟", "图像异常分钟"]
    caption = f"在线率最低或图像异常的摄像机{facts.cite('kpi_cameras_least_online')}"
    return [Table(caption, columns, rows, [1.6, 1.8, 1, 1, 1.2], [LEFT, LEFT, RIGHT, RIGHT, RIGHT])] if rows else []


def gate_table(facts: Facts) -> list[Block]:
    """Passages of each gate."""
    names = {gate.id: gate.name for gate in facts.site.gates}
    rows = [
        [
            names.get(str(row["gate_id"]), ""),
            str(row["gate_id"]),
            str(row["granted_passages"]),
            str(row["refused_passages"]),
        ]
        for row in facts.rows("kpi_gate_passages")
    ]
    columns = ["门禁", "编号", "放行（次）", "拒绝（次）"]
    caption = f"各门禁通行情况{facts.cite('kpi_gate_passages')}"
    return [Table(caption, columns, rows, [1.8, 1.8, 1, 1], [LEFT, LEFT, RIGHT, RIGHT])] if rows else []


def alert_table(facts: Facts) -> list[Block]:
    """Alerts by rule and what people said of them."""
    numbers = ("alerts", "still_open", "judged_true", "judged_false", "not_judged")
    rows = [
        [rule_name(row["alert_rule"]), *(str(row[name]) for name in numbers), number(_float(row["median_minutes"]))]
        for row in facts.rows("kpi_alerts_by_rule")
    ]
    columns = ["预警类别", "次数", "未关闭", "属实或无害", "误报", "未判断", "持续中位数（分钟）"]
    caption = f"各类预警及处置{facts.cite('kpi_alerts_by_rule')}"
    return [Table(caption, columns, rows, [2, 0.8, 0.9, 1.2, 0.8, 0.9, 1.6], [LEFT, *[RIGHT] * 6])] if rows else []


def _float(value: str | int | float | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None
