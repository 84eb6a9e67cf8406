"""Who came in over a gate's line, whom the gate let in, and who of them had no grant of their own. Pure.

Cameras tell crossings, the gate's controller tells passages; their clocks differ by seconds and either may come late.
A grant lets in one person, who crosses in a window around it. All windows are equally long, so in order of time each
crossing takes the oldest grant that still covers it: no other matching lets more persons in (F. Glover, "Maximum
matching in a convex bipartite graph", Naval Res. Logist. Q. 14, 1967: of the grants that fit, the one that runs out
first).
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import Envelope, GatePassage, envelope_id
from infra.site import Site
from streams.signs import State, crossed

KEEP_MS: Final = 10 * MINUTE_MS
LATE_MS: Final = 5 * MINUTE_MS


class Inward(Struct, order=True):
    """One person's crossing into the zone: when, which track of which camera, the envelope; whether it is settled.

    `decided` ones have been looked at with all that was to come; `told` ones are in an alert, and use up no grant.
    """

    event_ms: int
    who: str
    evidence: str
    decided: bool = False
    told: bool = False


class Passage(Struct, order=True):
    """One inward decision of the gate."""

    event_ms: int
    passage_id: str
    granted: bool


class Gateway(Struct):
    """One gate's line: crossings and passages of the last `KEEP_MS` and the gates' `late_s`, by time.

    `reported_ms`: when the controller said anything, of the same time and once before it. `watermark_ms`: both sides
    have told all up to here, but for what comes late. `alerts`: what came of it, by rule.
    """

    inward: list[Inward] = []
    passages: list[Passage] = []
    reported_ms: list[int] = []
    watermark_ms: int = -1
    alerts: dict[str, State] = {}


def note_crossings(gateways: dict[str, Gateway], envelope: Envelope, site: Site, heard_ms: int | None) -> None:
    """Take the persons who crossed a gate's line into the envelope's zone, or back out of it, into `gateways`.

    A track counts once: one that dithers on the line is not many persons, and one that turns back came not in.
    Who was only counted is passed over: at a gate it is seconds that decide.
    `heard_ms` is up to when the zone's cameras have told: what is more than `LATE_MS` before it is passed over, for the
    passages of its time may be forgotten (a camera whose clock is far behind accuses nobody).
    """
    found = envelope.crossings
    if found is None:
        return
    oldest_ms = -1 if heard_ms is None else heard_ms - LATE_MS
    for track, (event_ms, line_id, direction, what) in zip(found.track_id, crossed(envelope), strict=True):
        if what != "person" or line_id not in site.gates_at or site.inner_zone(line_id) != envelope.zone_id:
            continue
        if event_ms < oldest_ms or track < 0:
            continue
        gateway, who = gateways.setdefault(line_id, Gateway()), f"{envelope.camera_id}/{track}"
        known = next((one for one in gateway.inward if one.who == who), None)
        if direction == site.inward(line_id) and known is None:
            _forget_old(gateway, site)
            insort(gateway.inward, Inward(event_ms, who, envelope_id(envelope)))
        elif direction != site.inward(line_id) and known is not None and not known.told:
            gateway.inward.remove(known)


def note_passage(gateways: dict[str, Gateway], passage: GatePassage, site: Site) -> None:
    """Take one valid passage into the gateway of its line; a repeat changes nothing."""
    line_id = site.gate[passage.gate_id].line
    gateway = gateways.setdefault(line_id, Gateway())
    _forget_old(gateway, site)
    if passage.event_ms not in gateway.reported_ms:
        insort(gateway.reported_ms, passage.event_ms)
    noted = Passage(passage.event_ms, passage.passage_id, passage.granted)
    if passage.direction == site.inward(line_id) and noted not in gateway.passages:
        insort(gateway.passages, noted)


def _forget_old(gateway: Gateway, site: Site) -> None:
    """Drop what is `KEEP_MS` past; passages a minute later, so that no crossing loses the grant that covers it."""
    oldest_ms = gateway.watermark_ms - KEEP_MS - round(site.limits.gate.late_s * 1000)
    del gateway.inward[: bisect_left([one.event_ms for one in gateway.inward], oldest_ms)]
    del gateway.passages[: bisect_left([one.event_ms for one in gateway.passages], oldest_ms - MINUTE_MS)]
    del gateway.reported_ms[: max(0, bisect_left(gateway.reported_ms, oldest_ms) - 1)]


def without_grant(crossings_ms: Sequence[int], grants_ms: Sequence[int], before_ms: int, after_ms: int) -> list[int]:
    """Indexes of the crossings that are left over; both by time. A grant at g covers [g - before_ms, g + after_ms]."""
    left, grant = [], 0
    for index, crossing_ms in enumerate(crossings_ms):
        while grant < len(grants_ms) and grants_ms[grant] + after_ms < crossing_ms:
            grant += 1
        if grant < len(grants_ms) and grants_ms[grant] - before_ms <= crossing_ms:
            grant += 1
        else:
            left.append(index)
    return left
