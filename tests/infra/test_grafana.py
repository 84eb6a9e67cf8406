"""The operators' Grafana dashboard: it asks only for metrics that we export, with labels that they have."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

import infra.metrics

BOARD: Final = Path(infra.metrics.__file__).with_name("grafana") / "operators.json"
NAME: Final = re.compile(r"\banfang_\w+")
SELECTED: Final = re.compile(r"(\banfang_\w+)\{([^}]*)\}")
GROUPED: Final = re.compile(r"\bby \(([^)]*)\)")
GIVEN_BY_PROMETHEUS: Final = {"instance", "job", "le"}


def _panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    return found


QUERIES: Final = [target["expr"] for panel in _panels() for target in panel.get("targets", ())]


def exported() -> dict[str, set[str]]:
    """Each name that Prometheus will know, with its labels."""
    names: dict[str, set[str]] = {}
    for metric in infra.metrics.METRICS:
        (described,) = metric.describe()
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}[described.type]
        names |= {f"{described.name}{end}": set(metric._labelnames) for end in ends}
    return names


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_metrics_and_labels_that_we_export(query: str) -> None:
    known = exported()
    named = set(NAME.findall(query))
    assert named
    assert named <= known.keys()
    allowed = {label for name in named for label in known[name]} | GIVEN_BY_PROMETHEUS
    grouped = {label.strip() for labels in GROUPED.findall(query) for label in labels.split(",")}
    assert grouped <= allowed
    for name, matchers in SELECTED.findall(query):
        assert {re.split(r"[=!~]", matcher)[0].strip() for matcher in matchers.split(",")} <= known[name]


def test_counters_are_asked_as_rates_and_histograms_as_quantiles() -> None:
    for query in QUERIES:
        for name in NAME.findall(query):
            if name.endswith(("_total", "_bucket")):
                assert re.search(rf"rate\({name}(\{{[^}}]*\}})?\[", query), query
            if name.endswith("_bucket"):
                assert "histogram_quantile" in query
                assert "le" in query


def test_each_panel_says_what_to_do_and_none_covers_another() -> None:
    cells: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in _panels()]
    assert len(set(ids)) == len(ids)
    for panel in _panels():
        assert panel["type"] == "row" or panel["description"]
        at = panel["gridPos"]
        own = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not own & cells
        assert at["x"] + at["w"] <= 24
        cells |= own


def test_legends_name_labels_that_the_query_keeps() -> None:
    for panel in _panels():
        for target in panel.get("targets", ()):
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = {label.strip() for labels in GROUPED.findall(target["expr"]) for label in labels.split(",")}
            assert shown <= kept
