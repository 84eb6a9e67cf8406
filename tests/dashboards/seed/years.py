"""Years of the seed's own estate with known truth: 16 + 601 cameras, 18 gates, 100 of 100 万元.

The truth is made in Python, a day at a time, seeded by the day alone: who crossed which line and when, which camera was
silent, blurred, slow or late, what the streams told of each zone, which alerts were raised and what people said of
them, and what the office wrote into its ledgers.

So that two years take minutes, zones and cameras tell of themselves every `every` minutes only, and few people pass.
Estimates are quarters of a person: their sums are exact, and so must be every mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from infra.clock import day_start_ms
from infra.settings import FULL_SITE
from infra.site import load_site

SITE: Final = load_site(FULL_SITE)
ESTATE: Final = SITE.estate.id
CAMERAS: Final = [camera.id for camera in SITE.cameras]
ZONES: Final = [zone.id for zone in SITE.zones]
LINES: Final = [line.id for line in SITE.lines]
GATES: Final = [gate.id for gate in SITE.gates]
MINUTES: Final = 1440
DAY_MS: Final = 86_400_000
PICTURES: Final = ("ok", "blurred", "covered", "black")
COVERAGES: Final = ("full", "partial", "unknown")
RULES: Final = ("restricted_hours", "fire_lane", "e_bike", "over_capacity", "unanswered", "reconciliation")
VERDICTS: Final = ("true", "false", "benign", "unsure")
ACCOUNT: Final = (
    *("raw", "valid", "duplicates", "dead_letters", "late", "streamed_dead_letters"),
    *("crossings", "alerts", "zone_minutes", "differing_zone_minutes"),
)


@dataclass(frozen=True)
class CameraMinute:
    """Columns of equal length: what cameras told. `camera` is an index of CAMERAS, `minute` of the day."""

    camera: np.ndarray
    minute: np.ndarray
    online: np.ndarray
    fps: np.ndarray
    decode_errors: np.ndarray
    picture: np.ndarray
    clock_offset_ms: np.ndarray


@dataclass(frozen=True)
class ZoneMinute:
    """Columns of equal length: what was told of zones. `zone` is an index of ZONES, `coverage` of COVERAGES."""

    zone: np.ndarray
    minute: np.ndarray
    counts: np.ndarray  # (n, 4): ins, outs, batch_ins, batch_outs
    occupancy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    coverage: np.ndarray


@dataclass(frozen=True)
class Crossing:
    """A person over a line, at an instant (UTC ms)."""

    at_ms: int
    line: str
    direction: int


@dataclass(frozen=True)
class Passage:
    """A gate's decision."""

    at_ms: int
    gate: str
    granted: bool


@dataclass(frozen=True)
class Alert:
    """An alert; `closed_ms` is None where it stayed open."""

    id: str
    rule: str
    opened_ms: int
    closed_ms: int | None
    published_ms: int


@dataclass(frozen=True)
class Said:
    """What a person said of an alert."""

    id: str
    alert: str
    at_ms: int
    verdict: str


@dataclass(frozen=True)
class Day:
    """All that is true of a loaded day. `received` is by camera, of the `sent` envelopes it numbered."""

    day: date
    start_ms: int
    crossings: list[Crossing]
    passages: list[Passage]
    alerts: list[Alert]
    said: list[Said]
    cameras: CameraMinute
    zones: ZoneMinute
    sent: np.ndarray
    received: np.ndarray
    account: dict[str, int]


