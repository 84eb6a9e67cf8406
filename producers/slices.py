"""From what truly happens to what cameras send: the day's envelopes as columns, and each envelope's bytes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from infra.clock import MINUTE_MS
from infra.events import (
    MAX_SLICE_MS,
    SCHEMA_VERSION,
    Crossings,
    Detections,
    Direction,
    Envelope,
    GatePassage,
    Health,
    encoder,
)
from infra.passages import passage_key
from producers.day import METHODS, NO_PASSAGE, Balance, Crossed, Day, effects
from producers.layout import NOBODY, Bools, Ints, Layout

SLICE_MS = MAX_SLICE_MS
SIGHTING_EVERY_MS = 5_000
READER_TO_LINE_MS = (500, 2_500)
FPS = 25.0
NOT_COUNTED = -1
CROSSING, SIGHTING, MINUTE = 0, 1, 2

HEALTHY = Health(online=True, fps=FPS)


@dataclass(frozen=True)
class Slices:
    """One row per envelope, in event order; a row holds the crossings `items[first : first + count]`.

    `seq` counts per pair; `visible` is `NOT_COUNTED` where the camera does not count; `sighting` indexes the day's.
    """

    pair: Ints
    start_ms: Ints
    kind: Ints
    seq: Ints
    visible: Ints
    first: Ints
    count: Ints
    sighting: Ints
    items: Ints

    def __len__(self) -> int:
        return len(self.pair)


def seen(day: Day, layout: Layout) -> tuple[Bools, Bools]:
    """(watched, lit): whether a camera counts the line of each crossing, and whether that camera saw it."""
    camera = layout.line_camera[day.crossed.line]
    lit = np.ones(len(day.crossed), np.bool_)
    for outage in day.outages:
        when = day.crossed.event_ms
        lit &= ~((camera == outage.camera) & (when >= outage.start_ms) & (when < outage.end_ms))
    return camera != NOBODY, lit


@dataclass(frozen=True)
class Told:
    """What the cameras tell of a day: of its crossings those `sent`, each with its crossing id in `names`."""

    day: Day
    sent: Crossed
    names: list[str]
    layout: Layout
    boot_id: str


def slices(told: Told, truth: Balance, base: Ints, dice: np.random.Generator) -> Slices:
    """The day's envelopes; `base` is each pair's next seq."""
    day, layout = told.day, told.layout
    crossing_pair, crossing_ms, first, count, items = _crossing_rows(told.sent, layout)
    minute_pair, minute_ms = _minute_rows(day, layout)
    sighted_pair, sighted_ms, sighting = _sighting_rows(day, layout)
    sizes = (len(crossing_pair), len(sighted_pair), len(minute_pair))
    pair = np.concatenate([crossing_pair, sighted_pair, minute_pair])
    start_ms = np.concatenate([crossing_ms, sighted_ms, minute_ms])
    kind = np.repeat([CROSSING, SIGHTING, MINUTE], sizes)
    order = np.lexsort((pair, kind, start_ms))
    pair, start_ms, kind = pair[order], start_ms[order], kind[order]
    others = np.zeros(sizes[1] + sizes[2], np.int64)
    return Slices(
        pair=pair,
        start_ms=start_ms,
        kind=kind,
        seq=base[pair] + rank(pair),
        visible=_visible(pair, np.where(kind == MINUTE, start_ms, NOT_COUNTED), truth, layout, dice),
        first=np.concatenate([first, others])[order],
        count=np.concatenate([count, others])[order],
        sighting=np.concatenate([np.zeros(sizes[0], np.int64), sighting, np.zeros(sizes[2], np.int64)])[order],
        items=items,
    )


def rank(group: Ints) -> Ints:
    """For each element, how many before it have the same value."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(group) else order
    lengths = np.diff(np.append(starts, len(group)))
    result = np.empty(len(group), np.int64)
    result[order] = np.arange(len(group)) - np.repeat(starts, lengths)
    return result


