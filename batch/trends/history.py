"""What the warehouse knows of incidents and passages, over the days that the ledger tells of."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final, Literal

import msgspec
import numpy as np
from clickhouse_driver import Client
from msgspec import Struct

from batch.trends.series import Daily
from infra.errors import UserError
from infra.limits import OUTSIDE
from infra.period import make_period
from infra.site import Site
from warehouse.client import ask

Kind = Literal["theft", "public_order", "fight", "fire_lane", "other"]
HOURS: Final = 24
KINDS: Final[tuple[Kind, ...]] = ("theft", "public_order", "fight", "fire_lane", "other")


class Event(Struct, frozen=True):
    """An incident: its local day and hour, its kind, its zone (empty where the place is not known)."""

    day: date
    hour: int
    kind: Kind
    zone_id: str


class History(Struct, frozen=True):
    """Incidents of the days from `first` to `last`, and persons' passages.

    `passages` are those over the estate's border, both ways, of each local hour of each loaded day; `zone_passages`
    those over all lines of a zone.
    """

    first: date
    last: date
    events: list[Event]
    passages: dict[date, list[int]]
    zone_passages: dict[str, int]

    def of(self, kind: Kind) -> list[Event]:
        """The incidents of one kind."""
        return [event for event in self.events if event.kind == kind]

    def beside_passages(self, kind: Kind) -> list[Event]:
        """Those of its incidents that happened on loaded days."""
        return [event for event in self.of(kind) if event.day in self.passages]

    def hour_passages(self) -> list[int]:
        """Passages of each of the 24 local hours, over all loaded days."""
        return [sum(hours) for hours in zip([0] * HOURS, *self.passages.values(), strict=True)]

    def daily(self, kind: Kind) -> Daily:
        """The days' counts of one kind, with the days' passages."""
        days = (self.last - self.first).days + 1
        places = [(event.day - self.first).days for event in self.of(kind)]
        dates = (self.first + timedelta(days=number) for number in range(days))
        return Daily(
            self.first,
            np.bincount(np.array(places, np.int64), minlength=days).astype(np.float64),
            np.array([sum(self.passages[day]) if day in self.passages else np.nan for day in dates]),
        )


def read_history(client: Client, site: Site, first: date | None = None, last: date | None = None) -> History:
    """The history from `first` to `last`; without them from the ledger's first entry to its last, of any kind.

    The ledger is taken to be complete in between: an empty one is missing, not zero. Raises UserError where it has no
    entry or the days are in the wrong order.
    """
    estate, tz = site.estate.id, site.estate.timezone
    rows = ask(client, "incidents_of_estate", estate=estate, tz=tz)
    told = msgspec.convert(rows, list[tuple[date, int, Kind, str]])
    if not told:
        raise UserError(
            f"the ledger of estate {estate!r} has no incident", "import it: `anfang ledger import incidents FILE`"
        )
    period = make_period(first or told[0][0], last or told[-1][0])
    border = [line.id for line in site.lines if OUTSIDE in (line.from_zone, line.to_zone)]
    days: dict[str, str | date] = {"estate": estate, "first": period.first, "last": period.last}
    loaded = msgspec.convert(ask(client, "days_loaded", **days), list[tuple[date]])
    hours = ask(client, "passages_by_day_and_hour", **days, tz=tz, lines=border)
    lines = dict(msgspec.convert(ask(client, "passages_by_line", **days), list[tuple[str, int]]))
    return History(
        first=period.first,
        last=period.last,
        events=[Event(*row) for row in told if period.first <= row[0] <= period.last],
        passages=_by_day_and_hour([day for (day,) in loaded], msgspec.convert(hours, list[tuple[date, int, int]])),
        zone_passages={zone.id: _of_zone(site, zone.id, lines) for zone in site.zones},
    )


def _by_day_and_hour(loaded: list[date], rows: Iterable[tuple[date, int, int]]) -> dict[date, list[int]]:
    """A loaded day without a row had nobody; a row of a day that is not loaded is none of ours."""
    passages = {day: [0] * HOURS for day in loaded}
    for day, hour, persons in rows:
        if day in passages:
            passages[day][hour] = persons
    return passages


def _of_zone(site: Site, zone_id: str, lines: dict[str, int]) -> int:
    return sum(lines.get(line.id, 0) for line in site.lines if zone_id in (line.from_zone, line.to_zone))
