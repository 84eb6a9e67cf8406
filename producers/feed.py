"""One day after another into a sink: cameras overlook, repeat and delay, and everything is counted as it is sent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from infra.events import Headcount, encoder
from infra.site import Site
from infra.topics import DETECTIONS, GATE_PASSAGES, HEADCOUNTS
from producers.day import Balance, Crossed, Day, balance
from producers.dice import dice
from producers.layout import Bools, Ints, Layout
from producers.produced import Produced
from producers.simulate.faults import Faults, Poison, late_ms, missed, poisons, repeated
from producers.simulate.register import register
from producers.simulate.truth import Incident, TruthWriter
from producers.sink import Sink
from producers.slices import (
    CROSSING,
    Slices,
    Told,
    envelope_writer,
    passage_writer,
    passages,
    rank,
    seen,
    slices,
)

Progress = Callable[[float], None]
"""Told the share of the run that is done, from 0 to 1, a few times a second."""

REPORT_EVERY = 5_000
ENVELOPE, PASSAGE, POISON, HEADCOUNT = 0, 1, 2, 3


def no_progress(_done: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Caught:
    """What became of a day's crossings: which were told, and why the others were not."""

    told: Bools
    missed: int
    in_outage: int
    unseen: int


@dataclass(frozen=True)
class Schedule:
    """What is sent in which order: kind, index within its kind, and time of sending of each message."""

    kind: Ints
    index: Ints
    first_repeat: int
    late: int


