"""Rendered scenes through the real way (file → detector → tracker → lines → envelopes), judged by their exact truth."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.events import Envelope
from infra.site import Site, View
from producers.scenes.run import Plan, Truth
from producers.scenes.watch import render_and_watch
from producers.video.detect import DEMO_WEIGHTS
from tests.producers.helpers import MemorySink
from tests.producers.video.helpers import judged, site_with_views

NIGHT_MS = 1_716_746_400_000
NEAR_MS = 2_000
"""So far may what is told be from the true stay on the line. A rider's or a car's box stands on the ground
a little before or behind the middle of what moves."""
SIZE = (320, 240)


@dataclass(frozen=True)
class Case:
    """A camera of the small site, how its one line lies in its picture, and what comes through."""

    name: str
    camera_id: str
    line_id: str
    line: tuple[tuple[float, float], tuple[float, float]]
    seed: int
    minutes: float = 3.0
    per_minute: float = 30.0

    @property
    def site(self) -> Site:
        """The small site with this view."""
        view = View(size_px=SIZE, lines={self.line_id: self.line})
        return site_with_views({self.camera_id: view})


CASES = (
    Case("level", "cam_gate_north", "gate_north", ((30, 130), (290, 130)), 1),
    Case("slanted", "cam_perimeter", "pump_door", ((60, 80), (260, 200)), 3),
    Case("upright", "cam_gate_west", "gate_west", ((160, 225), (160, 70)), 2),
    Case("slanted back", "cam_perimeter", "pump_door", ((60, 200), (270, 85)), 4),
    Case("level, leftwards", "cam_gate_south", "gate_south", ((285, 150), (30, 140)), 5),
    Case("steep", "cam_clubhouse", "clubhouse_door", ((120, 75), (190, 220)), 6),
)
"""Seeds that no training has seen: those begin at 1000."""


@dataclass(frozen=True)
class Score:
    """Crossings of one line, true and seen, in direction +1 and -1; and persons who enter: hit, invented, missed."""

    true: tuple[int, int]
    seen: tuple[int, int]
    hits: int
    invented: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the persons told to enter who did."""
        return self.hits / max(1, self.hits + self.invented)

    @property
    def recall(self) -> float:
        """Share of the persons who entered that were told."""
        return self.hits / max(1, self.hits + self.missed)

    @property
    def off(self) -> float:
        """The larger of the errors of in and out, as a share of the truth."""
        return max(abs(seen - true) / max(1, true) for seen, true in zip(self.seen, self.true, strict=True))


def watched(case: Case, folder: Path, weights: Path = DEMO_WEIGHTS) -> tuple[Truth, list[Envelope]]:
    """Render the case, watch it, and give the truth and the envelopes, each valid by the platform's judge."""
    plan, sink = Plan(case.camera_id, NIGHT_MS, case.minutes, case.seed, per_minute=case.per_minute), MemorySink()
    truth, _ = render_and_watch(case.site, plan, folder / case.name, weights=weights, sink=sink)
    return truth, judged(sink, case.site)


def score(case: Case, truth: Truth, envelopes: Iterable[Envelope]) -> Score:
    """Hold what was told against what is true."""
    rows = {
        name: (event_ms, way, kind)
        for one in envelopes
        if one.crossings
        for name, event_ms, way, kind in zip(
            one.crossings.crossing_id,
            one.crossings.event_ms,
            one.crossings.direction,
            one.crossings.object_class,
            strict=True,
        )
    }
    ways = Counter(way for _, way, _ in rows.values())
    told = [event_ms for event_ms, way, kind in rows.values() if way == 1 and kind == "person"]
    true = [
        (one.since_ms, one.until_ms) for one in truth.crossings if one.direction == 1 and one.object_class == "person"
    ]
    hits = paired(true, told)
    return Score(truth.counts[case.line_id], (ways[1], ways[-1]), hits, len(told) - hits, len(true) - hits)


def total(scores: Sequence[Score]) -> Score:
    """All of them together."""
    return Score(
        true=(sum(one.true[0] for one in scores), sum(one.true[1] for one in scores)),
        seen=(sum(one.seen[0] for one in scores), sum(one.seen[1] for one in scores)),
        hits=sum(one.hits for one in scores),
        invented=sum(one.invented for one in scores),
        missed=sum(one.missed for one in scores),
    )


def paired(true: Iterable[tuple[int, int]], told: Iterable[int]) -> int:
    """How many true spans of time and told moments can be paired, each once, `NEAR_MS` apart at most.

    The span that ends first takes the first moment it can: for intervals on a line no pairing has more pairs.
    """
    left, hits = sorted(told), 0
    for since, until in sorted(true, key=lambda span: span[1]):
        fit = next((moment for moment in left if since - NEAR_MS <= moment <= until + NEAR_MS), None)
        if fit is not None:
            left.remove(fit)
            hits += 1
    return hits
