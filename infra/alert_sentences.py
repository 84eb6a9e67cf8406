"""Why an alert was raised, as people of a language read it.

The rules write `explanation` in English. Here is the Chinese sentence, made from the numbers and names that the alert
carries, so it says the same of every state of an alert wherever it is shown: page, messages, Superset (whose dataset
`alerts` holds the same texts, translated by its catalogue; a test compares them).
"""

import re
from typing import Final

from infra.alert_words import RULES, Language, word
from infra.events import Alert

SEPARATOR: Final = "；"
NAME: Final = re.compile(r"\{(\w+)\}")
PICTURES: Final[dict[str, tuple[str, str]]] = {
    "black": ("黑屏", "black"),
    "frozen": ("冻结", "frozen"),
    "blurred": ("模糊", "blurred"),
    "moved": ("移位", "moved"),
    "covered": ("被遮挡", "covered"),
}
# Clauses, with names of `measured` and `names`. One is said where it has all that it names, and not all of it is 0.
SENTENCES: Final[dict[str, str]] = {
    "over_capacity": (
        "约 {occupancy} 人（95% 区间 {low} 至 {high}），容量 {capacity} 人；照此趋势约 {minutes_to_capacity} 分钟后满员"
    ),
    "restricted_hours": "关闭时段内发现有人 {signs} 次",
    "fire_lane": "{vehicles} 辆车停留超过 {limit_minutes} 分钟",
    "loitering": "{persons} 人停留超过 {limit_minutes} 分钟",
    "perimeter_crossing": "周界被穿越 {signs} 次",
    "gathering": "同一画面内最多 {peak} 人，持续 {held_s} 秒，限值 {limit} 人",
    "wrong_way": "逆向通过 {signs} 次",
    "e_bike": "楼内发现电动车或自行车 {signs} 次",
    "tailgating": "{signs} 人跟随他人进入，没有自己的授权",
    "gate_held": "{signs} 人凭同一次放行接连进入，没有自己的授权",
    "gate_forced": "{signs} 人进入，而通道没有放行",
    "unusual_flow": "本小时已有 {persons} 人次通过，此类时段通常约 {usual} 人次",
    "unusual_absence": "一小时内只有 {persons} 人次通过，此类时段通常约 {usual} 人次",
    "camera_silent": "超过 {timeout_s} 秒没有消息，或自报离线",
    "camera_tampered": "画面{picture}；异常已超过 {hold_s} 秒，画面不可采信",
    "clock_skew": "时钟偏差 {offset_ms} 毫秒，限值 {limit_ms} 毫秒",
    "unanswered": "{rule}；已 {open_minutes} 分钟无人处置",
    "reconciliation": (
        "当日 {minutes} 个分区分钟里，实时与夜间复算有差异；迟到 {late}；曾被拒收 {dead_letter}；"
        "实时统计中断 {outage}；原因不明 {unexplained}"
    ),
}


def explained(alert: Alert, language: Language) -> str:
    """The sentence in Chinese; in English, and for rules that have no sentence yet, what the rule wrote."""
    if language == "en":
        return alert.explanation
    clauses = SENTENCES.get(alert.rule, "").split(SEPARATOR)
    return SEPARATOR.join(said for clause in clauses if (said := _filled(clause, alert))) or alert.explanation


def number(value: float) -> str:
    """A measured number for people: whole from 10 on, below with one decimal."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}".removesuffix(".0")


def _filled(clause: str, alert: Alert) -> str:
    """The clause with its numbers and names; empty where one is missing or there is nothing but zeros."""
    wanted = NAME.findall(clause)
    if any(name not in alert.measured and name not in alert.names for name in wanted):
        return ""
    if all(name in alert.measured and not alert.measured[name] for name in wanted):
        return ""
    return NAME.sub(lambda found: _value(found[1], alert), clause)


def _value(name: str, alert: Alert) -> str:
    if name in alert.measured:
        return number(alert.measured[name])
    return word(PICTURES if name == "picture" else RULES, alert.names[name], "zh")
