"""What a run sent, counted while sending: the first of the three numbers that must add up every night."""

import msgspec

from infra.events import TimeMs


class Produced(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of one run. `messages == valid_unique + duplicates + sum(poison.values())`, all on topic detections.

    `late` envelopes are among the valid; `missed` are crossings lost at random, `outage_misses` those in front of a
    silent camera, `unseen` those of lines that no camera counts. Event times are None when nothing was sent.
    """

    messages: int = 0
    valid_unique: int = 0
    duplicates: int = 0
    poison: dict[str, int] = {}
    late: int = 0
    passages: int = 0
    headcounts: int = 0
    crossings_true: int = 0
    crossings_sent: int = 0
    missed: int = 0
    outage_misses: int = 0
    unseen: int = 0
    left_inside: int = 0
    first_event_ms: TimeMs | None = None
    last_event_ms: TimeMs | None = None

    def __add__(self, other: "Produced") -> "Produced":
        """The totals of this and a following run."""
        kinds = dict.fromkeys([*self.poison, *other.poison])
        firsts = [ms for ms in (self.first_event_ms, other.first_event_ms) if ms is not None]
        lasts = [ms for ms in (self.last_event_ms, other.last_event_ms) if ms is not None]
        return Produced(
            messages=self.messages + other.messages,
            valid_unique=self.valid_unique + other.valid_unique,
            duplicates=self.duplicates + other.duplicates,
            poison={kind: self.poison.get(kind, 0) + other.poison.get(kind, 0) for kind in kinds},
            late=self.late + other.late,
            passages=self.passages + other.passages,
            headcounts=self.headcounts + other.headcounts,
            crossings_true=self.crossings_true + other.crossings_true,
            crossings_sent=self.crossings_sent + other.crossings_sent,
            missed=self.missed + other.missed,
            outage_misses=self.outage_misses + other.outage_misses,
            unseen=self.unseen + other.unseen,
            left_inside=other.left_inside,
            first_event_ms=min(firsts, default=None),
            last_event_ms=max(lasts, default=None),
        )
