"""The Chinese sentence of an alert: what the numbers say, no more and no less."""

import string
from typing import get_args

import msgspec
import pytest

from infra.alert_sentences import NAME, PICTURES, SENTENCES, explained, number
from infra.alert_words import MEASURED, RULES
from infra.events import Picture
from tests.dashboards.web.messages import alert

FULL = {"occupancy": 160.4, "low": 149.2, "high": 171.8, "capacity": 150.0}


def test_it_says_the_numbers_in_chinese_and_leaves_english_as_the_rule_wrote_it() -> None:
    one = alert(rule="over_capacity", measured={**FULL, "minutes_to_capacity": 7.5}, why="161 persons")
    assert explained(one, "zh") == "约 160 人（95% 区间 149 至 172），容量 150 人；照此趋势约 7.5 分钟后满员"
    assert explained(one, "en") == "161 persons"


def test_what_is_unknown_or_nothing_but_zero_is_not_said() -> None:
    reached = alert(rule="over_capacity", measured={**FULL, "minutes_to_capacity": 0.0})
    assert explained(reached, "zh") == explained(alert(rule="over_capacity", measured=FULL), "zh")
    assert "分钟后满员" not in explained(reached, "zh")
    nobody = alert(rule="unusual_absence", measured={"persons": 0.0, "usual": 35.2, "dispersion": 0.1})
    assert explained(nobody, "zh") == "一小时内只有 0 人次通过，此类时段通常约 35 人次"
    causes = {"late": 20.0, "dead_letter": 0.0, "outage": 0.0, "unexplained": 5.0, "minutes": 1000.0, "share": 0.025}
    assert explained(alert(rule="reconciliation", measured=causes), "zh") == (
        "当日 1000 个分区分钟里，实时与夜间复算有差异；迟到 20；原因不明 5"
    )


def test_without_a_sentence_or_its_numbers_the_rules_own_words_stand() -> None:
    assert explained(alert(rule="new_rule", why="as it is"), "zh") == "as it is"
    assert explained(alert(rule="restricted_hours", measured={}, why="as it is"), "zh") == "as it is"


def test_names_are_said_by_their_words() -> None:
    call = msgspec.structs.replace(
        alert(rule="unanswered", measured={"open_minutes": 5.0}), names={"rule": "perimeter_crossing"}
    )
    assert explained(call, "zh") == "翻越周界；已 5 分钟无人处置"
    dark = msgspec.structs.replace(alert(rule="camera_tampered", measured={"hold_s": 30.0}), names={"picture": "black"})
    assert explained(dark, "zh") == "画面黑屏；异常已超过 30 秒，画面不可采信"
    assert PICTURES.keys() == set(get_args(Picture)) - {"ok"}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_sentence_of_known_numbers(rule: str) -> None:
    wanted = NAME.findall(SENTENCES[rule])
    assert wanted or rule == "camera_silent"
    assert set(wanted) <= MEASURED.keys() | {"rule", "picture"}
    assert {name for _, name, _, _ in string.Formatter().parse(SENTENCES[rule]) if name} == set(wanted)


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0"), (3.04, "3"), (9.94, "9.9"), (10.4, "10"), (171.8, "172"), (-7300.0, "-7300")]
)
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said
