"""Trends for people at a terminal: effect, interval, the word, and what it does not show."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from batch.trends.hot import Place
from batch.trends.interrupted import Interruption, Untold
from batch.trends.ratios import YearOnYear
from batch.trends.study import Trend

UNTOLD: Final[dict[Untold, str]] = {
    Untold.NO_DATE: "the site file has no hand-over date",
    Untold.TOO_SHORT_BEFORE: "less than two years before the hand-over",
    Untold.TOO_SHORT_AFTER: "less than half a year after the hand-over",
    Untold.NONE_BEFORE: "no incident before the hand-over: no ratio to it",
    Untold.NONE_AFTER: "no incident after the hand-over: the model has no finite ratio",
    Untold.NO_FIT: "the model did not converge",
}
NOT_SHOWN: Final = (
    "A fall at the hand-over is not a fall because of it: what else began then changes the counts, too.",
    "Incidents are those that were reported. When people report more, or the office writes down more, counts rise.",
    "'not shown' is not 'unchanged': see the interval for how large a change it allows.",
    "A season that moves with the lunar calendar, and months that depend on each other, are not modelled.",
    "Each kind is judged by itself: of twenty kinds without any change one may be said to have fallen or risen.",
    "'Hot' is per passage, and only what is told by zone: a zone without counted passages is not judged.",
)
NO_RATIO: Final = "-"


def show(trends: Sequence[Trend], console: Console) -> None:
    """Print all of it."""
    first, last, step = trends[0].first, trends[0].last, trends[0].step
    table = Table(title=f"Incidents, {first} to {last}, by {step}", pad_edge=False)
    for title in ("kind", "look", "incidents", "ratio", "95 % interval", "deciding interval", "said"):
        table.add_column(title, justify="right" if title in {"incidents", "ratio"} else "left")
    for trend in trends:
        for row in _rows(trend):
            table.add_row(*row)
        table.add_section()
    console.print(table)
    for trend in trends:
        for line in beside(trend):
            console.print(f"{trend.kind}: {line}", soft_wrap=True, highlight=False)
    console.print("\nWhat this does not show:")
    for line in NOT_SHOWN:
        console.print(f"- {line}", soft_wrap=True, highlight=False)


def _rows(trend: Trend) -> Iterator[tuple[str, ...]]:
    found = trend.looks
    match found.year_on_year:
        case None:
            yield trend.kind, "year on year", str(trend.incidents), NO_RATIO, "", "", "less than two years"
        case ratio:
            exact, deciding = ratio.exact, ratio.deciding
            yield (
                trend.kind,
                f"year on year, per {'passage' if ratio.unit == 'passages' else 'day'}",
                f"{ratio.count_before:.0f} → {ratio.count:.0f}",
                number(exact.ratio),
                interval(exact.low, exact.high),
                interval(deciding.low, deciding.high),
                found.year_on_year_word,
            )
    match found.hand_over:
        case Untold() as reason:
            yield "", "hand-over", "", NO_RATIO, "", "", UNTOLD[reason]
        case Interruption() as at:
            yield from _hand_over(at, found.hand_over_word)


def _hand_over(look: Interruption, word: str) -> Iterator[tuple[str, ...]]:
    effect, deciding = look.effect, interval(look.deciding.low, look.deciding.high)
    yield "", f"hand-over {look.at}", "", number(effect.ratio), interval(effect.low, effect.high), deciding, word
    for name, part in (("level at once", look.level), ("trend per year", look.slope)):
        yield "", f"  {name}", "", number(part.ratio), interval(part.low, part.high), "", ""


def beside(trend: Trend) -> Iterator[str]:
    """What stands beside the looks and says no word: dispersion, placebos, change points, hot places."""
    ratio = trend.looks.year_on_year
    if ratio:
        yield _rate(ratio)
    if trend.dispersion:
        yield f"{trend.step}s vary {trend.dispersion:.2f} times as much as Poisson's (1.00 at least)"
    if isinstance(trend.looks.hand_over, Interruption):
        yield f"neighbouring {trend.step}s' residuals correlate by {trend.looks.hand_over.autocorrelation:+.2f}"
    if trend.placebo_rank:
        yield f"the hand-over ranks {trend.placebo_rank} of {trend.placebos + 1} dates by strength of fall (placebos)"
    for change in trend.changes:
        yield f"change point {change.at}: rate times {number(change.ratio)}"
    for what, places in (("zone", trend.zones), ("hour", trend.hours)):
        for place in places:
            if place.hot:
                yield f"hot {what} {place.name}: {_place(place)}"
    if trend.unplaced:
        yield f"{trend.unplaced} without a zone whose passages are known: in no zone's rate"


def _rate(ratio: YearOnYear) -> str:
    per = "10 000 passages" if ratio.unit == "passages" else "day (passages are not known for both years)"
    nothing = " (no incident in either year)" if not ratio.count + ratio.count_before else ""
    return f"{ratio.rate_before:.3g} → {ratio.rate:.3g} per {per}{nothing}"


def _place(place: Place) -> str:
    return (
        f"{place.incidents} where {place.expected:.1f} were expected, risk {place.risk:.2f} "
        f"{interval(place.low, place.high)}, p {place.adjusted_p:.3g} over all places"
    )


def interval(low: float, high: float | None) -> str:
    """Both ends; an end that is not bounded is ∞."""
    return f"{number(low)}–{'∞' if high is None else number(high)}"


def number(ratio: float | None) -> str:
    """A ratio in three digits."""
    return NO_RATIO if ratio is None else f"{ratio:.3g}"