def _crossing_rows(sent: Crossed, layout: Layout) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """(pair, start_ms, first, count) of each envelope with crossings, and the crossing of each item."""
    zone, event, _ = effects(sent, layout)
    pair = layout.pair_of[layout.line_camera[sent.line[event]], zone]
    second = sent.event_ms[event] // SLICE_MS
    order = np.lexsort((event, pair, second))
    pair, second, items = pair[order], second[order], event[order]
    new = np.ones(len(pair), np.bool_)
    new[1:] = (pair[1:] != pair[:-1]) | (second[1:] != second[:-1])
    first = np.flatnonzero(new)
    return pair[first], second[first] * SLICE_MS, first, np.diff(np.append(first, len(pair))), items


def _minute_rows(day: Day, layout: Layout) -> tuple[Ints, Ints]:
    """(pair, start_ms): each pair once a minute, but for silent cameras."""
    minute = day.start_ms + MINUTE_MS * np.arange(day.minutes)
    pair = np.tile(np.arange(len(layout.pairs)), day.minutes)
    camera = layout.pair_camera[pair]
    start_ms = np.repeat(minute, len(layout.pairs)) + layout.camera_offset_ms[camera]
    told = np.ones(len(pair), np.bool_)
    for outage in (one for one in day.outages if one.silent):
        told &= ~((camera == outage.camera) & (start_ms >= outage.start_ms) & (start_ms < outage.end_ms))
    return pair[told], start_ms[told]


def _sighting_rows(day: Day, layout: Layout) -> tuple[Ints, Ints, Ints]:
    """(pair, start_ms, sighting): each sighting every `SIGHTING_EVERY_MS`."""
    times = [np.arange(one.start_ms, one.end_ms, SIGHTING_EVERY_MS) for one in day.sightings]
    which = np.repeat(np.arange(len(day.sightings)), [len(time) for time in times]).astype(np.int64)
    pair = np.array([layout.pair_of[one.camera, one.zone] for one in day.sightings], np.int64)
    return pair[which], np.concatenate([np.empty(0, np.int64), *times]), which


def _visible(pair: Ints, start_ms: Ints, truth: Balance, layout: Layout, dice: np.random.Generator) -> Ints:
    """Persons in view at the end of each slice, where `start_ms` is given and the pair's camera counts them."""
    visible = np.full(len(pair), NOT_COUNTED)
    counting = np.flatnonzero((start_ms != NOT_COUNTED) & (layout.pair_fraction[pair] > 0))
    present = truth.at(layout.pair_zone[pair[counting]], start_ms[counting] + SLICE_MS - 1)
    visible[counting] = dice.binomial(present, layout.pair_fraction[pair[counting]])
    return visible


def envelope_writer(rows: Slices, told: Told) -> Callable[[int], bytes]:
    """A function that encodes row i."""
    day, layout, boot_id, encode = told.day, told.layout, told.boot_id, encoder.encode
    site, estate_id = layout.site, layout.site.estate.id
    cameras, zones = [c.id for c in site.cameras], [z.id for z in site.zones]
    pair_names = [(cameras[camera], zones[zone]) for camera, zone in layout.pairs]
    homes = layout.pair_is_home.tolist()
    pairs, starts, kinds, seqs = rows.pair.tolist(), rows.start_ms.tolist(), rows.kind.tolist(), rows.seq.tolist()
    visibles, firsts, counts = rows.visible.tolist(), rows.first.tolist(), rows.count.tolist()
    sightings = rows.sighting.tolist()
    carried = _crossing_columns(rows, told)

    def write(row: int) -> bytes:
        pair, kind, start_ms, visible = pairs[row], kinds[row], starts[row], visibles[row]
        camera_id, zone_id = pair_names[pair]
        return encode(
            Envelope(
                schema_version=SCHEMA_VERSION,
                estate_id=estate_id,
                zone_id=zone_id,
                camera_id=camera_id,
                boot_id=boot_id,
                seq=seqs[row],
                start_ms=start_ms,
                end_ms=start_ms + SLICE_MS - 1,
                visible=None if visible == NOT_COUNTED else visible,
                detections=_sighted(day, sightings[row], start_ms) if kind == SIGHTING else None,
                crossings=carried(firsts[row], counts[row]) if kind == CROSSING else None,
                health=HEALTHY if kind == MINUTE and homes[pair] else None,
            )
        )

    return write


