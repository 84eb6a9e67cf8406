"""Local days in Spark columns, and the window of Kafka time in which a day's records are read."""

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 the name everyone knows

from infra.clock import MINUTE_MS, day_start_ms
from infra.settings import Settings
from infra.site import Site


@dataclass(frozen=True)
class Period:
    """Consecutive local days of one estate, each read with `grace_ms` of Kafka time on either side."""

    site: Site
    first: date
    days: int
    grace_ms: int

    @property
    def dates(self) -> list[date]:
        """Its days in order."""
        return [self.first + timedelta(days=n) for n in range(self.days)]

    @property
    def start_ms(self) -> int:
        """UTC ms at which its first day begins."""
        return day_start_ms(self.first, self.site.tz)

    @property
    def end_ms(self) -> int:
        """UTC ms at which its last day has ended."""
        return day_start_ms(self.first + timedelta(days=self.days), self.site.tz)

    @property
    def read_from_ms(self) -> int:
        """Kafka time from which records may belong to it."""
        return self.start_ms - self.grace_ms

    @property
    def read_to_ms(self) -> int:
        """Kafka time up to which records may belong to it."""
        return self.end_ms + self.grace_ms

    def contains(self, day: Column) -> Column:
        """Whether a local day is one of its days."""
        return day.between(F.lit(self.dates[0]), F.lit(self.dates[-1]))


def period_of(settings: Settings, site: Site, first: date, days: int) -> Period:
    """`days` local days from `first` on, with the configured grace."""
    return Period(site, first, days, settings.nightly_grace_minutes * MINUTE_MS)


def local_day(event_ms: Column, timezone: str) -> Column:
    """The local day in `timezone` of an instant in UTC ms."""
    return F.to_date(F.from_utc_timestamp(F.timestamp_millis(event_ms), timezone))


def minute_of(event_ms: Column) -> Column:
    """The minute in which an instant in UTC ms lies, in UTC s."""
    return F.floor(event_ms / MINUTE_MS) * (MINUTE_MS // 1000)


def in_grace(kafka_ms: Column, day: Column, period: Period) -> Column:
    """Whether a record of local day `day` came (Kafka time) within the grace on either side of it."""
    timezone = period.site.estate.timezone
    start = F.unix_millis(F.to_utc_timestamp(day.cast("timestamp"), timezone))
    end = F.unix_millis(F.to_utc_timestamp(F.date_add(day, 1).cast("timestamp"), timezone))
    return (kafka_ms >= start - period.grace_ms) & (kafka_ms < end + period.grace_ms)
