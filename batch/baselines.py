"""What is usual on each line: hour-of-week baselines from the counts of past days. Pure.

By the method of moments: a cell's mean is its average, the line's dispersion is pooled over its cells,
sum((n - 1)(s^2 - mean)) / sum((n - 1) mean^2), as for the NB2 distribution (Cameron and Trivedi, "Regression Analysis
of Count Data", 2nd ed. 2013, ch. 3.3). Thin cells are shrunk as if they had `PRIOR_DAYS` more days like the line's
others: the mean towards the same hour on days of the kind (worked or off), the dispersion towards the line's.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.calendar import CELLS, HOURS_OF_DAY, HOURS_OF_WEEK, SATURDAY, hour_cell
from infra.events import SCHEMA_VERSION, Baseline

PRIOR_DAYS: Final = 4
MOST_DISPERSION: Final = 10.0
LEAST_MEAN: Final = 0.02

Floats = NDArray[np.float64]
Counts = Mapping[tuple[str, date, int], int]  # (line, local day, local hour): persons


def baselines(counts: Counts, days_of: Mapping[str, Sequence[date]], estate_id: str) -> list[Baseline]:
    """The baseline of each line from its counts on its days, at least one; an hour not in `counts` had nobody."""
    return [_baseline(line, _by_cell(counts, line, days), days, estate_id) for line, days in days_of.items()]


def _by_cell(counts: Counts, line: str, days: Sequence[date]) -> list[list[int]]:
    """The counts of each cell."""
    cells: list[list[int]] = [[] for _ in range(CELLS)]
    for day in days:
        for hour in range(HOURS_OF_DAY):
            cells[hour_cell(day, hour)].append(counts.get((line, day, hour), 0))
    return cells


def _baseline(line: str, cells: list[list[int]], days: Sequence[date], estate_id: str) -> Baseline:
    number = np.array([len(cell) for cell in cells], np.float64)
    mean = np.array([np.mean(cell) if cell else 0.0 for cell in cells])
    excess = np.array([np.var(cell, ddof=1) - np.mean(cell) if len(cell) > 1 else 0.0 for cell in cells])
    more = np.maximum(number - 1, 0)
    weight = float((more * mean**2).sum())
    pooled = max(0.0, float((more * excess).sum()) / weight) if weight else 0.0
    own = np.divide(excess, mean**2, out=np.zeros(CELLS), where=mean > 0)
    dispersion = np.clip((more * own + PRIOR_DAYS * pooled) / (more + PRIOR_DAYS), 0.0, MOST_DISPERSION)
    shrunk = np.maximum((number * mean + PRIOR_DAYS * _alike(number, mean)) / (number + PRIOR_DAYS), LEAST_MEAN)
    return Baseline(
        schema_version=SCHEMA_VERSION,
        estate_id=estate_id,
        line_id=line,
        version=f"{min(days)}..{max(days)}",
        days=len(days),
        mean=shrunk[:HOURS_OF_WEEK].tolist(),
        dispersion=dispersion[:HOURS_OF_WEEK].tolist(),
        holiday_mean=shrunk[HOURS_OF_WEEK:].tolist(),
        holiday_dispersion=dispersion[HOURS_OF_WEEK:].tolist(),
    )


def _alike(number: Floats, mean: Floats) -> Floats:
    """For each cell the line's mean at that hour over all days of its kind: worked, or weekend and holiday."""
    by_day, days = mean.reshape(-1, HOURS_OF_DAY), number.reshape(-1, HOURS_OF_DAY)
    worked, off = (_average(days[rows], by_day[rows]) for rows in (slice(None, SATURDAY), slice(SATURDAY, None)))
    result: Floats = np.concatenate([np.tile(worked, (SATURDAY, 1)), np.tile(off, (len(by_day) - SATURDAY, 1))]).ravel()
    return result


def _average(number: Floats, mean: Floats) -> Floats:
    total = number.sum(axis=0)
    result: Floats = np.divide((number * mean).sum(axis=0), total, out=np.zeros(HOURS_OF_DAY), where=total > 0)
    return result
