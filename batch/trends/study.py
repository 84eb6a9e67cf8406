"""All looks at one kind of incident, and the one rule for the words "fell" and "rose". Pure.

The rule, declared before any data is seen: two looks may say a word, the year-on-year ratio and the effect at the
hand-over. Each is asked at half of 5 % (Bonferroni), by an interval that is widened where counts vary more than
Poisson's; "fell" is said of a look only where its whole interval lies below 1. Placebo dates, change points, level and
slope are shown beside it and say no word.
"""

from collections import Counter
from datetime import date
from typing import Final, Literal

from msgspec import Struct

from batch.trends.changes import Change, changes
from batch.trends.history import History, Kind
from batch.trends.hot import Place, hot_places
from batch.trends.interrupted import (
    Fit,
    Interruption,
    Ratio,
    Untold,
    background_fit,
    interrupted,
    placebos,
    rank,
)
from batch.trends.ratios import YearOnYear, year_on_year
from batch.trends.series import Buckets, Daily, Step, Unit, bucketed
from infra.chance import RateRatio

LOOKS: Final = 2
WRONG_WORDS: Final = 0.05
DECIDING: Final = 1 - WRONG_WORDS / LOOKS
"""Confidence of the interval that each look is asked for."""

Word = Literal["fell", "rose", "not shown", "cannot tell"]


class Looks(Struct, frozen=True):
    """The two looks that may say a word, and their words."""

    year_on_year: YearOnYear | None
    year_on_year_word: Word
    hand_over: Interruption | Untold
    hand_over_word: Word

    @property
    def says_fell(self) -> bool:
        """Whether "fell" is said at all."""
        return "fell" in {self.year_on_year_word, self.hand_over_word}


class Month(Struct, frozen=True):
    """A week or month: its first day, incidents, exposure in the trend's unit."""

    start: date
    incidents: int
    exposure: float


class Trend(Struct, frozen=True):
    """What was found of one kind of incident. `dispersion` is None where the months do not tell it.

    `placebos` are how many other dates were tried, `placebo_rank` the hand-over's place among them and itself. Zones
    and hours are of loaded days; `unplaced` are incidents there whose zone has no passages or is not told.
    """

    kind: Kind
    first: date
    last: date
    step: Step
    unit: Unit
    incidents: int
    dispersion: float | None
    looks: Looks
    placebos: int
    placebo_rank: int | None
    changes: list[Change]
    zones: list[Place]
    hours: list[Place]
    unplaced: int
    series: list[Month]


def looks(daily: Daily, buckets: Buckets, background: Fit | None, hand_over: date | None) -> Looks:
    """The rule. Where months do not tell the dispersion no word is said of the year-on-year ratio, unless all of them
    are zero.
    """
    ratio = year_on_year(daily, background.dispersion if background else 1.0, DECIDING)
    change = interrupted(buckets, hand_over, DECIDING) if hand_over else Untold.NO_DATE
    told = ratio and (background or not daily.counts.any())
    return Looks(
        year_on_year=ratio,
        year_on_year_word=_word(ratio.deciding) if ratio and told else "cannot tell",
        hand_over=change,
        hand_over_word="cannot tell" if isinstance(change, Untold) else _word(change.deciding),
    )


def _word(deciding: RateRatio | Ratio) -> Word:
    if deciding.high is not None and deciding.high < 1:
        return "fell"
    return "rose" if deciding.low > 1 else "not shown"


def study(history: History, kind: Kind, step: Step, hand_over: date | None) -> Trend:
    """All looks at one kind."""
    daily = history.daily(kind)
    buckets = bucketed(daily, step)
    background = background_fit(buckets)
    found = looks(daily, buckets, background, hand_over)
    tried = placebos(buckets, hand_over, DECIDING) if hand_over else []
    real = found.hand_over
    events = history.beside_passages(kind)
    zones = Counter(event.zone_id for event in events)
    hours = Counter(hour_name(event.hour) for event in events)
    by_hour = {hour_name(hour): passed for hour, passed in enumerate(history.hour_passages())}
    return Trend(
        kind=kind,
        first=history.first,
        last=history.last,
        step=step,
        unit=buckets.unit,
        incidents=int(daily.counts.sum()),
        dispersion=background.dispersion if background else None,
        looks=found,
        placebos=len(tried),
        placebo_rank=rank(real, tried) if tried and isinstance(real, Interruption) else None,
        changes=changes(buckets, background) if background else [],
        zones=hot_places(zones, history.zone_passages),
        hours=hot_places(hours, by_hour),
        unplaced=sum(number for zone, number in zones.items() if not history.zone_passages.get(zone)),
        series=_series(buckets),
    )


def _series(buckets: Buckets) -> list[Month]:
    columns = buckets.starts.tolist(), buckets.counts.tolist(), buckets.exposure.tolist()
    return [Month(start, int(number), exposure) for start, number, exposure in zip(*columns, strict=True)]


def hour_name(hour: int) -> str:
    """A local hour for people and keys, "07"."""
    return f"{hour:02}"
