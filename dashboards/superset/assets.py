"""Assets as code: the YAML files of `assets/`, the layout of Superset's export.

The files hold no password, no address, no timestamp and no number that Superset gave: `export` takes them out and
`pack` puts the address in. A chart's `query_context` is readable YAML here and a string of JSON in Superset.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml

from infra.errors import UserError

Asset = dict[str, Any]  # the content of one YAML file
Assets = dict[str, Asset]  # by path, such as "charts/alert_list.yaml"

ASSETS: Final = Path(__file__).parent / "assets"
DATABASE: Final = "databases/clickhouse.yaml"
DATABASE_NAME: Final = "anfang ClickHouse"
ANY_ADDRESS: Final = "clickhousedb://analyst@clickhouse/anfang"
ANY_DATASET: Final = {"id": 1, "type": "table"}  # Superset puts the real one in
MASK: Final = "XXXXXXXXXX"  # where Superset puts the password that is sent beside the file
# What the browser adds to a chart for the page it was looked at on.
PAGE_PARAMS: Final = {"datasource", "dashboards", "dashboardId", "slice_id", "url_params", "extra_form_data"}
QUERY_KEYS: Final = ("queries", "result_format", "result_type")
PAGE_QUERY: Final = {"url_params", "custom_params", "custom_form_data", "applied_time_extras"}
PAGE_METADATA: Final = {
    "chartsInScope",
    "tabsInScope",
    "color_scheme_domain",
    "shared_label_colors",
    "map_label_colors",
}


class _Dumper(yaml.SafeDumper):
    """YAML with texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def read_assets(folder: Path = ASSETS) -> Assets:
    """All files of the folder by path."""
    paths = sorted(folder.rglob("*.yaml"))
    if not paths:
        raise UserError(f"no assets in {folder}", "give the folder that `anfang dashboards export` wrote")
    return {path.relative_to(folder).as_posix(): _read(path) for path in paths}


def slugs(assets: Assets) -> list[str]:
    """The dashboards' names in addresses."""
    return [str(asset["slug"]) for name, asset in assets.items() if name.startswith("dashboards/")]


def _read(path: Path) -> Asset:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}", "mend the file") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a mapping", "mend the file, or restore it with `git checkout`")
    return content


def write_assets(assets: Assets, folder: Path = ASSETS) -> None:
    """Write the files, and remove those of assets that are gone."""
    for path in folder.rglob("*.yaml"):
        if path.relative_to(folder).as_posix() not in assets:
            path.unlink()
    for name, content in assets.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_yaml(content), encoding="utf-8")


def as_yaml(content: Asset) -> str:
    """One file's text, the same for the same content."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=120)


def address(host: str, port: int, database: str) -> str:
    """The URI of ClickHouse without its password, which travels beside the file."""
    return f"clickhousedb://analyst:{MASK}@{host}:{port}/{quote(database)}"


def pack(assets: Assets, uri: str) -> bytes:
    """The zip that Superset imports, with ClickHouse at `uri`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, asset in assets.items():
            bundle.writestr(f"anfang/{name}", as_yaml(_outgoing(name, asset, uri)))
    return content.getvalue()


def _outgoing(name: str, asset: Asset, uri: str) -> Asset:
    if name == DATABASE:
        return {**asset, "sqlalchemy_uri": uri}
    if name.startswith("charts/") and asset.get("query_context"):
        return {**asset, "query_context": json.dumps({"datasource": ANY_DATASET, **asset["query_context"]})}
    return asset


def unpack(bundle: bytes, known: Assets) -> Assets:
    """The assets in Superset's export, normalised; an asset that is in `known` keeps its file name there."""
    names = {asset["uuid"]: name for name, asset in known.items() if "uuid" in asset}
    found: Assets = {}
    with zipfile.ZipFile(io.BytesIO(bundle)) as content:
        for path in sorted(content.namelist()):
            name = path.partition("/")[2]
            asset = normalised(name, yaml.safe_load(content.read(path)))
            found[names.get(asset.get("uuid"), _new_name(name, asset))] = asset
    return dict(sorted(found.items()))


