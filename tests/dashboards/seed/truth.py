"""What is true of a period of the seed's estate, and small sums that several questions share."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

from tests.dashboards.seed.years import (
    LINES,
    Alert,
    Crossing,
    Day,
    Ledgers,
    Said,
    said_on,
)

Value = str | int | float | None
Row = dict[str, Value]
BORDER: Final = LINES[:6]  # from the outside into the estate, all of them
DEVICES: Final = {"perimeter_cameras": 16, "counting_cameras": 601, "gates": 18}
UNKNOWN: Final = 2  # index of COVERAGES
DISPOSITION_DAYS: Final = 7
TIMELY_MS: Final = 30 * 60_000
LEAST_FPS: Final = 12
MOST_CLOCK_MS: Final = 1000


@dataclass(frozen=True)
class Truth:
    """The loaded days of a period, and what beside them counts: all written days, the ledgers."""

    first: date
    last: date
    days: list[Day]
    written: frozenset[date]
    ledgers: Ledgers

    @cached_property
    def length(self) -> int:
        """Days of the period, loaded or not."""
        return (self.last - self.first).days + 1

    def covers(self, day: date) -> bool:
        """Whether a day is in the period."""
        return self.first <= day <= self.last

    @cached_property
    def border(self) -> list[tuple[date, Crossing]]:
        """Crossings of the border."""
        return [(day.day, crossing) for day in self.days for crossing in day.crossings if crossing.line in BORDER]

    @cached_property
    def alerts(self) -> list[Alert]:
        """Alerts that were opened on a loaded day."""
        return [alert for day in self.days for alert in day.alerts]

    @cached_property
    def words(self) -> dict[str, list[Said]]:
        """What was said of each alert in time, first word first; what a day that is not loaded held is not known."""
        until = self.last + timedelta(days=DISPOSITION_DAYS)
        words: dict[str, list[Said]] = defaultdict(list)
        for day in self.days:
            for said in sorted(day.said, key=lambda said: (said.at_ms, said.id)):
                if said_on(said) in self.written and said_on(said) <= until:
                    words[said.alert].append(said)
        return words

    def total(self, name: str) -> int:
        """A sum over the accounts."""
        return sum(day.account[name] for day in self.days)


def share(part: float, whole: float) -> float | None:
    """Percent; None of nothing."""
    return 100 * part / whole if whole else None


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return sum(values) / len(values) if values else None


def exact_quantile(values: Iterable[float], level: float) -> float | None:
    """The element at the rank below `level` of all; None of nothing."""
    ranked = sorted(values)
    return ranked[int(level * len(ranked))] if ranked else None


def year_before(day: date) -> date:
    """The same day a year before; the last of February for the 29th."""
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)
