"""The words of the ledgers' files, and what is told of a mistake in one: Chinese and English."""

from typing import Final

from msgspec import Struct

from infra.alert_words import Language

COLUMNS: Final = {
    "id": "编号",
    "day": "日期",
    "kind": "类别",
    "amount_yuan": "金额（元）",
    "purpose": "用途",
    "event_time": "时间",
    "zone_id": "区域",
    "description": "说明",
    "question": "问题",
    "respondents": "人数",
    "score_mean": "平均分",
    "score_sd": "标准差",
    "start_time": "开始时间",
    "end_time": "结束时间",
    "line_id": "计数线",
    "manual_count": "人工计数",
}
WORDS: Final = {
    "预算": "budget",
    "到位": "received",
    "支出": "spent",
    "盗窃": "theft",
    "扰乱秩序": "public_order",
    "打架": "fight",
    "消防通道": "fire_lane",
    "其他": "other",
    "满意度": "satisfaction",
    "安全感": "safety",
}
EXPECTED: Final = {  # how pydantic's and our own error types begin
    "missing": ("缺少内容", "is missing"),
    "extra_forbidden": ("没有对应的列名", "has no column of its own"),
    "datetime_": ("应为时间，如 2024-03-01 08:30", "expected a time such as 2024-03-01 08:30"),
    "date_": ("应为日期，如 2024-03-01", "expected a day such as 2024-03-01"),
    "int_": ("应为整数", "expected a whole number"),
    "float_": ("应为数字", "expected a number"),
    "finite": ("应为数字", "expected a number"),
    "decimal_parsing": ("应为数字", "expected a number"),
    "decimal_": ("至多14位数字，其中小数2位", "expected at most 14 digits, 2 of them decimals"),
    "greater_than_equal": ("应不小于{ge}", "expected {ge} or more"),
    "less_than_equal": ("应不大于{le}", "expected {le} or less"),
    "less_than": ("应小于{lt}", "expected less than {lt}"),
    "string_too_long": ("至多{max_length}个字符", "expected at most {max_length} characters"),
    "one_of": ("应为{words}之一", "expected one of {names}"),
    "unknown_zone": ("应为站点文件中的区域，或留空", "expected a zone of the site file, or nothing"),
    "unknown_line": ("应为站点文件中的计数线", "expected a counting line of the site file"),
    "ends_before_start": ("结束时间应晚于开始时间", "end_time must be after start_time"),
    "over_midnight": ("抽查不应跨越零点，请分成两条", "a check must not run over midnight: make it two"),
    "repeated": ("{got} 与第{row}行重复", "{got} is in row {row} already"),
}
ENGLISH: Final = {chinese: name for name, chinese in COLUMNS.items()}


class Mistake(Struct, frozen=True):
    """A wrong cell: its row as spreadsheets count, its column (or the whole row: empty), what was expected, what is."""

    row: int
    column: str
    expected: tuple[str, str]
    got: str = ""

    def told(self, lang: Language) -> str:
        """In words, without the row."""
        zh, en = self.expected
        if lang == "en":
            return f"{self.column or 'row'}: {en}{f', got {self.got}' if self.got else ''}"
        where = f" {COLUMNS.get(self.column, self.column)}（{self.column}）" if self.column else ""
        return f"{where}：{zh}{f'，实为 {self.got}' if self.got else ''}".strip()


def expected(kind: str, limits: dict[str, object], otherwise: str = "") -> tuple[str, str]:
    """What was expected, by the type of the error; `otherwise` where it has no words here."""
    found = next((words for begin, words in EXPECTED.items() if kind.startswith(begin)), None)
    if found is None:
        return otherwise, otherwise
    return found[0].format(**limits), found[1].format(**limits)


def one_of(names: tuple[str, ...]) -> tuple[str, str]:
    """The words that a column may hold."""
    words = {english: chinese for chinese, english in WORDS.items()}
    return expected(
        "one_of", {"words": "、".join(f"{words[name]}（{name}）" for name in names), "names": ", ".join(names)}
    )
