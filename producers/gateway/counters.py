"""From running totals to persons: differences that never tell more persons than truly passed. Pure.

A camera's counter of one line and way only grows, until the camera restarts, is reset at midnight or rolls over. Of
what it tells we keep the last total with its time, and count what was added since:

- The first total is where we begin from: nobody is counted.
- A reading older than the last, or the same once more, adds nothing; what it told is in the later total.
- A lower total, less than half the last, is a restart from zero: the new total has passed since. It may be fewer than
  passed (those between the last reading and the restart are lost), never more.
- Any other lower total is a counter restored from an old value or corrected: we begin from it anew.
- Where the site file says that the counter has 16 or 32 bits, a fall from just below its end to just above zero is a
  rollover, and exact. "Just" is what can pass in the time between; a restart in that narrow band would look the same.
- More than can pass (`MAX_PER_SECOND`, and `MAX_AT_ONCE`) is no count: it is refused, and we begin from the next.
"""

from typing import Final, Literal

from msgspec import Struct, structs

MAX_PER_SECOND: Final = 20
MAX_AT_ONCE: Final = 100
MAX_PERSONS: Final = 20_000
"""More in one reading is not believed, however long it took."""


class Counter(Struct, frozen=True):
    """A counter as it was last told. `restarted`: that telling was its first after a restart."""

    total: int
    event_ms: int
    restarted: bool = False


class Step(Struct, frozen=True):
    """What one reading adds: persons that passed after `from_ms`, and the counter to remember (None: begin anew)."""

    counter: Counter | None
    persons: int = 0
    from_ms: int = 0
    implausible: str = ""


def plausible(persons: int, length_ms: int) -> bool:
    """Whether so many can pass one line in so long."""
    return persons <= min(MAX_PERSONS, MAX_AT_ONCE + MAX_PER_SECOND * length_ms // 1000)


def told_by(latest_ms: int, counter: Counter | None) -> Counter | None:
    """The counter, told at `latest_ms` at the latest: our own clock was ahead, and set back, where it says later."""
    return counter and structs.replace(counter, event_ms=min(counter.event_ms, latest_ms))


def step(last: Counter | None, total: int, event_ms: int, bits: Literal[16, 32] | None = None) -> Step:
    """What the reading `total` at `event_ms` (UTC ms) adds to `last`."""
    if last is None:
        return Step(Counter(total, event_ms), from_ms=event_ms)
    if event_ms < last.event_ms or (event_ms == last.event_ms and (total <= last.total or last.restarted)):
        return Step(last, from_ms=event_ms)
    persons, restarted = _added(last, total, event_ms, bits)
    if not plausible(persons, event_ms - last.event_ms):
        length_s = (event_ms - last.event_ms) // 1000
        return Step(None, implausible=f"{persons} persons in {length_s} s (total {last.total}, then {total})")
    return Step(Counter(total, event_ms, restarted), persons, last.event_ms)


def _added(last: Counter, total: int, event_ms: int, bits: Literal[16, 32] | None) -> tuple[int, bool]:
    """(persons, whether the counter began again)."""
    if total >= last.total:
        return total - last.total, False
    if bits is not None and plausible(total + 2**bits - last.total, event_ms - last.event_ms):
        return total + 2**bits - last.total, True
    return (total if 2 * total < last.total else 0), True


def spread_ms(persons: int, from_ms: int, to_ms: int) -> list[int]:
    """Event times of persons that passed at unknown instants of an interval: each in the middle of an even share."""
    return [from_ms + (2 * i + 1) * (to_ms - from_ms) // (2 * persons) for i in range(persons)]