def _crossing_columns(rows: Slices, told: Told) -> Callable[[int, int], Crossings]:
    """A function that gives the crossings `items[first : first + count]`."""
    sent, lines = told.sent, [line.id for line in told.layout.site.lines]
    ids = [told.names[item] for item in rows.items.tolist()]
    event_ms = sent.event_ms[rows.items].tolist()
    line_ids = [lines[line] for line in sent.line[rows.items].tolist()]
    directions: list[Direction] = [1 if way > 0 else -1 for way in sent.direction[rows.items].tolist()]
    tracks = rank(sent.line)[rows.items].tolist()

    def pick(first: int, count: int) -> Crossings:
        end = first + count
        return Crossings(
            crossing_id=ids[first:end],
            event_ms=event_ms[first:end],
            line_id=line_ids[first:end],
            direction=directions[first:end],
            track_id=tracks[first:end],
            object_class=["person"] * count,
        )

    return pick


def _sighted(day: Day, index: int, start_ms: int) -> Detections:
    seen = day.sightings[index]
    return Detections(
        event_ms=[start_ms],
        track_id=[index],
        object_class=[seen.object_class],
        x_m=[seen.x_m],
        y_m=[seen.y_m],
        confidence=[0.9],
    )


@dataclass(frozen=True)
class Passages:
    """The day's gate passages: the crossing and the gate of each, and when the gate granted it."""

    crossing: Ints
    gate: Ints
    event_ms: Ints

    def __len__(self) -> int:
        return len(self.crossing)


def passages(crossings: Crossed, layout: Layout) -> Passages:
    """A passage for every crossing of a gate's line that a gate granted; gates that share a line take turns.

    It comes before the crossing by the time that the person takes from the reader to the line.
    """
    gates: dict[int, list[int]] = {}
    for index, gate in enumerate(layout.site.gates):
        gates.setdefault(layout.line_at[gate.line], []).append(index)
    through = np.flatnonzero((crossings.method != NO_PASSAGE) & np.isin(crossings.line, list(gates)))
    turn = rank(crossings.line[through]).tolist()
    lines = crossings.line[through].tolist()
    chosen = [gates[line][n % len(gates[line])] for line, n in zip(lines, turn, strict=True)]
    granted_ms = crossings.event_ms[through] - _to_the_line_ms(crossings.person[through])
    return Passages(through, np.array(chosen, np.int64), granted_ms)


def _to_the_line_ms(person: Ints) -> Ints:
    """From the reader to the line: a person's habit, spread evenly over `READER_TO_LINE_MS`."""
    least, most = READER_TO_LINE_MS
    return least + person * 7919 % (most - least)


def passage_writer(rows: Passages, told: Told) -> Callable[[int], tuple[bytes, bytes]]:
    """A function that gives (key, value) of passage i."""
    site, crossings, stem = told.layout.site, told.day.crossed, f"{told.boot_id}.{told.day.date:%Y%m%d}"
    gates = [gate.id for gate in site.gates]
    moments = rows.event_ms.tolist()

    def write(row: int) -> tuple[bytes, bytes]:
        crossing, gate_id = int(rows.crossing[row]), gates[rows.gate[row]]
        passage = GatePassage(
            schema_version=SCHEMA_VERSION,
            passage_id=f"{stem}.{gate_id}.{row}",
            estate_id=site.estate.id,
            gate_id=gate_id,
            event_ms=moments[row],
            direction=1 if crossings.direction[crossing] > 0 else -1,
            method=METHODS[crossings.method[crossing]],
            granted=True,
        )
        return passage_key(passage, site), encoder.encode(passage)

    return write
