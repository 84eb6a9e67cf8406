"""The truth beside the events: what really happened, for checks and the demo to compare the house's answers with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.clock import HOUR_MS, MINUTE_MS
from producers.day import Balance, Day
from producers.layout import Bools, Layout
from producers.produced import Produced

Rule = Literal[
    "over_capacity",
    "restricted_hours",
    "camera_silent",
    "tailgating",
    "gate_held",
    "gate_forced",
    "fire_lane",
    "e_bike",
    "loitering",
    "perimeter_crossing",
    "unusual_flow",
    "unusual_absence",
]

OCCUPANCY = pa.schema([("zone_id", pa.string()), ("minute_ms", pa.int64()), ("persons", pa.int64())])
LINE_COUNTS = pa.schema(
    [
        ("line_id", pa.string()),
        ("day", pa.date32()),
        ("hour", pa.int8()),
        ("direction", pa.int8()),
        ("true_count", pa.int64()),
        ("sent_count", pa.int64()),
    ]
)


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One injected incident; `rule` is the alert rule that must tell it."""

    incident_id: str
    kind: str
    rule: Rule
    zone_id: str
    subject_id: str
    start_ms: int
    end_ms: int


class TruthWriter:
    """Writes `occupancy.parquet`, `line_counts.parquet`, `incidents.json` and `produced.json`; a context manager."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._layout = folder, layout
        self._occupancy = pq.ParquetWriter(folder / "occupancy.parquet", OCCUPANCY, compression="zstd")
        self._counts = pq.ParquetWriter(folder / "line_counts.parquet", LINE_COUNTS, compression="zstd")

    def write_day(self, day: Day, truth: Balance, sent: Bools) -> None:
        """Add one day; `sent` says which true crossings the cameras told."""
        self._occupancy.write_table(occupancy_table(day, truth, self._layout))
        self._counts.write_table(counts_table(day, sent, self._layout))

    def write_totals(self, produced: Produced, incidents: Sequence[Incident]) -> None:
        """Write the two small files at the end of the run."""
        for name, content in (("produced.json", produced), ("incidents.json", list(incidents))):
            (self._folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._occupancy.close()
        self._counts.close()


@contextmanager
def open_truth(folder: Path | None, layout: Layout) -> Iterator[TruthWriter | None]:
    """A writer into `folder`, or none where no truth is asked for."""
    if folder is None:
        yield None
        return
    with TruthWriter(folder, layout) as writer:
        yield writer


def occupancy_table(day: Day, truth: Balance, layout: Layout) -> pa.Table:
    """Persons in each zone at the end of each minute; `minute_ms` is the minute's start."""
    zones = np.repeat(np.arange(len(layout.site.zones)), day.minutes)
    minutes = np.tile(day.start_ms + MINUTE_MS * np.arange(day.minutes), len(layout.site.zones))
    names = pa.array([zone.id for zone in layout.site.zones])
    persons = truth.at(zones, minutes + MINUTE_MS - 1)
    return pa.table([names.take(pa.array(zones)), minutes, persons], schema=OCCUPANCY)


def counts_table(day: Day, sent: Bools, layout: Layout) -> pa.Table:
    """Crossings of each line by hour of the day and direction, in truth and as told; rows of nothing are left out."""
    hour = (day.crossed.event_ms - day.start_ms) // HOUR_MS
    cell = (day.crossed.line * 32 + hour) * 2 + (day.crossed.direction > 0)
    cells, inverse, true_count = np.unique(cell, return_inverse=True, return_counts=True)
    sent_count = np.bincount(inverse, sent, len(cells)).astype(np.int64)
    names = pa.array([line.id for line in layout.site.lines], pa.string())
    return pa.table(
        [
            names.take(pa.array(cells // 64)),
            pa.array([day.date] * len(cells), pa.date32()),
            (cells // 2 % 32).astype(np.int8),
            np.where(cells % 2, 1, -1).astype(np.int8),
            true_count,
            sent_count,
        ],
        schema=LINE_COUNTS,
    )
