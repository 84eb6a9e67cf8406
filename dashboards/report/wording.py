"""Numbers and sentences in the style of official documents."""

from collections.abc import Sequence

from dashboards.report.content import Block, Paragraph
from dashboards.report.indicators import ChangeShown, Indicator
from dashboards.report.score import Assessment

NOT_SCORED = "不计分"
RULES = {
    "camera_tampered": "摄像机异常预警",
    "clock_skew": "设备时钟偏差预警",
    "gate_forced": "闯门预警",
    "gate_held": "占门预警",
    "loitering": "徘徊预警",
    "over_capacity": "超员预警",
    "perimeter_crossing": "周界越界预警",
    "tailgating": "尾随预警",
    "unanswered": "预警无人响应",
    "unusual_absence": "客流异常减少预警",
    "unusual_flow": "客流异常增多预警",
    "restricted_hours": "限时区域预警",
    "camera_silent": "摄像机失联预警",
    "fire_lane": "消防通道占用预警",
    "gathering": "人员聚集预警",
    "wrong_way": "逆行预警",
    "e_bike": "电动车进楼预警",
}
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
QUESTIONS = {
    "kpi_accounting": "夜间核算与入库天数",
    "kpi_partitions": "逐日入库内容摘要",
    "kpi_crossings_total": "小区边界客流合计",
    "kpi_crossings_by_day": "逐日各计数线客流",
    "kpi_crossings_by_hour": "各星期各时段客流",
    "kpi_occupancy_by_day": "逐日在场人数峰值",
    "kpi_occupancy_by_hour": "逐时在场人数",
    "kpi_zone_peaks": "各区域在场人数峰值",
    "kpi_alerts_by_rule": "各类预警及判断",
    "kpi_gate_passages": "各门禁通行次数",
    "kpi_cameras_online": "各类摄像机在线台数",
    "kpi_camera_minutes": "设备在线与图像完好分钟",
    "kpi_camera_online_by_day": "逐日设备在线率",
    "kpi_cameras_least_online": "在线率最低的摄像机",
    "kpi_data_completeness": "设备报文完整情况",
    "kpi_stream_batch_agreement": "实时与夜间复算对照",
    "kpi_alert_delay": "预警推送时延",
    "kpi_dispositions": "预警处置情况",
    "kpi_counting_accuracy": "人工抽查与摄像机计数对照",
    "kpi_funds": "资金台账合计",
    "kpi_incidents": "警情台账同比",
    "kpi_surveys": "居民问卷",
    "kpi_availability": "在场人数可得分钟",
    "kpi_gates_in_use": "有通行的门禁",
    "kpi_camera_days": "有设备状态的摄像机·日",
    "kpi_video_quality": "帧率、解码与时钟",
    "kpi_cameras_in_use": "在线时间过半的摄像机",
    "kpi_gate_days": "有通行的门禁·日",
    "kpi_records": "有效与及时的报文",
    "kpi_stored_days": "现存记录与核算对照",
    "kpi_border_coverage": "有客流的边界计数线·日",
    "kpi_occupancy_precision": "在场人数区间半宽",
    "kpi_alerts_closed": "预警关闭与消防通道占用时长",
    "kpi_on_paper": "依据纸质材料评定的事项",
}
GLOSSARY = (
    ("客流（人次）", "crossings", "穿越小区边界计数线的次数，进、出各计一次"),
    ("在场人数", "occupancy", "每分钟末小区或区域内人数的估计值，附95%区间"),
    ("计数线", "line", "两个区域之间（或区域与小区外之间）的虚拟线"),
    ("区域", "zone", "站点文件中的小区、楼栋、广场、通道等空间"),
    ("站点文件", "site file", "登记设备、区域、计数线、时段和限值的文件"),
    ("批流一致率", "stream/batch agreement", "实时统计与夜间复算逐分钟一致的比例"),
    ("数据核算", "accounting", "原始记录＝有效＋重复＋拒收的逐日核对"),
    ("拒收记录", "dead letters", "格式、时间或设备有误而未采用的记录，原文保留"),
    ("覆盖情况", "coverage", "该分钟数据是否齐全：齐全、部分、不可得"),
    ("预警", "alert", "按规则开启、更新、关闭的事件，编号由成因决定"),
    ("处置", "disposition", "人员对预警的判断：属实、误报、无害、不确定"),
    ("内容摘要", "content hash", "某日入库内容的指纹，内容变化则摘要变化"),
    ("证据编号", "evidence id", "查询、语句和参数的指纹，用于复核"),
    ("95%区间", "95 % interval", "在仅有偶然波动时，真实值以95%把握所在的范围"),
)


def number(value: float | None, digits: int = 1) -> str:
    """A number with at most `digits` decimals, trailing zeros dropped; "—" for none."""
    if value is None:
        return "—"
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def percent(value: float | None) -> str:
    """A percentage that never rounds up to 100 what is less."""
    if value is None:
        return "—"
    digits = 1 if not 99.95 <= value < 100 else 3
    return f"{number(min(value, 99.999) if value < 100 else value, digits)}%"


def yuan(value: float | None) -> str:
    """Money in 万元, to the yuan."""
    return "—" if value is None else f"{number(value / 10_000, 4)}万元"


def interval(low: float | None, high: float | None, unit: str) -> str:
    """A 95 % interval; an open end is said so."""
    upper = "无上界" if high is None else f"{number(high)}{unit}"
    return f"95%区间{number(low)}{unit}至{upper}"


def value_text(indicator: Indicator, assessment: Assessment) -> str:
    """The indicator's actual value with its unit, or why there is none."""
    if assessment.missing:
        return "—"
    if isinstance(indicator.rule, ChangeShown):
        return _change_text(assessment)
    if indicator.unit == "%":
        return percent(assessment.value)
    return f"{number(assessment.value, 1)}{indicator.unit}"


def _change_text(assessment: Assessment) -> str:
    value = assessment.value
    return "上年同期为0" if value is None else f"{'+' if value > 0 else ''}{number(value)}%"


def target_text(indicator: Indicator, assessment: Assessment) -> str:
    """The target as the indicator table shows it."""
    if isinstance(indicator.rule, ChangeShown):
        return "下降"
    sign = "≤" if indicator.rule.name == "at_most" else "≥" if indicator.rule.name == "at_least" else ""
    return f"{sign}{number(assessment.target)}{indicator.unit}"


def paragraph(*sentences: str | None) -> list[Block]:
    """One paragraph of the sentences that hold; none where none does."""
    text = "".join(sentence for sentence in sentences if sentence)
    return [Paragraph(text)] if text else []


def enumerated(items: Sequence[str]) -> str:
    """Items joined as 一是…；二是…"""
    if len(items) == 1:
        return items[0]
    return "；".join(f"{numeral(number)}是{item}" for number, item in enumerate(items, start=1))


def numeral(value: int) -> str:
    """1 to 99 in Chinese numerals: 一, 十二, 二十."""
    digits = "零一二三四五六七八九"
    tens, ones = divmod(value, 10)
    head = "" if tens == 0 else "十" if tens == 1 else f"{digits[tens]}十"
    return head + (digits[ones] if ones else "")


def question_title(query: str) -> str:
    """What a query asks, in Chinese; its name where an office added it."""
    return QUESTIONS.get(query, query)


def rule_name(rule: object) -> str:
    """An alert rule's Chinese name; its id where there is none."""
    return RULES.get(str(rule), str(rule))
