"""How far a camera's clock is from ours, and how sure that is, from its answers to our questions. Pure.

The clock was read (in whole `resolution_ms`) somewhere between question and answer: the offset, camera minus ours, lies
in [read - received, read + resolution - sent], as in F. Cristian, "Probabilistic clock synchronization", Distributed
Computing 3 (1989). The fastest answers bound it best, as NTP's clock filter has it (RFC 5905, section 10).

The intervals of the last hour, each widened by what a clock may drift since, are intersected (K. Marzullo, 1984). A
reading that contradicts the others is left out. When `JUMP_READINGS` in turn, over `JUMP_MS` at least, contradict them
but not each other, the clock was set anew: what was before is forgotten. For cameras that only push there is nothing to
ask: `producers/gateway/offset.py`.
"""

from typing import Final

from msgspec import Struct

from infra.clock import HOUR_MS, MINUTE_MS

MOST_DRIFT: Final = 1e-4
"""100 ppm: more than cheap quartz drifts."""
MOST_READINGS: Final = 64
KEEP_MS: Final = HOUR_MS
JUMP_READINGS: Final = 3
JUMP_MS: Final = MINUTE_MS


class Reading(Struct, frozen=True):
    """Bounds on the offset in ms, got at our time `at_ms`."""

    at_ms: int
    low_ms: float
    high_ms: float


class Offset(Struct, frozen=True):
    """Camera minus ours, between `low_ms` and `high_ms`; `drift_ppm` is None until it shows beyond doubt.

    `jumps` counts how often the clock was set anew.
    """

    offset_ms: float
    low_ms: float
    high_ms: float
    drift_ppm: float | None = None
    jumps: int = 0


class Readings(Struct, frozen=True):
    """The readings that agree, oldest first; those that contradict them since; and the jumps so far."""

    agreed: tuple[Reading, ...] = ()
    astray: tuple[Reading, ...] = ()
    jumps: int = 0


def asked(read_ms: int, sent_ms: int, received_ms: int, resolution_ms: int = 1) -> Reading:
    """A clock that answered `read_ms` to a question sent and answered at these times of ours."""
    return Reading(received_ms, read_ms - received_ms, read_ms + resolution_ms - sent_ms)


def take(readings: Readings, new: Reading) -> Readings:
    """The readings with one more; call it in order of `at_ms`. One in which our clock was set back is passed over."""
    if new.low_ms > new.high_ms:
        return readings
    agreed = tuple(one for one in readings.agreed if new.at_ms - one.at_ms <= KEEP_MS)[-MOST_READINGS + 1 :]
    if not agreed or _common((*agreed, new), new.at_ms) is not None:
        return Readings((*agreed, new), (), readings.jumps)
    if _common((*readings.astray, new), new.at_ms) is None:
        return Readings(agreed, (new,), readings.jumps)
    astray = (*readings.astray, new)[-MOST_READINGS:]
    if len(astray) >= JUMP_READINGS and new.at_ms - astray[0].at_ms >= JUMP_MS:
        return Readings(astray, (), readings.jumps + 1)
    return Readings(agreed, astray, readings.jumps)


def estimate(readings: Readings) -> Offset | None:
    """The offset at the last reading that agreed; None before the first."""
    if not readings.agreed:
        return None
    common = _common(readings.agreed, readings.agreed[-1].at_ms)
    assert common is not None  # `take` lets nothing else in
    low, high = common
    return Offset((low + high) / 2, low, high, _drift_ppm(readings.agreed), readings.jumps)


def _common(readings: tuple[Reading, ...], now_ms: int) -> tuple[float, float] | None:
    """Where all intervals meet at `now_ms`, each widened by its age's drift; None if they do not."""
    low = max(one.low_ms - MOST_DRIFT * (now_ms - one.at_ms) for one in readings)
    high = min(one.high_ms + MOST_DRIFT * (now_ms - one.at_ms) for one in readings)
    return (low, high) if low <= high else None


def _drift_ppm(readings: tuple[Reading, ...]) -> float | None:
    """The drift from the older to the newer half, where their intervals do not touch."""
    half = len(readings) // 2
    if half < JUMP_READINGS:
        return None
    old, new = readings[:half], readings[half:]
    before, after = _common(old, old[-1].at_ms), _common(new, new[-1].at_ms)
    if before is None or after is None or not (after[0] > before[1] or after[1] < before[0]):
        return None
    return 1e6 * (sum(after) - sum(before)) / 2 / (new[-1].at_ms - old[-1].at_ms)
