"""When to stop: a source that is mostly poison is a wrong site file or somebody else's topic, not bad luck.

Going on would fill the dead letters with what should never have been sent, and publish an occupancy made of the rest.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = 1_000
NEVER: Final = 1.0


@dataclass
class PoisonWatch:
    """Watches the share of refused records among the last `WINDOW` or more; `limit` is the share that is too much."""

    limit: float
    _batches: deque[tuple[int, Counter[str]]] = field(default_factory=deque)
    _records: int = 0
    _refused: int = 0

    def note(self, records: int, reasons: Sequence[str]) -> str | None:
        """Count one batch of `records`, refused for `reasons`; says why to stop when it is too much, else None."""
        if records == 0:
            return None
        self._batches.append((records, Counter(reasons)))
        self._records, self._refused = self._records + records, self._refused + len(reasons)
        while self._records - self._batches[0][0] >= WINDOW:
            old_records, old_reasons = self._batches.popleft()
            self._records, self._refused = self._records - old_records, self._refused - old_reasons.total()
        if self.limit >= NEVER or self._records < WINDOW or self._refused <= self.limit * self._records:
            return None
        return self._message()

    def _message(self) -> str:
        counts = sum((counts for _, counts in self._batches), Counter[str]())
        most = ", ".join(f"{reason} {number}" for reason, number in counts.most_common(3))
        return (
            f"{self._refused} of the last {self._records} records were refused ({most}), more than {self.limit:.0%}; "
            "all are in dead letters: look at `anfang dead-letters list`, mend the site file or stop the sender, and "
            "start again; ANFANG_POISON_LIMIT=1 goes on regardless"
        )
