"""All that a report knows before it says a word: the estate, the period, the answers, the points."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Final

from msgspec import Struct

from dashboards.report.evidence import Evidence, Parameter, Row
from dashboards.report.indicators import Indicator, Tree
from dashboards.report.score import Assessment, Exposure, Score, assess, total
from infra.alert_words import Language
from infra.limits import OUTSIDE
from infra.period import Period
from infra.site import Line, Site

PARTITIONS: Final = "kpi_partitions"
# Asked in every report, beside those that the indicators name.
STATISTICS: Final = (
    "kpi_accounting",
    PARTITIONS,
    "kpi_crossings_total",
    "kpi_crossings_by_day",
    "kpi_crossings_by_hour",
    "kpi_occupancy_by_day",
    "kpi_occupancy_by_hour",
    "kpi_zone_peaks",
    "kpi_alerts_by_rule",
    "kpi_gate_passages",
    "kpi_cameras_online",
    "kpi_camera_minutes",
    "kpi_camera_online_by_day",
    "kpi_cameras_least_online",
    "kpi_data_completeness",
    "kpi_stream_batch_agreement",
    "kpi_alert_delay",
    "kpi_dispositions",
    "kpi_counting_accuracy",
    "kpi_funds",
    "kpi_incidents",
    "kpi_surveys",
    "kpi_availability",
    "kpi_gates_in_use",
    "kpi_camera_days",
)


def questions(tree: Tree) -> tuple[str, ...]:
    """Names of all queries of a report, each once, in a fixed order."""
    return tuple(dict.fromkeys([*STATISTICS, *(indicator.query for indicator in tree.indicators())]))


def device_counts(site: Site) -> dict[str, int]:
    """How many devices of each kind the site file has."""
    kinds = [camera.kind for camera in site.cameras]
    return {
        "perimeter_cameras": kinds.count("perimeter"),
        "counting_cameras": kinds.count("counting"),
        "gates": len(site.gates),
    }


def border_lines(site: Site) -> list[Line]:
    """Lines between the estate and the outside."""
    return [line for line in site.lines if OUTSIDE in (line.from_zone, line.to_zone)]


def root_zone(site: Site) -> str:
    """The zone that is the estate itself."""
    roots = [zone for zone in site.zones if zone.parent is None]
    return next((zone.id for zone in roots if zone.kind == "estate"), roots[0].id)


def parameters(site: Site, period: Period, tree: Tree) -> dict[str, Parameter]:
    """What the queries may ask for: days as ISO dates, instants as UTC seconds, devices and lines by id."""
    before = period.year_before()
    (start, end), (previous_start, previous_end) = period.bounds_s(site.tz), before.bounds_s(site.tz)
    return {
        "estate": site.estate.id,
        "tz": site.estate.timezone,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "days": period.days,
        "start_s": start,
        "end_s": end,
        "previous_start_s": previous_start,
        "previous_end_s": previous_end,
        "residents": site.estate.residents,
        "timely_minutes": tree.parameters.timely_minutes,
        "least_fps": tree.parameters.least_fps,
        "most_clock_offset_ms": tree.parameters.most_clock_offset_ms,
        "last_disposition_day": period.until(tree.parameters.disposition_days).isoformat(),
        "root_zone": root_zone(site),
        "cameras": [camera.id for camera in site.cameras],
        "perimeter_cameras": [camera.id for camera in site.cameras if camera.kind == "perimeter"],
        "counting_cameras": [camera.id for camera in site.cameras if camera.kind == "counting"],
        "gates": [gate.id for gate in site.gates],
        "border_lines": [line.id for line in border_lines(site)],
        "inward_lines": [line.id for line in border_lines(site) if line.from_zone == OUTSIDE],
    }


class Facts(Struct, frozen=True, dict=True):
    """What narrative, tables and charts are made from; `key` is the fingerprint of the key that will sign."""

    site: Site
    period: Period
    issued: date
    tree: Tree
    evidence: dict[str, Evidence]
    assessments: list[Assessment]
    score: Score
    key: str = ""
    language: Language = "zh"

    @cached_property
    def counts(self) -> dict[str, int]:
        """Devices by kind, from the site file."""
        return device_counts(self.site)

    @cached_property
    def by_indicator(self) -> dict[str, Assessment]:
        """Assessments by indicator id."""
        return {assessment.indicator_id: assessment for assessment in self.assessments}

    def rows(self, query: str) -> list[Row]:
        """The answer's rows to a question."""
        return self.evidence[query].records()

    def number(self, query: str, column: str) -> float | None:
        """A number of a one-row answer; None where there is none."""
        value = self.rows(query)[0][column]
        return float(value) if isinstance(value, int | float) else None

    def count(self, query: str, column: str) -> int:
        """A count of a one-row answer; 0 where there is none."""
        return int(self.number(query, column) or 0)

    def cite(self, *queries: str) -> str:
        """The evidence of these questions as the text cites it: [E03][E07]."""
        return "".join(f"[{self.evidence[name].label}]" for name in queries)


def make_facts(site: Site, period: Period, issued: date, tree: Tree, evidence: dict[str, Evidence]) -> Facts:
    """Assess every indicator and add up."""
    counts = device_counts(site)
    rows = {name: found.records() for name, found in evidence.items()}
    assessments, score = evaluate(tree, {name: r[0] for name, r in rows.items() if r}, counts, period)
    return Facts(site, period, issued, tree, evidence, assessments, score)


def evaluate(
    tree: Tree, rows: Mapping[str, Row], counts: Mapping[str, int], period: Period
) -> tuple[list[Assessment], Score]:
    """Assessments and score from the queries' one-row answers; `verify` computes them again by this."""
    exposure = Exposure(period.days, period.year_before().days)
    assessments = [
        assess(indicator, rows.get(indicator.query, {}), counts, exposure, tree.days_needed)
        for indicator in tree.indicators()
    ]
    loaded = rows.get("kpi_accounting", {}).get("days_loaded")
    share = loaded / period.days if isinstance(loaded, int) else 0.0
    return assessments, total(tree, assessments, share)


def missed(facts: Facts) -> list[tuple[Indicator, Assessment]]:
    """Assessed indicators that did not win all their points."""
    pairs = [(indicator, facts.by_indicator[indicator.id]) for indicator in facts.tree.indicators()]
    return [(i, a) for i, a in pairs if a.points is not None and a.points < i.weight - 1e-9]


def met(facts: Facts) -> list[tuple[Indicator, Assessment]]:
    """Assessed indicators that won all their points."""
    pairs = [(indicator, facts.by_indicator[indicator.id]) for indicator in facts.tree.indicators()]
    return [(i, a) for i, a in pairs if a.points is not None and a.points >= i.weight - 1e-9]


def unassessed(facts: Facts) -> list[tuple[Indicator, Assessment]]:
    """Indicators without a value."""
    pairs = [(indicator, facts.by_indicator[indicator.id]) for indicator in facts.tree.indicators()]
    return [(i, a) for i, a in pairs if a.points is None]
