"""The names of rules, severities, states and measured numbers for people, Chinese and English."""

from typing import Final, Literal

Language = Literal["zh", "en"]
Words = dict[str, tuple[str, str]]

RULES: Final[Words] = {
    "over_capacity": ("超员", "Over capacity"),
    "restricted_hours": ("禁入时段有人", "Person in closed hours"),
    "fire_lane": ("占用消防通道", "Fire lane blocked"),
    "loitering": ("徘徊", "Loitering"),
    "perimeter_crossing": ("翻越周界", "Perimeter crossed"),
    "gathering": ("聚集", "Gathering"),
    "wrong_way": ("逆行", "Wrong way"),
    "e_bike": ("电动车入楼", "E-bike in building"),
    "tailgating": ("尾随", "Tailgating"),
    "gate_held": ("通道门未关", "Gate held open"),
    "gate_forced": ("闯通道", "Gate forced"),
    "unusual_flow": ("客流异常偏高", "Unusually many persons"),
    "unusual_absence": ("客流异常偏低", "Unusually few persons"),
    "camera_silent": ("摄像机失联", "Camera silent"),
    "camera_tampered": ("摄像机画面异常", "Camera tampered with"),
    "clock_skew": ("摄像机时钟偏差", "Camera clock wrong"),
    "unanswered": ("预警无人处置", "Nobody answered"),
    "reconciliation": ("实时与夜间复算不一致", "Streams and nightly differ"),
}
SEVERITIES: Final[Words] = {
    "critical": ("紧急", "critical"),
    "warning": ("警告", "warning"),
    "info": ("提示", "info"),
}
STATUSES: Final[Words] = {
    "opened": ("新预警", "new"),
    "updated": ("预警更新", "update"),
    "closed": ("预警结束", "over"),
}
MEASURED: Final[Words] = {
    "occupancy": ("在场人数", "persons"),
    "low": ("区间下限", "low end"),
    "high": ("区间上限", "high end"),
    "capacity": ("容量", "capacity"),
    "minutes_to_capacity": ("预计满员（分钟）", "minutes to capacity"),
    "persons": ("人数", "persons"),
    "usual": ("通常人数", "usual persons"),
    "dispersion": ("离散度", "dispersion"),
    "vehicles": ("车辆数", "vehicles"),
    "limit_minutes": ("限时（分钟）", "limit (min)"),
    "x_m": ("位置 x（米）", "x (m)"),
    "y_m": ("位置 y（米）", "y (m)"),
    "since_ms": ("停留始于", "there since"),
    "limit": ("限值", "limit"),
    "peak": ("最多人数", "peak"),
    "held_s": ("持续（秒）", "held (s)"),
    "hold_s": ("持续（秒）", "hold (s)"),
    "timeout_s": ("超时（秒）", "timeout (s)"),
    "offset_ms": ("时钟偏差（毫秒）", "clock offset (ms)"),
    "limit_ms": ("限值（毫秒）", "limit (ms)"),
    "open_minutes": ("已持续（分钟）", "open for (min)"),
    "signs": ("发现次数", "signs"),
    "minutes": ("区域分钟", "zone-minutes"),
    "share": ("占比", "share"),
    "late": ("迟到", "late"),
    "dead_letter": ("曾被拒收", "refused before"),
    "outage": ("实时统计中断", "streams were away"),
    "unexplained": ("原因不明", "unexplained"),
}
VERDICTS: Final[Words] = {
    "acknowledged": ("知悉", "Seen"),
    "true": ("属实", "True"),
    "false": ("误报", "False alarm"),
    "benign": ("属实无害", "Harmless"),
    "unsure": ("不确定", "Unsure"),
}


def word(words: Words, name: str, language: Language) -> str:
    """The word for `name`, or `name` itself where there is none yet."""
    pair = words.get(name)
    return name if pair is None else pair[0 if language == "zh" else 1]