def make_day(day: date, every: int) -> Day | None:
    """The truth of a day; None for one that was never loaded (about one in forty)."""
    rng = np.random.default_rng((20231208, day.toordinal()))
    if rng.random() < 0.025:
        return None
    start_ms = day_start_ms(day, SITE.tz)
    crossings = [
        Crossing(start_ms + int(at), LINES[line], int(way)) for at, line, way in zip(*_moments(rng, 260), strict=True)
    ]
    passages = [
        Passage(start_ms + int(at), GATES[which % len(GATES)], bool(rng.random() < 0.97))
        for at, which, _ in zip(*_moments(rng, 150), strict=True)
        if which % len(GATES) != day.toordinal() % 60  # a gate is shut now and then
    ]
    alerts = [_alert(rng, day, number, start_ms) for number in range(int(rng.poisson(2.5)))]
    zones = _zones(rng, every)
    sent = rng.integers(1, 90_000, len(CAMERAS))
    return Day(
        day,
        start_ms,
        crossings,
        passages,
        alerts,
        [said for alert in alerts for said in _said(rng, alert)],
        _cameras(rng, every),
        zones,
        sent,
        sent - rng.binomial(sent, 0.002),
        _account(rng, len(crossings), len(alerts), len(zones.zone)),
    )


def loaded_days(first: date, last: date, every: int) -> Iterator[Day]:
    """The loaded days from `first` to `last`, in order."""
    for number in range((last - first).days + 1):
        if found := make_day(first + timedelta(days=number), every):
            yield found


