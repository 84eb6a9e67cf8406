"""Numbers and sentences in the style of official documents."""

from collections.abc import Sequence

from dashboards.report.content import Block, Paragraph
from dashboards.report.indicators import ChangeShown, Indicator
from dashboards.report.score import Assessment

NOT_SCORED = "不计分"
RULES = {
    "over_capacity": "超员预警",
    "restricted_hours": "限时区域预警",
    "camera_silent": "摄像机失联预警",
    "fire_lane": "消防通道占用预警",
    "gathering": "人员聚集预警",
    "wrong_way": "逆行预警",
    "e_bike": "电动车进楼预警",
}
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
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
    numerals = "一二三四五六七八九十"
    if len(items) == 1:
        return items[0]
    marks = [f"{numerals[i]}是" if i < len(numerals) else "另外，" for i in range(len(items))]
    return "；".join(f"{mark}{item}" for mark, item in zip(marks, items, strict=True))


def rule_name(rule: object) -> str:
    """An alert rule's Chinese name; its id where there is none."""
    return RULES.get(str(rule), str(rule))
