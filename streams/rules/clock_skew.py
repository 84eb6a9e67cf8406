"""Clock skew: a camera's clock is off by more than `open_ms`, in `healths` healths one after the other.

Ahead or behind is the same. Closes at the first health that tells less than `close_ms` (hysteresis), at the
earliest `QUIET_MS` after one that did not: a clock that jumps to and fro is one incident. A camera whose clock nobody
can read tells 0 and raises nothing.
"""

from typing import Final

from msgspec import Struct

from infra.events import Alert, Envelope, envelope_id
from infra.site import Site
from streams.lifecycle import closed, opened

RULE: Final = "clock_skew"
QUIET_MS: Final = 30_000


class State(Struct):
    """Of one camera: when it last told its clock, in how many healths in turn it was off, the alert, last off when."""

    told_ms: int = -1
    off: int = 0
    evidence: list[str] = []
    alert: Alert | None = None
    off_ms: int = -1


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the camera's home zone, seen for the first time; changes `state`, returns the news."""
    health, limits = envelope.health, site.limits.clock_skew
    if health is None or not health.online or envelope.start_ms <= state.told_ms:
        return []
    state.told_ms = envelope.start_ms
    off_ms = abs(health.clock_offset_ms)
    if off_ms >= limits.close_ms:
        state.off_ms = state.told_ms
    if state.alert is not None:
        return _close(state, off_ms) if state.told_ms - state.off_ms >= QUIET_MS else []
    if off_ms <= limits.open_ms:
        state.off, state.evidence = 0, []
        return []
    state.off, state.evidence = state.off + 1, [*state.evidence, envelope_id(envelope)]
    return _open(state, envelope, health.clock_offset_ms, site) if state.off >= limits.healths else []


def _open(state: State, envelope: Envelope, offset_ms: float, site: Site) -> list[Alert]:
    camera, limit_ms = site.camera[envelope.camera_id], site.limits.clock_skew.open_ms
    way = "ahead" if offset_ms > 0 else "behind"
    state.alert = opened(
        rule=RULE,
        estate_id=site.estate.id,
        zone_id=envelope.zone_id,
        subject_id=envelope.camera_id,
        severity="warning",
        opened_ms=envelope.start_ms,
        updated_ms=envelope.start_ms,
        explanation=f"{camera.name}: clock {abs(offset_ms) / 1000:.1f} s {way}, limit {limit_ms / 1000:.1f} s",
        measured={"offset_ms": offset_ms, "limit_ms": float(limit_ms)},
        evidence=state.evidence,
    )
    return [state.alert]


def _close(state: State, off_ms: float) -> list[Alert]:
    assert state.alert is not None
    over = closed(state.alert, state.told_ms, f"off by {off_ms / 1000:.1f} s now")
    state.alert, state.off, state.evidence = None, 0, []
    return [over]
