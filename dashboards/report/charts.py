"""Charts as PNG, drawn by matplotlib with the fetched CJK fonts: one function a chart, in colour-blind-safe colours."""

from collections.abc import Callable, Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dashboards.report.district import chart_name
from dashboards.report.evidence import Row
from dashboards.report.facts import Facts
from dashboards.report.tables import daily_flow, line_names
from dashboards.report.wording import WEEKDAYS, rule_name
from infra.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW, chart_style

SERIES: Final = (BLUE, ORANGE, GREEN, SKY, PURPLE, VERMILION, YELLOW)
OTHERS: Final = "其他"
SIZE_IN: Final = (6.3, 2.7)
DPI: Final = 200
MOST_LABELS: Final = 12
ENGLISH: Final = {
    "人次": "crossings",
    "人次／小时": "crossings/hour",
    "在场人数（人）": "persons",
    "峰值（人）": "peak (persons)",
    "峰值及95%区间": "peak, 95 % interval",
    "95%区间": "95 % interval",
    "估计值": "estimate",
    "次": "alerts",
    "设备在线率": "devices online",
    "目标值": "target ",
    "时": " h",
    "其他": "others",
    "属实或无害": "true or harmless",
    "误报": "false",
    "未判断": "not judged",
    **dict(zip(WEEKDAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True)),
}


def draw(facts: Facts, names: Sequence[str], fonts: Path) -> dict[str, bytes]:
    """The named charts as PNG bytes; `fonts` is the folder with Noto Sans SC."""
    with chart_style(fonts):
        return {name: _png(CHARTS[name], facts) for name in names}


def district_charts(estates: Sequence[Facts], names: Sequence[str], fonts: Path) -> dict[str, bytes]:
    """The named charts of all estates as PNG."""
    drawn: dict[str, bytes] = {}
    for facts in estates:
        estate = facts.site.estate.id
        own = [chart for chart in CHARTS if chart_name(estate, chart) in names]
        drawn |= {chart_name(estate, chart): png for chart, png in draw(facts, own, fonts).items()}
    return drawn


def blank() -> bytes:
    """An empty picture of a chart's size: for comparing what stands around the charts."""
    target = BytesIO()
    Figure(figsize=SIZE_IN, dpi=DPI).savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _png(plot: Callable[[Facts, Axes], None], facts: Facts) -> bytes:
    figure = Figure(figsize=SIZE_IN, dpi=DPI, layout="constrained")
    plot(facts, figure.add_subplot())
    target = BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _crossings_by_day(facts: Facts, axes: Axes) -> None:
    flow, names = daily_flow(facts), line_names(facts)
    days, counts = sorted(flow), _by_entrance(flow, names)
    bottom = np.zeros(len(days))
    colors = [*SERIES[: len(counts) - 1], GREY] if OTHERS in counts else SERIES
    for (name, by_day), color in zip(counts.items(), colors, strict=False):
        heights = np.array([by_day.get(day, 0) for day in days], dtype=float)
        axes.bar(range(len(days)), heights, bottom=bottom, width=0.75, color=color, label=_say(facts, name))
        bottom += heights
    _day_axis(facts, axes, days)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel(_say(facts, "人次"))
    _legend(axes)


def _by_entrance(flow: dict[str, dict[str, tuple[int, int]]], names: dict[str, str]) -> dict[str, dict[str, int]]:
    """Crossings by entrance and day, the busiest entrances first, the rest together."""
    counts: dict[str, dict[str, int]] = {}
    for day, lines in flow.items():
        for line, (ins, outs) in lines.items():
            by_day = counts.setdefault(names[line], {})
            by_day[day] = by_day.get(day, 0) + ins + outs
    ranked = sorted(counts, key=lambda name: -sum(counts[name].values()))
    kept = ranked if len(ranked) <= len(SERIES) else ranked[: len(SERIES) - 1]
    result = {name: counts[name] for name in kept}
    for name in ranked[len(kept) :]:
        rest = result.setdefault(OTHERS, {})
        for day, count in counts[name].items():
            rest[day] = rest.get(day, 0) + count
    return result


