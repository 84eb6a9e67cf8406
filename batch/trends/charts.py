"""The page's charts as SVG, drawn in our style (`infra.charts.chart_style`)."""

from collections.abc import Mapping, Sequence
from datetime import date
from io import StringIO

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from batch.trends.hot import Place
from batch.trends.interrupted import Interruption
from batch.trends.study import Trend
from infra.charts import BLUE, GREY, ORANGE, SKY, VERMILION

WIDTH_IN = 8.0
BAR_SHARE = 0.85


def draw_series(trend: Trend) -> str:
    """Counts by week or month; the model and what was to be expected without a hand-over; change points."""
    figure = Figure(figsize=(WIDTH_IN, 2.6), layout="constrained")
    axes = figure.add_subplot()
    days = np.array([month.start for month in trend.series], "datetime64[D]")
    width = 30 if trend.step == "month" else 7
    counts = [month.incidents for month in trend.series]
    axes.bar(days, counts, width=width * BAR_SHARE, align="edge", color=SKY, label="起数")
    if isinstance(look := trend.looks.hand_over, Interruption):
        middles = np.array(look.starts, "datetime64[D]") + width // 2
        after = middles > np.datetime64(look.at)
        axes.plot(middles[~after], np.array(look.fitted)[~after], color=ORANGE, label="模型")
        axes.plot(middles[after], np.array(look.fitted)[after], color=ORANGE)
        axes.plot(middles[after], np.array(look.carried_on)[after], color=GREY, linestyle="--", label="原趋势延续")
        axes.axvline(_x(look.at), color=VERMILION, linewidth=1, label="移交")
    for number, change in enumerate(trend.changes):
        label = "" if number else "变点"
        axes.axvline(_x(change.at), color=BLUE, linewidth=1, linestyle=":", label=label)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("起")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, borderaxespad=0.1, fontsize=8)
    return _svg(figure)


def draw_places(places: Sequence[Place], names: Mapping[str, str]) -> str:
    """Relative risks with their intervals, in the order of the places' names; hot ones stand out."""
    figure = Figure(figsize=(WIDTH_IN, 2.4), layout="constrained")
    axes = figure.add_subplot()
    ordered = sorted(places, key=lambda place: place.name)
    for x, place in enumerate(ordered):
        color = VERMILION if place.hot else BLUE
        axes.vlines(x, place.low, place.high, color=color, linewidth=2, alpha=0.5)
        axes.plot(x, place.risk, "o", color=color, markersize=4)
    axes.axhline(1, color=GREY, linewidth=0.8)
    labels = [names.get(place.name, place.name) for place in ordered]
    axes.set_xticks(range(len(ordered)), labels, rotation=0 if max(map(len, labels)) <= 2 else 45)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("相对风险")
    return _svg(figure)


def _x(day: date) -> int:
    """Where matplotlib puts a day: days since 1970."""
    return (day - date(1970, 1, 1)).days


def _svg(figure: Figure) -> str:
    target = StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue().partition("<!DOCTYPE")[2].partition(">")[2].lstrip()
