"""What must be said of people: who passed, how many were in the estate, which alerts there were."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

from tests.dashboards.seed.truth import (
    BORDER,
    TIMELY_MS,
    UNKNOWN,
    Row,
    Truth,
    exact_quantile,
    mean,
    share,
)
from tests.dashboards.seed.years import (
    MINUTES,
    ZONES,
    Alert,
    local,
)


def kpi_crossings_total(truth: Truth) -> list[Row]:
    days = len({day for day, _ in truth.border})
    ins, outs = (sum(crossing.direction == way for _, crossing in truth.border) for way in (1, -1))
    total = ins + outs
    return [
        {
            "days_with_crossings": days,
            "ins": ins,
            "outs": outs,
            "crossings": total,
            "crossings_per_day": total / days if days else None,
        }
    ]


def kpi_crossings_by_day(truth: Truth) -> list[Row]:
    counted = Counter((str(day), crossing.line, crossing.direction) for day, crossing in truth.border)
    return [
        {"day": day, "line_id": line, "ins": counted[day, line, 1], "outs": counted[day, line, -1]}
        for day, line in sorted({(day, line) for day, line, _ in counted})
    ]


def kpi_crossings_by_hour(truth: Truth) -> list[Row]:
    counted = Counter((day.isoweekday(), local(crossing.at_ms).hour) for day, crossing in truth.border)
    loaded = Counter(day.day.isoweekday() for day in truth.days)
    return [
        {"day_of_week": weekday, "hour_of_day": hour, "crossings_per_hour": number / loaded[weekday]}
        for (weekday, hour), number in sorted(counted.items())
    ]


@dataclass(frozen=True)
class Known:
    """One estimate: where and when (minute of a day), how many, and the interval."""

    day: date
    zone: str
    minute: int
    occupancy: float
    low: float
    high: float


def known(truth: Truth, zone: str | None = None) -> list[Known]:
    """Estimates that are not unknown, of one zone or of all."""
    found: list[Known] = []
    for day in truth.days:
        zones = day.zones
        kept = zones.coverage != UNKNOWN
        if zone is not None:
            kept &= zones.zone == ZONES.index(zone)
        for i in np.flatnonzero(kept):
            numbers = (float(zones.occupancy[i]), float(zones.low[i]), float(zones.high[i]))
            found.append(Known(day.day, ZONES[zones.zone[i]], int(zones.minute[i]), *numbers))
    return found


def highest(estimates: Iterable[Known]) -> Known:
    """The highest estimate, the earliest of equals."""
    return min(estimates, key=lambda one: (-one.occupancy, one.day, one.minute))


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def kpi_occupancy_by_day(truth: Truth) -> list[Row]:
    by_day: dict[date, list[Known]] = defaultdict(list)
    for one in known(truth, "estate"):
        by_day[one.day].append(one)
    return [
        {
            "day": str(day),
            "peak": (top := highest(found)).occupancy,
            "peak_low": top.low,
            "peak_high": top.high,
            "peak_time": clock(top.minute),
            "mean_occupancy": mean([one.occupancy for one in found]),
        }
        for day, found in sorted(by_day.items())
    ]


def kpi_occupancy_by_hour(truth: Truth) -> list[Row]:
    estimates = known(truth, "estate")
    after = max((one.day for one in estimates), default=truth.first) - timedelta(days=7)
    by_hour: dict[str, list[Known]] = defaultdict(list)
    for one in estimates:
        if one.day > after:
            by_hour[f"{one.day} {one.minute // 60:02}:00"].append(one)
    return [
        {
            "local_hour": hour,
            "mean_occupancy": mean([one.occupancy for one in found]),
            "mean_low": mean([one.low for one in found]),
            "mean_high": mean([one.high for one in found]),
        }
        for hour, found in sorted(by_hour.items())
    ]


def kpi_zone_peaks(truth: Truth) -> list[Row]:
    by_zone: dict[str, list[Known]] = defaultdict(list)
    for one in known(truth):
        by_zone[one.zone].append(one)
    peaks = sorted(map(highest, by_zone.values()), key=lambda one: (-one.occupancy, one.zone))
    return [
        {
            "zone_id": one.zone,
            "peak": one.occupancy,
            "peak_low": one.low,
            "peak_high": one.high,
            "peak_time": f"{one.day} {clock(one.minute)}",
        }
        for one in peaks[:12]
    ]


def last_word(truth: Truth, alert: Alert) -> str:
    said = truth.words.get(alert.id)
    return said[-1].verdict if said else ""


def open_seconds(alert: Alert) -> int | None:
    """Whole seconds of the clock between opening and closing."""
    return None if alert.closed_ms is None else alert.closed_ms // 1000 - alert.opened_ms // 1000


def kpi_alerts_by_rule(truth: Truth) -> list[Row]:
    by_rule: dict[str, list[Alert]] = defaultdict(list)
    for alert in truth.alerts:
        if alert.rule != "reconciliation":
            by_rule[alert.rule].append(alert)
    rows: list[Row] = []
    for rule, alerts in sorted(by_rule.items(), key=lambda item: (-len(item[1]), item[0])):
        words = [last_word(truth, alert) for alert in alerts]
        true, false = sum(word in ("true", "benign") for word in words), words.count("false")
        minutes = [seconds / 60 for alert in alerts if (seconds := open_seconds(alert)) is not None]
        rows.append(
            {
                "alert_rule": rule,
                "alerts": len(alerts),
                "still_open": sum(alert.closed_ms is None for alert in alerts),
                "judged_true": true,
                "judged_false": false,
                "not_judged": len(alerts) - true - false,
                "median_minutes": exact_quantile(minutes, 0.5),
            }
        )
    return rows


def kpi_alerts_closed(truth: Truth) -> list[Row]:
    alerts = [alert for alert in truth.alerts if alert.rule not in {"unanswered", "reconciliation"}]
    over = max((day.day for day in truth.days), default=date(1970, 1, 1)) + timedelta(days=1)
    over_s = int(datetime.combine(over, time(), local(0).tzinfo).timestamp())
    closed = sum(alert.closed_ms is not None for alert in alerts)
    lanes = [alert for alert in truth.alerts if alert.rule == "fire_lane"]
    spans = [open_seconds(alert) for alert in lanes]
    seconds = sum(over_s - a.opened_ms // 1000 if span is None else span for a, span in zip(lanes, spans, strict=True))
    return [
        {
            "alerts": len(alerts),
            "closed_alerts": closed,
            "closed_rate": share(closed, len(alerts)),
            "fire_lane_seconds": seconds,
            "days_loaded": len(truth.days),
            "fire_lane_minutes_per_day": seconds / 60 / len(truth.days) if truth.days else None,
        }
    ]


def kpi_alert_delay(truth: Truth) -> list[Row]:
    delays = [(a.published_ms - a.opened_ms) / 1000 for a in truth.alerts if a.rule != "reconciliation"]
    comparable = [seconds for seconds in delays if 0 <= seconds <= 86_400]
    return [
        {
            "alerts": len(delays),
            "comparable_alerts": len(comparable),
            "p50_seconds": exact_quantile(comparable, 0.5),
            "p95_seconds": exact_quantile(comparable, 0.95),
        }
    ]


def kpi_dispositions(truth: Truth) -> list[Row]:
    alerts = [alert for alert in truth.alerts if alert.rule not in ("unanswered", "reconciliation")]
    answered = [alert for alert in alerts if alert.id in truth.words]
    timely = sum(truth.words[alert.id][0].at_ms <= alert.opened_ms + TIMELY_MS for alert in answered)
    words = [last_word(truth, alert) for alert in answered]
    judged, false = sum(word in ("true", "false", "benign") for word in words), words.count("false")
    return [
        {
            "alerts": len(alerts),
            "answered": len(answered),
            "timely": timely,
            "judged": judged,
            "judged_false": false,
            "answered_rate": share(len(answered), len(alerts)) if answered else None,
            "timely_rate": share(timely, len(alerts)) if answered else None,
            "false_rate": share(false, judged),
        }
    ]


def kpi_availability(truth: Truth) -> list[Row]:
    number, expected = len(known(truth, "estate")), MINUTES * len(truth.days)
    return [{"known_minutes": number, "expected_minutes": expected, "availability_rate": share(number, expected)}]


def kpi_border_coverage(truth: Truth) -> list[Row]:
    counted = len({(crossing.line, day) for day, crossing in truth.border})
    expected = len(truth.days) * len(BORDER)
    return [
        {"counted_line_days": counted, "expected_line_days": expected, "border_rate": share(counted, expected)},
    ]


def kpi_occupancy_precision(truth: Truth) -> list[Row]:
    estimates = known(truth, "estate")
    level = mean([one.occupancy for one in estimates])
    half = mean([(one.high - one.low) / 2 for one in estimates])
    return [
        {
            "known_minutes": len(estimates),
            "mean_occupancy": level,
            "mean_half_width": half,
            "half_width_rate": share(half or 0, level or 0),
        }
    ]
