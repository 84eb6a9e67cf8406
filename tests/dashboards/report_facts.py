"""Facts of a small made-up period, without a database: what each question answers, to be changed one by one."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from dashboards.report.evidence import Answer, Ask, Parameter, Row, Scalar, gather
from dashboards.report.facts import Facts, make_facts, parameters, questions
from dashboards.report.indicators import Tree, load_tree
from infra.period import Period
from infra.settings import SMALL_SITE
from infra.site import Site, load_site
from warehouse.client import query

SITE: Final[Site] = load_site(SMALL_SITE)
PERIOD: Final = Period(date(2024, 3, 1), date(2024, 3, 10))
Rows = list[Row]

ANSWERS: Final[dict[str, Rows]] = {
    "kpi_accounting": [
        {
            "days_loaded": 10,
            "loaded_rate": 100.0,
            "balanced_rate": 100.0,
            "raw_records": 110,
            "valid_records": 100,
            "duplicate_records": 7,
            "dead_letter_records": 3,
            "late_records": 2,
            "streamed_dead_letter_records": 3,
        }
    ],
    "kpi_partitions": [{"day": "2024-03-01", "content_hash": "aa"}],
    "kpi_crossings_total": [
        {"days_with_crossings": 10, "ins": 60, "outs": 40, "crossings": 100, "crossings_per_day": 10.0}
    ],
    "kpi_crossings_by_day": [{"day": "2024-03-01", "line_id": "gate_north", "ins": 60, "outs": 40}],
    "kpi_crossings_by_hour": [{"day_of_week": 5, "hour_of_day": 8, "crossings_per_hour": 12.5}],
    "kpi_occupancy_by_day": [
        {
            "day": f"2024-03-0{day}",
            "peak": 500.0 + day,
            "peak_low": 450.0,
            "peak_high": 550.0,
            "peak_time": "20:15",
            "mean_occupancy": 400.0,
        }
        for day in (1, 2)
    ],
    "kpi_occupancy_by_hour": [
        {"local_hour": f"2024-03-01 {h:02}:00", "mean_occupancy": 400.0 + h, "mean_low": 390.0, "mean_high": 440.0}
        for h in range(24)
    ],
    "kpi_zone_peaks": [
        {"zone_id": "plaza", "peak": 90.0, "peak_low": 80.0, "peak_high": 95.0, "peak_time": "2024-03-01 19:00"}
    ],
    "kpi_alerts_by_rule": [
        {
            "alert_rule": "restricted_hours",
            "alerts": 4,
            "still_open": 1,
            "judged_true": 2,
            "judged_false": 1,
            "not_judged": 1,
            "median_minutes": 12.0,
        }
    ],
    "kpi_gate_passages": [{"gate_id": "turnstile_north", "granted_passages": 30, "refused_passages": 2}],
    "kpi_cameras_online": [
        {
            "days_with_health": 10,
            "health_rate": 100.0,
            "perimeter_online": 1.0,
            "perimeter_least": 1,
            "counting_online": 6.5,
            "counting_least": 6,
        }
    ],
    "kpi_camera_minutes": [
        {
            "health_rate": 100.0,
            "online_minutes": 95,
            "expected_minutes": 100,
            "picture_ok_minutes": 94,
            "online_rate": 95.0,
            "picture_ok_rate": 98.947,
        }
    ],
    "kpi_camera_online_by_day": [
        {"day": "2024-03-01", "cameras_online": 8, "cameras": 8, "day_minutes": 1440, "online_rate": 95.0}
    ],
    "kpi_cameras_least_online": [
        {
            "camera": "cam_plaza",
            "online_minutes_of_camera": 1000,
            "bad_picture_minutes_of_camera": 5,
            "online_rate": 69.4,
        }
    ],
    "kpi_data_completeness": [
        {"sequences": 8, "received_envelopes": 995, "expected_envelopes": 1000, "completeness_rate": 99.5}
    ],
    "kpi_stream_batch_agreement": [{"zone_minutes": 1000, "differing_minutes": 1, "agreement_rate": 99.9}],
    "kpi_alert_delay": [{"alerts": 4, "comparable_alerts": 4, "p50_seconds": 2.0, "p95_seconds": 9.0}],
    "kpi_dispositions": [
        {
            "alerts": 4,
            "answered": 3,
            "timely": 3,
            "judged": 3,
            "judged_false": 1,
            "answered_rate": 75.0,
            "timely_rate": 75.0,
            "false_rate": 100 / 3,
        }
    ],
    "kpi_counting_accuracy": [
        {"checks": 2, "manual_crossings": 200, "counted_crossings": 190, "differences": 10, "accuracy": 95.0}
    ],
    "kpi_funds": [
        {
            "entries": 3,
            "budget_yuan": 1e6,
            "received_yuan": 1e6,
            "spent_yuan": 9e5,
            "received_rate": 100.0,
            "spent_rate": 90.0,
            "spent_per_resident": 144.0,
        }
    ],
    "kpi_incidents": [
        {
            "entries": 20,
            "entries_previous": 60,
            "theft": 4,
            "theft_previous": 24,
            "public_order": 10,
            "public_order_previous": 12,
            "fire_lane": 9,
            "fire_lane_previous": 1,
        }
    ],
    "kpi_surveys": [
        {
            "satisfaction_respondents": 100,
            "safety_respondents": 100,
            "satisfaction": 87.0,
            "satisfaction_margin": 2.0,
            "safety": 92.0,
            "safety_margin": 1.5,
        }
    ],
    "kpi_availability": [{"known_minutes": 999, "expected_minutes": 1000, "availability_rate": 99.9}],
    "kpi_gates_in_use": [{"gates": 3, "passages": 32, "refused": 2}],
    "kpi_camera_days": [
        {"told_camera_days": 80, "expected_camera_days": 80, "days_with_health": 10, "camera_day_rate": 100.0}
    ],
    "kpi_video_quality": [
        {
            "online_minutes": 95,
            "fps_ok_minutes": 76,
            "decode_ok_minutes": 95,
            "clock_ok_minutes": 95,
            "fps_ok_rate": 80.0,
            "decode_ok_rate": 100.0,
            "clock_ok_rate": 100.0,
        }
    ],
    "kpi_cameras_in_use": [{"cameras": 8, "cameras_in_use": 7, "in_use_rate": 87.5}],
    "kpi_gate_days": [
        {"days_with_passages": 10, "used_gate_days": 27, "expected_gate_days": 30, "gate_day_rate": 90.0}
    ],
    "kpi_records": [
        {
            "raw_records": 110,
            "refused_records": 3,
            "valid_records": 100,
            "late_records": 2,
            "accepted_rate": 100 * 107 / 110,
            "in_time_rate": 100 * 100 / 102,
        }
    ],
    "kpi_stored_days": [{"days_loaded": 10, "days_whole": 10, "stored_rate": 100.0}],
    "kpi_border_coverage": [{"counted_line_days": 27, "expected_line_days": 30, "border_rate": 90.0}],
    "kpi_occupancy_precision": [
        {"known_minutes": 999, "mean_occupancy": 400.0, "mean_half_width": 100.0, "half_width_rate": 25.0}
    ],
    "kpi_on_paper": [{"judged": None}],
    "kpi_alerts_closed": [
        {
            "alerts": 4,
            "closed_alerts": 3,
            "closed_rate": 75.0,
            "fire_lane_seconds": 0,
            "days_loaded": 10,
            "fire_lane_minutes_per_day": 0.0,
        }
    ],
}

NONE_WHEN_EMPTY: Final = ("_rate", "accuracy", "p50_seconds", "p95_seconds", "margin", "_per_resident")
# One-row answers of a warehouse that holds loaded days but none of these.
NOTHING: Final[dict[str, Rows]] = {
    name: [{column: None if column.endswith(NONE_WHEN_EMPTY) else 0 for column in rows[0]}]
    for name, rows in ANSWERS.items()
}
NO_LEDGERS: Final[dict[str, Rows]] = {
    "kpi_funds": NOTHING["kpi_funds"],
    "kpi_counting_accuracy": NOTHING["kpi_counting_accuracy"],
    "kpi_incidents": [dict.fromkeys(ANSWERS["kpi_incidents"][0]) | {"entries": 0, "entries_previous": 0}],
    "kpi_surveys": [dict.fromkeys(ANSWERS["kpi_surveys"][0])],
}


def make_ask(changes: Mapping[str, Rows] | None = None) -> Ask:
    """A warehouse that gives these answers."""
    by_sql = {query(name): rows for name, rows in {**ANSWERS, **(changes or {})}.items()}

    def ask(sql: str, asked: Mapping[str, Parameter]) -> Answer:
        rows = by_sql[sql]
        columns = list(rows[0]) if rows else []
        plain: list[list[Scalar]] = [[row[column] for column in columns] for row in rows]
        return Answer(columns, plain, len(rows))

    return ask


def facts(changes: Mapping[str, Rows] | None = None, tree: Tree | None = None) -> Facts:
    """Facts of the made-up period, with some answers changed."""
    tree = tree or load_tree()
    evidence = gather(make_ask(changes), questions(tree), parameters(SITE, PERIOD, tree), {})
    return make_facts(SITE, PERIOD, date(2024, 3, 12), tree, evidence)


def changed(query_name: str, **values: Scalar) -> dict[str, Rows]:
    """The first row of one answer with these values."""
    return {query_name: [{**ANSWERS[query_name][0], **values}]}
