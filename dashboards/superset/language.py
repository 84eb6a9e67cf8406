"""English assets from the Chinese ones, by one catalogue: `english.yaml`, Chinese: English.

Descriptions hold both languages themselves, as "中文 / English". In SQL the quoted texts are translated, so that a rule
or a verdict is called the same wherever it is compared. Names from the site file stay as they are.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from dashboards.superset.assets import Assets
from infra.alert_words import Language

Words = Mapping[str, str]

CATALOGUE: Final = Path(__file__).with_name("english.yaml")
QUOTED: Final = re.compile(r"'([^']*)'")
BOTH: Final = " / "


def read_words(path: Path = CATALOGUE) -> Words:
    """The catalogue."""
    words: Words = yaml.safe_load(path.read_text(encoding="utf-8"))
    return words


def in_language(assets: Assets, language: Language, words: Words | None = None) -> Assets:
    """The assets as people of that language read them."""
    if language == "zh":
        return assets
    known = read_words() if words is None else words
    return {name: _translated(asset, known) for name, asset in assets.items()}


def is_english(found: Assets, known: Assets) -> bool:
    """Whether one of the dashboards found has the English name of a known one."""
    words = read_words()
    titles = {
        asset["uuid"]: asset["dashboard_title"] for name, asset in known.items() if name.startswith("dashboards/")
    }
    return any(
        asset["dashboard_title"] == words.get(titles.get(asset["uuid"], ""))
        for name, asset in found.items()
        if name.startswith("dashboards/")
    )


def _translated(content: Any, words: Words, key: str = "") -> Any:
    match content:
        case dict():
            return {_said(name, words): _translated(value, words, name) for name, value in content.items()}
        case list():
            return [_translated(entry, words, key) for entry in content]
        case str() if key == "description":
            return content.partition(BOTH)[2] or content
        case str():
            return _said(content, words)
    return content


def _said(text: str, words: Words) -> str:
    return words.get(text) or QUOTED.sub(lambda quoted: f"'{words.get(quoted[1], quoted[1])}'", text)