def _crossings_by_hour(facts: Facts, axes: Axes) -> None:
    grid = np.full((7, 24), np.nan)
    for row in facts.rows("kpi_crossings_by_hour"):
        grid[int(_number(row, "day_of_week")) - 1, int(_number(row, "hour_of_day"))] = _number(
            row, "crossings_per_hour"
        )
    axes.grid(visible=False)
    image = axes.imshow(grid, aspect="auto", cmap="cividis", interpolation="nearest", vmin=0)
    axes.set_yticks(range(7), [_say(facts, day) for day in WEEKDAYS])
    axes.set_xticks(range(0, 24, 2), [f"{hour}{_say(facts, '时')}" for hour in range(0, 24, 2)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.015, aspect=16)
    bar.set_label(_say(facts, "人次／小时"))
    bar.outline.set_visible(False)


def _occupancy_by_hour(facts: Facts, axes: Axes) -> None:
    rows = facts.rows("kpi_occupancy_by_hour")
    _band(facts, axes, rows, ("mean_occupancy", "mean_low", "mean_high"))
    hours = [str(row["local_hour"]) for row in rows]
    midnights = [i for i, hour in enumerate(hours) if hour.endswith("00:00")]
    ticks = midnights if len(midnights) > 1 else list(range(0, len(hours), 3))
    labels = [_short_day(facts, hours[i][:10]) if len(midnights) > 1 else hours[i][11:] for i in ticks]
    axes.set_xticks(ticks, labels)
    axes.set_ylabel(_say(facts, "在场人数（人）"))
    _legend(axes)


def _occupancy_by_day(facts: Facts, axes: Axes) -> None:
    rows = facts.rows("kpi_occupancy_by_day")
    days = [str(row["day"]) for row in rows]
    peaks, low, high = (np.array([_number(row, c) for row in rows]) for c in ("peak", "peak_low", "peak_high"))
    axes.errorbar(
        range(len(days)),
        peaks,
        yerr=[np.maximum(peaks - low, 0), np.maximum(high - peaks, 0)],
        fmt="o",
        markersize=4,
        color=BLUE,
        ecolor=SKY,
        elinewidth=2,
        label=_say(facts, "峰值及95%区间"),
    )
    axes.set_ylim(bottom=0)
    _day_axis(facts, axes, days)
    axes.set_ylabel(_say(facts, "峰值（人）"))
    _legend(axes)


def _alerts_by_rule(facts: Facts, axes: Axes) -> None:
    rows = facts.rows("kpi_alerts_by_rule")[::-1]
    left = np.zeros(len(rows))
    for column, label, color in (
        ("judged_true", "属实或无害", BLUE),
        ("judged_false", "误报", VERMILION),
        ("not_judged", "未判断", GREY),
    ):
        widths = np.array([_number(row, column) for row in rows])
        if widths.any():
            axes.barh(range(len(rows)), widths, left=left, height=0.55, color=color, label=_say(facts, label))
        left += widths
    axes.set_yticks(range(len(rows)), [_rule(facts, row) for row in rows])
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(_say(facts, "次"))
    _legend(axes)


def _online_by_day(facts: Facts, axes: Axes) -> None:
    rows = facts.rows("kpi_camera_online_by_day")
    days, rates = [str(row["day"]) for row in rows], [_number(row, "online_rate") for row in rows]
    axes.plot(
        range(len(days)), rates, marker="o", markersize=3.5, color=BLUE, linewidth=1.4, label=_say(facts, "设备在线率")
    )
    target = next((a.target for a in facts.assessments if a.indicator_id == "online_rate"), None)
    if target is not None:
        axes.axhline(target, color=VERMILION, linewidth=1, linestyle="--", label=f"{_say(facts, '目标值')}{target:g}%")
    axes.set_ylim(max(0.0, min([*rates, target or 100]) - 5), 101)
    _day_axis(facts, axes, days)
    axes.set_ylabel("%")
    _legend(axes)


def _band(facts: Facts, axes: Axes, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """A line within its interval; `columns` are the middle, the low and the high end."""
    x = np.arange(len(rows))
    value, bottom, top = (np.array([_number(row, name) for row in rows]) for name in columns)
    axes.fill_between(x, bottom, top, color=SKY, alpha=0.4, linewidth=0, label=_say(facts, "95%区间"))
    axes.plot(x, value, color=BLUE, linewidth=1.3, label=_say(facts, "估计值"))
    axes.set_xlim(0, max(len(rows) - 1, 1))
    axes.set_ylim(bottom=0)


def _day_axis(facts: Facts, axes: Axes, days: Sequence[str]) -> None:
    step = -(-len(days) // MOST_LABELS)
    ticks = range(0, len(days), step)
    axes.set_xticks(ticks, [_short_day(facts, days[i]) for i in ticks])
    axes.set_xlim(-0.6, len(days) - 0.4)


def _short_day(facts: Facts, day: str) -> str:
    parsed = date.fromisoformat(day)
    return f"{parsed.month}月{parsed.day}日" if facts.language == "zh" else f"{parsed.month}-{parsed.day}"


def _say(facts: Facts, chinese: str) -> str:
    """A label in the report's language."""
    return chinese if facts.language == "zh" else ENGLISH.get(chinese, chinese)


def _rule(facts: Facts, row: Row) -> str:
    return rule_name(row["alert_rule"]) if facts.language == "zh" else str(row["alert_rule"]).replace("_", " ")


def _legend(axes: Axes) -> None:
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=min(len(handles), 7), borderaxespad=0.1, fontsize=8)


def _number(row: Row, column: str) -> float:
    value = row[column]
    return float(value) if isinstance(value, int | float) else 0.0


CHARTS: Final[dict[str, Callable[[Facts, Axes], None]]] = {
    "crossings_by_day": _crossings_by_day,
    "crossings_by_hour": _crossings_by_hour,
    "occupancy_by_hour": _occupancy_by_hour,
    "occupancy_by_day": _occupancy_by_day,
    "alerts_by_rule": _alerts_by_rule,
    "online_by_day": _online_by_day,
}