class Feed:
    """Sends days in order, carrying occupancy and sequence numbers from one to the next."""

    def __init__(
        self,
        site: Site,
        boot_id: str,
        *,
        days: int,
        seed: int,
        faults: Faults,
        registered: bool = False,
        sink: Sink,
        truth: TruthWriter | None = None,
        progress: Progress = no_progress,
    ) -> None:
        self.layout = Layout(site)
        self.occupancy: Ints = np.zeros(len(site.zones), np.int64)
        self.produced = Produced()
        self._boot_id, self._seed, self._days, self._day = boot_id, seed, days, 0
        self._faults, self._sink, self._truth, self._progress = faults, sink, truth, progress
        self._registered = registered
        self._next_seq: Ints = np.zeros(len(self.layout.pairs), np.int64)

    def send_day(self, day: Day) -> None:
        """Send one day; days must come in order, each at most once."""
        truth = balance(day, self.occupancy, self.layout)
        caught = self._catch(day)
        sent = day.crossed.take(caught.told)
        told = Told(day, sent, self._names(day, sent), self.layout, self._boot_id)
        rows = slices(told, truth, self._next_seq, dice(self._seed, "visible", day.date))
        bad, counted = self._poisons(day), self._headcounts(day, truth)
        schedule = self._schedule(rows, told, bad, counted)
        self._send(rows, told, bad, counted, schedule)
        if self._truth is not None:
            self._truth.write_day(day, truth, caught.told)
        self._count(day, rows, bad, schedule, caught)
        self.produced = msgspec.structs.replace(self.produced, left_inside=_people(truth.closing, self.layout))
        self._next_seq = self._next_seq + np.bincount(rows.pair, minlength=len(self._next_seq))
        self.occupancy = truth.closing
        self._day += 1

    def finish(self, incidents: Sequence[Incident]) -> Produced:
        """Wait until everything has arrived, and write the truth's totals. Raises UserError when it has not."""
        self._sink.flush()
        if self._truth is not None:
            self._truth.write_totals(self.produced, incidents)
        self._progress(1.0)
        return self.produced

    def _catch(self, day: Day) -> Caught:
        watched, lit = seen(day, self.layout)
        overlooked = missed(day.crossed, self._faults, dice(self._seed, "missed", day.date)) & watched & lit
        return Caught(
            told=watched & lit & ~overlooked,
            missed=int(overlooked.sum()),
            in_outage=int((watched & ~lit).sum()),
            unseen=int((~watched).sum()),
        )

    def _names(self, day: Day, sent: Crossed) -> list[str]:
        """A crossing id for each crossing told: the run, the day, the line and its number on the line."""
        stems = [f"{self._boot_id}.{day.date:%Y%m%d}.{line.id}." for line in self.layout.site.lines]
        pairs = zip(sent.line.tolist(), rank(sent.line).tolist(), strict=True)
        return [f"{stems[line]}{number}" for line, number in pairs]

    def _poisons(self, day: Day) -> list[Poison]:
        low, high = (self._faults.poison * n // self._days for n in (self._day, self._day + 1))
        random = dice(self._seed, "poison", day.date)
        return poisons(
            range(low, high),
            start_ms=day.start_ms,
            end_ms=day.end_ms,
            site=self.layout.site,
            boot_id=self._boot_id,
            dice=random,
        )

    def _headcounts(self, day: Day, truth: Balance) -> list[Headcount]:
        if not self._registered:
            return []
        return register(day, truth, self.layout, self._boot_id, dice(self._seed, "register", day.date))

    def _schedule(self, rows: Slices, told: Told, bad: list[Poison], counted: list[Headcount]) -> Schedule:
        day = told.day
        delay = late_ms(_spared(rows, told.sent), self._faults, dice(self._seed, "late", day.date))
        again, after = repeated(len(rows), self._faults, dice(self._seed, "duplicates", day.date))
        send_ms = rows.start_ms + delay
        gates = passages(day.crossed, self.layout)
        times = (send_ms, send_ms[again] + after, gates.event_ms)
        bad_ms = np.array([poison.sent_ms for poison in bad], np.int64)
        counted_ms = np.array([headcount.event_ms for headcount in counted], np.int64)
        sizes = (len(rows), len(again), len(gates), len(bad), len(counted))
        order = np.argsort(np.concatenate([*times, bad_ms, counted_ms]), kind="stable")
        kind = np.repeat([ENVELOPE, ENVELOPE, PASSAGE, POISON, HEADCOUNT], sizes)
        index = np.concatenate([np.arange(len(rows)), again, *(np.arange(size) for size in sizes[2:])])
        return Schedule(kind[order], index[order], len(again), int((delay > 0).sum()))

    def _send(self, rows: Slices, told: Told, bad: list[Poison], counted: list[Headcount], schedule: Schedule) -> None:
        day, write = told.day, envelope_writer(rows, told)
        keys = [self.layout.site.zones[zone].id.encode() for zone in self.layout.pair_zone]
        row_keys, row_ms = [keys[pair] for pair in rows.pair.tolist()], rows.start_ms.tolist()
        gates = passages(day.crossed, self.layout)
        write_passage = passage_writer(gates, told)
        passage_ms = gates.event_ms.tolist()
        send = self._sink.send
        for kind, index in self._reported(schedule):
            if kind == ENVELOPE:
                send(DETECTIONS, row_keys[index], write(index), row_ms[index])
            elif kind == PASSAGE:
                send(GATE_PASSAGES, *write_passage(index), passage_ms[index])
            elif kind == POISON:
                send(DETECTIONS, bad[index].key, bad[index].value, bad[index].sent_ms)
            else:
                headcount = counted[index]
                send(HEADCOUNTS, headcount.zone_id.encode(), encoder.encode(headcount), headcount.event_ms)

    def _reported(self, schedule: Schedule) -> Iterator[tuple[int, int]]:
        """The schedule's (kind, index), telling progress on the way."""
        total = max(1, len(schedule.kind))
        messages = zip(schedule.kind.tolist(), schedule.index.tolist(), strict=True)
        for number, message in enumerate(messages):
            if number % REPORT_EVERY == 0:
                self._progress((self._day + number / total) / self._days)
            yield message

    def _count(self, day: Day, rows: Slices, bad: list[Poison], schedule: Schedule, caught: Caught) -> None:
        kinds = [poison.kind for poison in bad]
        gates, counted = (int((schedule.kind == kind).sum()) for kind in (PASSAGE, HEADCOUNT))
        self.produced += Produced(
            messages=len(schedule.kind) - gates - counted,
            valid_unique=len(rows),
            duplicates=schedule.first_repeat,
            poison={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
            late=schedule.late,
            passages=gates,
            headcounts=counted,
            crossings_true=len(day.crossed),
            crossings_sent=int(caught.told.sum()),
            missed=caught.missed,
            outage_misses=caught.in_outage,
            unseen=caught.unseen,
            first_event_ms=int(rows.start_ms[0]) if len(rows) else None,
            last_event_ms=int(rows.start_ms[-1]) if len(rows) else None,
        )


def _people(occupancy: Ints, layout: Layout) -> int:
    """Everybody on the estate: the sum over the zones that no other contains."""
    return int(sum(occupancy[i] for i, zone in enumerate(layout.site.zones) if zone.parent is None))


def _spared(rows: Slices, sent: Crossed) -> Bools:
    """Envelopes that are never late: those without crossings, and those an incident rests on."""
    kept = np.concatenate([[0], np.cumsum(sent.kept[rows.items])])
    spared: Bools = (rows.kind != CROSSING) | (kept[rows.first + rows.count] > kept[rows.first])
    return spared
