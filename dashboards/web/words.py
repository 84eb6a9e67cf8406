"""The page's words, Chinese and English; those for alerts are `infra/alert_words.py`. Names stay as they are."""

from typing import Final, get_args

from infra.alert_sentences import explained
from infra.alert_words import MEASURED, RULES, SEVERITIES, VERDICTS, Language, word
from infra.events import Alert

Lang = Language
LANGS: Final[tuple[Lang, ...]] = get_args(Lang)

WORDS: Final[dict[str, tuple[str, str]]] = {
    # page
    "title": ("安防实况", "Live safety"),
    "skip": ("跳到预警", "Skip to alerts"),
    "plan": ("平面图", "Plan"),
    "plan_hint": ("点选分区可查看数字与曲线", "Choose a zone for its numbers and curve"),
    "zones": ("分区人数", "Persons by zone"),
    "alerts": ("预警", "Alerts"),
    "devices": ("设备", "Devices"),
    "cameras": ("摄像机", "Cameras"),
    "gates": ("人行通道", "Gates"),
    "language": ("English", "中文"),
    "dark": ("深色", "Dark"),
    "log_out": ("退出", "Log out"),
    "estates": ("小区", "Estates"),
    "audit": ("审计", "Audit"),
    "replay": ("回放：以数据中最新的时刻为“现在”", "Replay: now is the newest moment in the data"),
    "data_until": ("数据截至", "data until"),
    "no_data": ("尚无数据", "no data yet"),
    "connecting": ("正在连接…", "connecting …"),
    "live": ("实时", "live"),
    "broken": ("连接中断，正在重连", "connection lost, trying again"),
    "kafka_away": ("Kafka 无应答，下列内容可能已过时", "Kafka does not answer: what follows may be old"),
    "floors": ("各层", "floors"),
    "other_zones": ("其余分区", "other zones"),
    "now": ("现在", "now"),
    "ago": ("前", "ago"),
    # zones
    "persons": ("人", "persons"),
    "interval": ("95% 区间", "95 % interval"),
    "of_capacity": ("容量", "of capacity"),
    "ins_today": ("今日进", "in today"),
    "outs_today": ("出", "out"),
    "unknown": ("未知", "unknown"),
    "partial": ("部分覆盖", "partly covered"),
    "last_told": ("上次数据", "last told"),
    "never_told": ("从未收到数据", "never told"),
    "curve": ("近 24 小时人数曲线，最高 {most}", "persons over 24 hours, at most {most}"),
    "no_curve": ("近 24 小时无数据", "no data in 24 hours"),
    "level_calm": ("正常", "calm"),
    "level_busy": ("较多（≥80%）", "busy (80 % or more)"),
    "level_full": ("满员（≥100%）", "full (100 % or more)"),
    "level_unknown": ("未知", "unknown"),
    # devices
    "state_ok": ("正常", "ok"),
    "state_fault": ("异常", "fault"),
    "state_unknown": ("未知", "unknown"),
    "last_passage": ("最近通行", "last passage"),
    "no_passage": ("24 小时内无通行记录", "no passage in 24 hours"),
    "all_ok": ("全部正常", "all are well"),
    "and_more": ("另有 {n} 个", "and {n} more"),
    # alerts
    "no_alerts": ("近 24 小时没有预警", "No alerts in the last 24 hours"),
    "open": ("未关闭", "open"),
    "unanswered": ("待处置", "unanswered"),
    "status_opened": ("进行中", "open"),
    "status_updated": ("进行中", "open"),
    "status_closed": ("已结束", "over"),
    "since": ("开始", "since"),
    "until": ("结束", "until"),
    "suppressed": ("不通知", "wakes nobody"),
    "recorder": ("查看录像", "Recording"),
    "numbers": ("数值与依据", "Numbers and evidence"),
    "original": ("原文", "in the rule's words"),
    "evidence": ("依据", "evidence"),
    "new_alert": ("新预警", "New alert"),
    # dispositions
    "decide": ("处置", "Your verdict"),
    "note": ("备注（可不填）", "Note (may be empty)"),
    "said_by": ("{by}：", "{by}: "),
    "sent": ("已记录", "Recorded"),
    "not_sent": ("未能记录，请重试", "Not recorded, please try again"),
    # one-tap links
    "link_title": ("确认处置", "Confirm your verdict"),
    "link_confirm": ("确认：{verdict}", "Confirm: {verdict}"),
    "link_done": ("已记录，谢谢。", "Recorded, thank you."),
    "link_bad": ("链接无效或已过期", "This link is not valid, or has expired"),
    "link_help": ("请在实况页面登录后处置。", "Please log in to the live page instead."),
    "link_unknown": ("此预警已不在近 24 小时内", "This alert is no longer among those of the last 24 hours"),
    # login
    "log_in": ("登录", "Log in"),
    "user": ("用户名", "User name"),
    "password": ("密码", "Password"),
    "wrong": ("用户名或密码不对", "Wrong user name or password"),
    "locked": ("失败次数过多，请稍后再试", "Too many failures, please try again later"),
    "refused": ("请求被拒绝", "Refused"),
    "back": ("返回", "Back"),
    "role_guard": ("保安", "guard"),
    "role_office": ("居委会", "office"),
    "role_operator": ("运维", "operator"),
}


class Words:
    """The catalogue in one language."""

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang
        self._column = LANGS.index(lang)

    def __call__(self, key: str, **values: object) -> str:
        """The words for `key`. Raises KeyError where there are none: a mistake in a template."""
        text = WORDS[key][self._column]
        return text.format(**values) if values else text

    def rule(self, name: str) -> str:
        """A rule's name; like those below the name itself where there is no word yet."""
        return word(RULES, name, self.lang)

    def severity(self, name: str) -> str:
        """A severity's name."""
        return word(SEVERITIES, name, self.lang)

    def measured(self, name: str) -> str:
        """The name of a measured number."""
        return word(MEASURED, name, self.lang)

    def why(self, alert: Alert) -> str:
        """Why it was raised."""
        return explained(alert, self.lang)

    def verdict(self, name: str) -> str:
        """A verdict's name, also of "acknowledged"."""
        return word(VERDICTS, name, self.lang)


def as_lang(text: str | None) -> Lang | None:
    """`text` as a language of the page, None where it is none."""
    return "zh" if text == "zh" else "en" if text == "en" else None
