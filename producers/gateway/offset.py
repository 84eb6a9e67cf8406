"""How far a camera's clock is from ours, from what it pushes; and the event times that follow. Pure.

A message may be late on its way and never early, so camera time minus receipt time is at most the true offset: the
greatest one heard is the best estimate (the minimum filter of NTP, RFC 5905, seen from one side). It rises at once; it
falls only when a whole window has stayed below, as after the camera's clock was set back.
"""

from typing import Final

from msgspec import Struct

from infra.clock import HOUR_MS, MINUTE_MS
from producers.gateway.readings import RefusedError

WINDOW_MS: Final = 10 * MINUTE_MS
AHEAD_MS: Final = 5_000
BEHIND_MS: Final = 2 * MINUTE_MS
"""A clock up to so far ahead or behind is believed: behind looks like a delay, so it is believed for longer."""
MAX_OFF_MS: Final = 23 * HOUR_MS
"""An hour below what consumers take (`infra.events.MAX_CLOCK_ERROR_MS`): what we send is never refused there."""


class Offset(Struct, frozen=True):
    """The estimate; it holds since `since_ms` (our clock), and the greatest of what was heard below it since then."""

    estimate_ms: int
    since_ms: int
    below_ms: int | None = None


def heard(offset: Offset | None, camera_ms: int, received_ms: int) -> Offset:
    """The estimate after a message whose newest event the camera dates `camera_ms`."""
    told = camera_ms - received_ms
    if offset is None or told >= offset.estimate_ms:
        return Offset(told, received_ms)
    below = told if offset.below_ms is None else max(told, offset.below_ms)
    if received_ms - offset.since_ms > WINDOW_MS:
        return Offset(below, received_ms)
    return Offset(offset.estimate_ms, offset.since_ms, below)


def corrected_ms(camera_ms: int, offset: Offset, received_ms: int) -> int:
    """The event time: as the camera says where its clock is believed, else by ours. RefusedError if a day off."""
    event_ms = camera_ms - correction_ms(offset)
    off_ms = max(camera_ms - received_ms, event_ms - received_ms, key=abs)
    if abs(off_ms) > MAX_OFF_MS:
        raise RefusedError("event_time_off", f"a time {off_ms / HOUR_MS:+.1f} h from ours, at most 23 h: set the clock")
    return event_ms


def correction_ms(offset: Offset) -> int:
    """What is taken from the camera's times: nothing while its clock is believed."""
    return 0 if -BEHIND_MS <= offset.estimate_ms <= AHEAD_MS else offset.estimate_ms
