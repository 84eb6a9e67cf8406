"""Superset's assets as files: nothing secret or local in them, everything explained, and stable through an export."""

import io
import json
import re
import zipfile
from typing import Any

import pytest
import yaml

from dashboards.superset.assets import ASSETS, DATABASE, MASK, address, normalised, pack, read_assets, unpack
from dashboards.superset.check import filled_rows, read_waits
from infra.alert_sentences import SENTENCES
from infra.alert_words import RULES
from warehouse.access import LEDGERS, READ_WHOLE

FILES = read_assets()
CHARTS = {name: asset for name, asset in FILES.items() if name.startswith("charts/")}
DATASETS = {name: asset for name, asset in FILES.items() if name.startswith("datasets/")}
BOARDS = {name: asset for name, asset in FILES.items() if name.startswith("dashboards/")}
_BY_UUID = {dataset["uuid"]: dataset for dataset in DATASETS.values()}
DATASET_OF = {chart["uuid"]: _BY_UUID[chart["dataset_uuid"]] for chart in CHARTS.values()}
URI = address("127.0.0.1", 8123, "anfang")


def test_no_file_holds_a_password_an_address_or_a_time() -> None:
    assert FILES[DATABASE]["sqlalchemy_uri"] == "clickhousedb://analyst@clickhouse/anfang"
    for path in ASSETS.rglob("*"):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for word in ("password", MASK, "127.0.0.1", "localhost", "changed_on"):
            assert word not in text, f"{path} holds {word!r}"
    assert "timestamp" not in FILES["metadata.yaml"]


def test_the_bundle_gets_the_address_and_leaves_the_password_to_the_form() -> None:
    with zipfile.ZipFile(io.BytesIO(pack(FILES, URI))) as bundle:
        database = yaml.safe_load(bundle.read(f"anfang/{DATABASE}"))
        chart = yaml.safe_load(bundle.read("anfang/charts/alert_list.yaml"))
    assert database["sqlalchemy_uri"] == f"clickhousedb://analyst:{MASK}@127.0.0.1:8123/anfang"
    assert json.loads(chart["query_context"])["datasource"]["type"] == "table"


def test_packing_and_unpacking_gives_the_same_files() -> None:
    assert unpack(pack(FILES, URI), FILES) == FILES


def test_an_asset_made_in_the_browser_gets_a_name_of_its_own() -> None:
    known = {name: asset for name, asset in FILES.items() if name != "charts/alert_list.yaml"}
    new = unpack(pack(FILES, URI), known).keys() - known.keys()
    assert new == {f"charts/{FILES['charts/alert_list.yaml']['uuid'][:8]}.yaml"}


@pytest.mark.parametrize("name", CHARTS)
def test_each_chart_is_explained_and_asks_what_it_shows(name: str) -> None:
    chart = CHARTS[name]
    assert chart["description"]
    asked = [metric for query in chart["query_context"]["queries"] for metric in query.get("metrics", [])]
    shown = chart["params"].get("metrics") or [metric for metric in [chart["params"].get("metric")] if metric]
    assert asked == shown + chart["params"].get("metrics_b", [])


@pytest.mark.parametrize("name", DATASETS)
def test_each_column_and_metric_is_explained_in_both_languages(name: str) -> None:
    for entry in DATASETS[name]["columns"] + DATASETS[name]["metrics"]:
        assert entry["verbose_name"]
        assert "/ " in entry["description"], entry


def test_every_chart_stands_on_a_dashboard() -> None:
    placed = {cell["meta"]["uuid"] for board in BOARDS.values() for cell in _cells(board)}
    assert placed == {chart["uuid"] for chart in CHARTS.values()}


def test_seven_dashboards_show_at_least_five_charts_each() -> None:
    assert {name: len(_cells(board)) >= 5 for name, board in BOARDS.items()} == dict.fromkeys(
        (f"dashboards/{slug}.yaml" for slug in ("alerts", "devices", "flow", "kpi", "operations", "quality", "safety")),
        True,
    )
    assert len(CHARTS) >= 50


@pytest.mark.parametrize("name", BOARDS)
def test_a_filter_acts_on_charts_whose_dataset_has_its_column(name: str) -> None:
    """Numbers stand for charts in the order of their uuids, as `normalised` gives them."""
    board = BOARDS[name]
    assert board["metadata"]["cross_filters_enabled"]
    placed = sorted(cell["meta"]["uuid"] for cell in _cells(board))
    for native in board["metadata"]["native_filter_configuration"]:
        column = native["targets"][0].get("column", {}).get("name", "day")
        for number, uuid in enumerate(placed, start=1):
            if number not in native["scope"]["excluded"]:
                columns = {entry["column_name"] for entry in DATASET_OF[uuid]["columns"]}
                assert column in columns, f"{native['name']} acts on {uuid}"