def _moments(rng: np.random.Generator, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Instants in ms of the day, more in the evening; lines, half of them the first six, which are the border; ways."""
    number = int(rng.integers(most // 2, most))
    at = (DAY_MS * rng.beta(3, 2, number)).astype(int)
    lines = np.where(rng.random(number) < 0.5, rng.integers(0, 6, number), rng.integers(0, len(LINES), number))
    return at, lines, rng.choice([1, -1], number)


def _alert(rng: np.random.Generator, day: date, number: int, start_ms: int) -> Alert:
    opened = start_ms + int(rng.integers(0, DAY_MS))
    closed = opened + int(rng.integers(1_000, 3_600_000)) if rng.random() < 0.9 else None
    delay = int(rng.integers(0, 5_000)) if rng.random() < 0.9 else int(rng.choice([-1, 86_400_001, 86_400_000]))
    return Alert(f"{day}-a{number}", str(rng.choice(RULES)), opened, closed, opened + delay)


def _said(rng: np.random.Generator, alert: Alert) -> Iterator[Said]:
    """None to two words, within minutes or up to twelve days later; two at the same instant now and then."""
    at = alert.opened_ms
    for number in range(int(rng.choice(3, p=[0.2, 0.6, 0.2]))):
        at += int(rng.choice([0, 60_000, 1_800_000, 1_800_001, 12 * DAY_MS], p=[0.1, 0.5, 0.1, 0.1, 0.2]))
        yield Said(f"{alert.id}-d{number}", alert.id, at, str(rng.choice(VERDICTS)))


def _cameras(rng: np.random.Generator, every: int) -> CameraMinute:
    """Every camera every so many minutes, but for one in a hundred, which says nothing all day."""
    told = np.flatnonzero(rng.random(len(CAMERAS)) > 0.01)
    camera, minute = (grid.ravel() for grid in np.meshgrid(told, np.arange(0, MINUTES, every), indexing="ij"))
    number = len(camera)
    off_all_day = rng.random(len(CAMERAS)) < 0.01
    online = (rng.random(number) < 0.99) & ~off_all_day[camera]
    fps = rng.choice(np.array([25, 24.9, 12, 11.99, 0], np.float32), number, p=[0.6, 0.35, 0.02, 0.02, 0.01])
    errors = rng.poisson(0.01, number)
    picture = rng.choice(len(PICTURES), number, p=[0.98, 0.01, 0.005, 0.005])
    clock = rng.choice(np.array([0, -3.5, 12.25, 1000, -1000.5], np.float32), number, p=[0.4, 0.3, 0.28, 0.01, 0.01])
    return CameraMinute(camera, minute, online, fps, errors, picture, clock)


def _zones(rng: np.random.Generator, every: int) -> ZoneMinute:
    """Every zone every so many minutes; the batch counted otherwise once in a thousand."""
    zone, minute = (
        grid.ravel() for grid in np.meshgrid(np.arange(len(ZONES)), np.arange(0, MINUTES, every), indexing="ij")
    )
    number = len(zone)
    told = rng.integers(0, 4, (number, 2))
    batch = told + (rng.random((number, 2)) < 0.0005)
    occupancy = rng.integers(0, 4 * 60, number) / 4 + np.where(zone == ZONES.index("estate"), 3_000, 0)
    low = np.maximum(occupancy - rng.integers(0, 40, number) / 4, 0)
    high = occupancy + rng.integers(0, 40, number) / 4
    coverage = rng.choice(len(COVERAGES), number, p=[0.95, 0.03, 0.02])
    return ZoneMinute(zone, minute, np.hstack([told, batch]), occupancy, low, high, coverage)


def _account(rng: np.random.Generator, crossings: int, alerts: int, zone_minutes: int) -> dict[str, int]:
    """What the nightly wrote down: now and then the sum does not hold, or a row was lost since."""
    valid, duplicates, dead, late = (int(n) for n in rng.poisson([5_000, 30, 4, 2]))
    raw = valid + duplicates + dead + int(rng.random() < 0.02)
    lost = int(rng.random() < 0.02)
    numbers = (raw, valid, duplicates, dead, late, dead + int(rng.random() < 0.1))
    return dict(zip(ACCOUNT, (*numbers, crossings + lost, alerts, zone_minutes, 0), strict=True))


def content_hash(day: date) -> str:
    """What the account says the day's crossings hash to."""
    return f"hash of {day}"


def said_on(said: Said) -> date:
    """The local day on which it was said."""
    return local(said.at_ms).date()


def local(at_ms: int) -> datetime:
    """An instant by the estate's clock."""
    return datetime.fromtimestamp(at_ms / 1000, SITE.tz)


@dataclass(frozen=True)
class Ledgers:
    """What the office knows: money by day and kind (yuan), incidents by instant and kind, surveys, manual counts.

    A survey is (day, question, people, mean, sd), a spot check (start_ms, line, count) over an hour.
    """

    funds: list[tuple[date, str, int]]
    incidents: list[tuple[datetime, str]]
    surveys: list[tuple[date, str, int, float, float]]
    spot_checks: list[tuple[int, str, int]]


def make_ledgers(years: Sequence[int]) -> Ledgers:
    """Fewer incidents from the hand-over on; a survey each half-year and a spot check a month in the last year."""
    rng = np.random.default_rng(16_601_18)
    funds = [(date(2023, 1, 10), "budget", 1_000_000), (date(2023, 2, 1), "received", 600_000)]
    funds += [(date(2023, 11, 20), "received", 400_000), (date(2023, 12, 20), "spent", 700_000)]
    funds += [(date(2024, 6, 3), "spent", 300_000), (date(2025, 1, 3), "spent", 5)]
    kinds = ("theft", "public_order", "fight", "fire_lane", "other")
    incidents = [
        (datetime(year, 1, 1, tzinfo=SITE.tz) + timedelta(minutes=int(rng.integers(0, 365 * MINUTES))), str(kind))
        for year in years
        for kind in rng.choice(kinds, int(rng.poisson(90 if year < 2024 else 40)), p=[0.5, 0.2, 0.1, 0.1, 0.1])
    ]
    last = years[-1]
    surveys = [
        (date(last, month, 15), question, people, mean, sd)
        for month, people, mean, sd in ((5, 210, 88.5, 9.25), (11, 320, 92.25, 7.5))
        for question in ("satisfaction", "safety")
    ]
    checks = [
        (day_start_ms(date(last, month, 11), SITE.tz) + 17 * 3_600_000, LINES[month % 6], int(rng.integers(1, 9)))
        for month in range(1, 13)
    ]
    return Ledgers(funds, incidents, surveys, checks)
