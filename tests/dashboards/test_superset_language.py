"""The English assets: the same charts, asking the same, and not a Chinese word left but the site file's own names."""

import re
from typing import Any

import pytest

from dashboards.superset.assets import Assets, read_assets
from dashboards.superset.language import in_language, is_english, read_words

HAN = re.compile(r"[\u4e00-\u9fff]")
CHINESE = read_assets()
ENGLISH = in_language(CHINESE, "en")


@pytest.mark.parametrize("name", CHINESE)
def test_no_chinese_is_left(name: str) -> None:
    assert [text for text in _texts(ENGLISH[name]) if HAN.search(text)] == []


def test_charts_stay_what_they_are() -> None:
    assert _structure(ENGLISH) == _structure(CHINESE)
    assert in_language(CHINESE, "zh") == CHINESE


def test_every_word_of_the_catalogue_is_used() -> None:
    said = "\n".join(text for asset in CHINESE.values() for text in _texts(asset))
    assert [word for word in read_words() if word not in said] == []


def test_no_two_metrics_or_columns_of_a_dataset_are_called_the_same() -> None:
    for name, asset in ENGLISH.items():
        if name.startswith("datasets/"):
            names = [entry["verbose_name"] for entry in asset["columns"] + asset["metrics"]]
            assert len(set(names)) == len(names), name


def test_english_dashboards_are_known_as_such() -> None:
    assert is_english(ENGLISH, CHINESE)
    assert not is_english(CHINESE, CHINESE)


def test_the_words_of_a_comparison_are_translated_with_what_they_are_compared_to() -> None:
    words = {"已关闭": "Closed", "状态": "Status"}
    assets: Assets = {
        "a": {"sql": "if(s = 'closed', '已关闭', s)", "expression": "countIf(s = '已关闭')", "name": "状态"}
    }
    assert in_language(assets, "en", words)["a"] == {
        "sql": "if(s = 'closed', 'Closed', s)",
        "expression": "countIf(s = 'Closed')",
        "name": "Status",
    }


def _texts(content: Any) -> list[str]:
    match content:
        case dict():
            return [text for key, value in content.items() for text in [str(key), *_texts(value)]]
        case list():
            return [text for value in content for text in _texts(value)]
    return [content] if isinstance(content, str) else []


def _structure(content: Any) -> Any:
    """The content with every text taken out."""
    match content:
        case dict():
            return [_structure(value) for value in content.values()]
        case list():
            return [_structure(value) for value in content]
    return None if isinstance(content, str) else content