def test_everything_is_certified_and_says_by_whom() -> None:
    for asset in [*CHARTS.values(), *BOARDS.values()]:
        assert asset["certified_by"]
    for dataset in DATASETS.values():
        assert dataset["extra"]["certification"]["certified_by"]
        assert all(metric["extra"]["certification"] for metric in dataset["metrics"])


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_names_columns_and_metrics_that_its_dataset_has(name: str) -> None:
    dataset, params = DATASET_OF[CHARTS[name]["uuid"]], CHARTS[name]["params"]
    columns = {entry["column_name"] for entry in dataset["columns"]}
    metrics = {entry["metric_name"] for entry in dataset["metrics"]}
    asked = [*params.get("metrics", ()), *params.get("metrics_b", ()), params.get("metric")]
    assert {metric for metric in asked if isinstance(metric, str)} <= metrics
    groups = params.get("groupby", ())
    named = [*([groups] if isinstance(groups, str) else groups), *params.get("all_columns", ()), params.get("x_axis")]
    assert {column for column in named if column} <= columns


def test_a_rule_has_a_name_of_its_own() -> None:
    told = (ASSETS.parents[2] / "docs/subscriber.md").read_text(encoding="utf-8")
    rules = re.findall(r"^\| `(\w+)` \| .* \| (?:critical|warning|info|a step)", told, re.MULTILINE)
    assert len(rules) >= 17
    for rule in rules:
        assert f"'{rule}'" in FILES["datasets/alerts.yaml"]["sql"], rule


@pytest.mark.parametrize("text", [*SENTENCES.values(), *(chinese for chinese, _ in RULES.values())])
def test_alerts_are_called_and_explained_as_on_the_page(text: str) -> None:
    assert f"'{text}'" in FILES["datasets/alerts.yaml"]["sql"]


def test_what_may_be_empty_names_charts_and_tables_that_there_are() -> None:
    for table, wait in read_waits().items():
        assert table in (*READ_WHOLE, "dispositions", *LEDGERS)
        assert {f"charts/{chart}.yaml" for chart in wait.charts} <= CHARTS.keys()


def test_numbers_that_superset_gave_do_not_reach_the_files() -> None:
    first, second = (normalised("dashboards/a_7.yaml", _dashboard(*ids)) for ids in ((31, 47), (502, 9)))
    assert first == second
    assert first["metadata"]["native_filter_configuration"][0]["scope"]["excluded"] == [2]
    assert "chartsInScope" not in json.dumps(first)
    assert first["metadata"]["chart_configuration"] == {"1": {"id": 1, "crossFilters": {"scope": {"excluded": [2]}}}}


def test_a_charts_page_does_not_reach_its_file() -> None:
    exported = {
        "params": {"metric": "crossings", "slice_id": 31, "datasource": "5__table", "dashboards": [2]},
        "query_context": json.dumps(
            {
                "datasource": {"id": 5, "type": "table"},
                "force": True,
                "form_data": {"slice_id": 31},
                "queries": [{"metrics": ["crossings"], "url_params": {"x": "1"}, "annotation_layers": []}],
                "result_format": "json",
                "result_type": "full",
            }
        ),
    }
    assert normalised("charts/crossings_31.yaml", exported) == {
        "params": {"metric": "crossings"},
        "query_context": {"queries": [{"metrics": ["crossings"]}], "result_format": "json", "result_type": "full"},
    }


def test_a_row_of_nothing_is_no_row() -> None:
    assert filled_rows([]) == 0
    assert filled_rows([{"peak": None}]) == 0
    assert filled_rows([{"alerts": 0}, {"alerts": None}]) == 1


def _cells(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in board["position"].values() if isinstance(cell, dict) and cell["type"] == "CHART"]


def _dashboard(first: int, second: int) -> dict[str, Any]:
    """A dashboard of two charts as Superset exports it, with the numbers that it gave them."""
    cells = {f"CHART-{key}": _cell(key, number) for key, number in (("a", first), ("b", second))}
    chosen = {"id": first, "crossFilters": {"scope": {"excluded": [second]}, "chartsInScope": [first]}}
    untouched = {"id": second, "crossFilters": {"scope": "global", "chartsInScope": [first]}}
    return {
        "uuid": "u",
        "position": {"DASHBOARD_VERSION_KEY": "v2", **cells},
        "metadata": {
            "native_filter_configuration": [{"scope": {"excluded": [second]}, "chartsInScope": [first]}],
            "chart_configuration": {str(first): chosen, str(second): untouched},
        },
    }


def _cell(uuid: str, number: int) -> dict[str, Any]:
    return {"type": "CHART", "meta": {"uuid": uuid, "chartId": number}}