def _new_name(name: str, asset: Asset) -> str:
    """A file name for an asset made in the browser: its kind and the beginning of its id."""
    return f"{Path(name).parent.as_posix()}/{asset['uuid'][:8]}.yaml" if "uuid" in asset else name


def normalised(name: str, asset: Asset) -> Asset:
    """The asset without anything that belongs to one installation or one moment."""
    kind = name.partition("/")[0]
    return NORMALISERS.get(kind, _same)(asset)


def _same(asset: Asset) -> Asset:
    return asset


def _metadata(asset: Asset) -> Asset:
    return {key: value for key, value in asset.items() if key != "timestamp"}


def _database(asset: Asset) -> Asset:
    return {**asset, "sqlalchemy_uri": ANY_ADDRESS} if asset["database_name"] == DATABASE_NAME else asset


def _dataset(asset: Asset) -> Asset:
    columns = sorted((_filled(column) for column in asset["columns"]), key=lambda column: str(column["column_name"]))
    metrics = sorted((_filled(metric) for metric in asset["metrics"]), key=lambda metric: str(metric["metric_name"]))
    return {**asset, "columns": columns, "metrics": metrics}


def _filled(entry: Mapping[str, Any]) -> Asset:
    return {key: value for key, value in entry.items() if value not in (None, {}, [])}


def _chart(asset: Asset) -> Asset:
    params = {key: value for key, value in asset["params"].items() if key not in PAGE_PARAMS}
    context = json.loads(asset["query_context"]) if asset.get("query_context") else None
    return {**asset, "params": params, "query_context": context and query_context(context)}


def query_context(context: Mapping[str, Any]) -> Asset:
    """What a chart asks of its dataset, without the page it was asked from."""
    kept = {key: context[key] for key in QUERY_KEYS if key in context}
    kept["queries"] = [_filled(_without(query, PAGE_QUERY)) for query in kept["queries"]]
    return kept


def _dashboard(asset: Asset) -> Asset:
    """Charts are numbered 1, 2, … by their uuid, wherever a number that Superset gave stands."""
    cells = [cell for cell in asset["position"].values() if isinstance(cell, dict) and cell.get("type") == "CHART"]
    ordered = sorted(cells, key=lambda cell: str(cell["meta"]["uuid"]))
    numbers = {cell["meta"]["chartId"]: number for number, cell in enumerate(ordered, start=1)}
    for cell in cells:
        cell["meta"]["chartId"] = numbers[cell["meta"]["chartId"]]
    metadata = _without(asset["metadata"], PAGE_METADATA)
    for native in metadata.get("native_filter_configuration", ()):
        native["scope"]["excluded"] = sorted(numbers[old] for old in native["scope"]["excluded"] if old in numbers)
    metadata["chart_configuration"] = _cross_filters(metadata.get("chart_configuration", {}), numbers)
    return {**asset, "metadata": metadata}


def _cross_filters(configuration: Mapping[str, Any], numbers: Mapping[int, int]) -> Asset:
    """Cross-filter scopes that somebody set; the browser makes the others."""
    found: Asset = {}
    for old, entry in configuration.items():
        scope = entry["crossFilters"]["scope"]
        if scope != "global" and old.isdigit() and int(old) in numbers:
            number = numbers[int(old)]
            scope["excluded"] = sorted(numbers[other] for other in scope.get("excluded", ()) if other in numbers)
            found[str(number)] = {**entry, "id": number}
    return found


def _without(content: Any, keys: set[str]) -> Any:
    """`content` without these keys, at any depth."""
    if isinstance(content, dict):
        return {key: _without(value, keys) for key, value in content.items() if key not in keys}
    return [_without(entry, keys) for entry in content] if isinstance(content, list) else content


NORMALISERS: Final[Mapping[str, Callable[[Asset], Asset]]] = {
    "metadata.yaml": _metadata,
    "databases": _database,
    "datasets": _dataset,
    "charts": _chart,
    "dashboards": _dashboard,
}
