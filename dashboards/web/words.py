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
    # ledgers
    "ledgers": ("台账", "Ledgers"),
    "ledger_funds": ("资金", "Funds"),
    "ledger_incidents": ("警情", "Incidents"),
    "ledger_survey": ("问卷", "Survey"),
    "ledger_spot_checks": ("人工抽查", "Spot checks"),
    "ledger_upload": ("导入文件", "Import a file"),
    "ledger_file": ("CSV 或 XLSX 文件，至多 1 MB", "A CSV or XLSX file, at most 1 MB"),
    "ledger_columns": ("表头（带 * 为必填）", "Header row (* must be there)"),
    "ledger_look": ("查看内容", "Look it through"),
    "ledger_mistakes": (
        "{name} 有 {n} 处错误，未导入任何内容，请改正后重新上传：",
        "{name} has {n} mistakes. Nothing was imported; mend them and upload it again:",
    ),
    "ledger_wrong": ("{name} 未导入：", "{name} was not imported: "),
    "ledger_row": ("行", "row"),
    "ledger_expected": ("问题", "what is wrong"),
    "ledger_preview": ("{name}：待确认", "{name}: to be confirmed"),
    "ledger_counts": (
        "新增 {new} 条，更正 {changed} 条，不变 {unchanged} 条",
        "{new} new, {changed} corrected, {unchanged} unchanged",
    ),
    "ledger_did": ("新增 {new} 条，更正 {changed} 条", "{new} new, {changed} corrected"),
    "ledger_does": ("处理", "what happens"),
    "ledger_new": ("新增", "new"),
    "ledger_changed": ("更正", "corrected"),
    "ledger_unchanged": ("不变", "unchanged"),
    "ledger_before": ("原为", "was"),
    "ledger_taken_out": ("已撤销", "taken out"),
    "ledger_why": ("更正原因（记入历史）", "Why it is corrected (kept in the history)"),
    "ledger_confirm": ("确认导入", "Import"),
    "ledger_history": ("导入历史", "Imports"),
    "ledger_nothing": ("尚未导入", "Nothing was imported yet"),
    "ledger_removed": ("，撤出 {n} 条", ", {n} taken out"),
    "ledger_undo": ("撤销", "Undo"),
    "ledger_undo_why": ("撤销原因（可不填）", "Why (may be empty)"),
    "ledger_by": ("{by}，{at}", "{by}, {at}"),
    # reports
    "reports": ("报告", "Reports"),
    "report_ask": ("生成绩效评价报告", "Ask for a performance report"),
    "report_period": (
        "期间：年 2024、半年 2024H1、季度 2024Q3 或月 2024-02",
        "Period: a year 2024, a half 2024H1, a quarter 2024Q3 or a month 2024-02",
    ),
    "report_days": ("或自定起止日", "or days of your own"),
    "report_first": ("起", "From"),
    "report_last": ("止（含当日）", "To (that day too)"),
    "report_language": ("报告语言", "Language of the report"),
    "report_indicators": ("指标体系", "Indicators"),
    "report_own": ("本小区指标体系", "the estate's own"),
    "report_2020": ("财预〔2020〕10号", "财预〔2020〕10号 (2020)"),
    "report_2017": ("呈财〔2017〕115号", "呈财〔2017〕115号 (2017)"),
    "report_make": ("生成", "Make it"),
    "report_wrong": (
        "期间无效：请填年、半年、季度或月，或同时选择起止日（至多五年）。",
        "That is no period: give a year, half, quarter or month, or both days (at most five years).",
    ),
    "report_full": (
        "本小区已有 {n} 份报告在排队，请稍后再试。",
        "{n} reports of this estate wait already, please try again later.",
    ),
    "report_list": ("已申请的报告", "Reports asked for"),
    "report_none": ("尚未申请过报告", "No report was asked for yet"),
    "report_waiting": ("排队中", "waiting"),
    "report_running": ("正在生成", "being made"),
    "report_begins": ("正在开始", "beginning"),
    "report_step_ask": ("正在查询数据", "asking the warehouse"),
    "report_step_check": ("正在复核每个数据", "asking for every figure again"),
    "report_step_render": ("正在排版", "setting text and charts"),
    "report_step_keep": ("正在签名并存档", "signing and keeping"),
    "report_failed": ("未生成：", "Not made: "),
    "report_points": ("得分 {points}（可评 {assessed} 分）", "{points} of {assessed} points"),
    "report_percent": ("，折合 {percent} 分", ", {percent} of 100"),
    "report_figures": ("{n} 个数据有据可查", "{n} figures with evidence"),
    "file_pdf": ("PDF", "PDF"),
    "file_docx": ("DOCX", "DOCX"),
    "file_xlsx": ("XLSX", "XLSX"),
    "file_json": ("JSON", "JSON"),
    "file_manifest": ("签名清单", "signed manifest"),
    "file_key": ("公钥", "public key"),
    "file_bundle": ("全部（ZIP）", "all of it (ZIP)"),
    # subscriptions
    "subscriptions": ("通知", "Told of alerts"),
    "subscription_list": ("谁会收到预警", "Who is told of alerts"),
    "subscription_nobody": ("尚无任何人订阅：预警不会送达任何人。", "Nobody is subscribed: alerts reach no one."),
    "subscription_no_worker": (
        "尚无推送记录（请确认 anfang deliver 在运行）",
        "nothing delivered yet (does anfang deliver run?)",
    ),
    "subscription_dead": ("自 {since} 起已停止推送：", "given up since {since}: "),
    "subscription_failing": ("自 {since} 起推送失败：", "failing since {since}: "),
    "subscription_last": ("最近送达", "last delivered"),
    "subscription_counts": ("共送达 {delivered} 条，待发 {waiting} 条", "{delivered} in all, {waiting} waiting"),
    "subscription_all": ("全部预警", "all alerts"),
    "subscription_quiet_at": ("免打扰 {hours}", "quiet {hours}"),
    "subscription_remove": ("取消订阅", "Remove"),
    "subscription_removal": (
        "待发的消息不再发送，其密钥一并删除。",
        "What waits is not sent any more, and the secret is deleted.",
    ),
    "subscription_add": ("添加或修改订阅", "Add somebody, or change it"),
    "subscription_name": (
        "名称（小写字母、数字、_；同名则替换）",
        "Name (small letters, digits, _; replaces its like)",
    ),
    "subscription_who": ("接收者", "Whom it reaches"),
    "subscription_channel": ("方式", "Channel"),
    "subscription_webhook": ("Webhook（https 地址）", "Webhook (https address)"),
    "subscription_mail": ("电子邮件", "E-mail"),
    "subscription_push": (
        "钉钉、企业微信、飞书、ntfy 等（apprise 地址）",
        "DingTalk, WeCom, Feishu, ntfy … (an apprise address)",
    ),
    "subscription_where": ("地址", "Address"),
    "subscription_severities": ("级别（不选即全部）", "Severities (none: all)"),
    "subscription_rules": ("规则（不选即全部）", "Rules (none: all)"),
    "subscription_zones": ("分区（含其内各分区；不选即全部）", "Zones, with all inside them (none: all)"),
    "subscription_quiet": ("免打扰时段（紧急预警除外）", "Quiet hours (critical alerts pass)"),
    "subscription_language": ("消息语言", "Language of the messages"),
    "subscription_more": ("其他", "More"),
    "subscription_escalations_only": ("仅无人处置的预警", "only alerts that nobody answered"),
    "subscription_updates": ("每次更新都通知", "every update"),
    "subscription_canary": ("每小时测试消息", "the hourly test message too"),
    "subscription_save": ("保存", "Save"),
    "subscription_added": ("{name}：已添加", "{name}: added"),
    "subscription_changed": ("{name}：已修改", "{name}: changed"),
    "subscription_secret": (
        "签名密钥，仅显示这一次，请交给接收方：",
        "Its signing secret, shown this once, for whoever receives:",
    ),
    "subscription_test": (
        "可用 anfang subscriptions test {name} 试发。",
        "Try it with anfang subscriptions test {name}.",
    ),
    # figures
    "figure": ("数据出处", "Figure"),
    "figure_said": (
        "{first} 至 {last} 的报告引用，出具于 {at}",
        "cited by the report on {first} to {last}, made on {at}",
    ),
    "figure_same": ("现在重新计算，结果相同。", "Computed again now: it is the same."),
    "figure_differs": (
        "现在重新计算，结果不同；下列为当时的数值。",
        "Computed again now, it differs; below is what it was.",
    ),
    "figure_not_asked": (
        "现在不能重新计算；下列为当时的数值。",
        "It cannot be computed again now; below is what it was.",
    ),
    "figure_altered": (
        "存档内容与地址不符，已被改动，不可采信。",
        "What is stored is not what the address says. It was changed: do not rely on it.",
    ),
    "figure_answer": ("结果", "Answer"),
    "figure_more": ("另有 {n} 行，见 JSON", "{n} more rows: see the JSON"),
    "figure_question": ("查询语句与参数", "Question and parameters"),
    "figure_read": ("读取范围", "What was read"),
    "figure_tables": ("表", "tables"),
    "figure_days": ("日期", "days"),
    "figure_rows_read": ("读取行数", "rows read"),
    "figure_digest": ("逐日内容摘要", "digest of the days"),
    "figure_id": ("证据标识", "id"),
    "figure_hash": ("内容散列", "content hash"),
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
