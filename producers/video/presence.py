"""Is a camera online, as far as it is told? Offline at once, online again only when it has been steady. Pure.

A camera that comes and goes within seconds would flood whoever listens. After its n-th loss within an hour it must give
frames for `STEADY_MS` * 2^(n - 1) without a break, `MOST_STEADY_MS` at most, before it is told online: exponential
back-off, as routers damp flapping routes (RFC 2439). So no hour has more than `MOST_CHANGES_PER_HOUR` changes.
"""

from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import HOUR_MS

STEADY_MS: Final = 10_000
MOST_STEADY_MS: Final = 600_000
MOST_CHANGES_PER_HOUR: Final = 22
"""11 losses: the ten waits between them take 10 + 20 + … + 320 + 4 * 600 = 3030 s, an eleventh would pass the hour."""


class Presence(Struct, frozen=True):
    """What is told, `online` or not; since when a camera that is told offline gives frames; its losses of an hour."""

    online: bool = True
    steady_from_ms: int | None = None
    losses_ms: tuple[int, ...] = ()


def gave_frame(presence: Presence, event_ms: int) -> Presence:
    """The camera gave a frame at `event_ms`."""
    if presence.online:
        return presence
    since_ms = event_ms if presence.steady_from_ms is None else min(presence.steady_from_ms, event_ms)
    losses = sum(event_ms - lost_ms < HOUR_MS for lost_ms in presence.losses_ms)
    online = event_ms - since_ms >= min(STEADY_MS << max(losses - 1, 0), MOST_STEADY_MS)
    return Presence(online, None if online else since_ms, presence.losses_ms)


def was_lost(presence: Presence, event_ms: int) -> Presence:
    """The camera did not answer, ended or hung at `event_ms`."""
    if not presence.online:
        return msgspec.structs.replace(presence, steady_from_ms=None)
    recent = tuple(lost_ms for lost_ms in presence.losses_ms if event_ms - lost_ms < HOUR_MS)
    return Presence(False, None, (*recent, event_ms))
