"""Camera silent: a camera that has told nothing, or only that it is offline, for longer than `timeout_s`.

Time here is the time of sending (Kafka timestamps), so that one camera's wrong clock accuses no other. The alert opens
at last word + timeout, whether the silence is noticed while it lasts (`overdue`) or only when the camera speaks again
(`step`); it closes at the camera's next word that does not say offline.
"""

from collections.abc import Iterable
from statistics import median_low
from typing import Final

from msgspec import Struct

from infra.clock import local_clock
from infra.events import Alert, Envelope, envelope_id
from infra.site import Site
from streams.lifecycle import closed, opened

RULE: Final = "camera_silent"


class State(Struct):
    """Of one camera: when it last spoke, under which envelope id, whether it is offline, and the open alert, if any."""

    last_ms: int
    last_id: str
    alert: Alert | None = None
    offline: bool = False


def step(known: State | None, envelope: Envelope, sent_ms: int, site: Site) -> tuple[State, list[Alert]]:
    """The camera spoke at `sent_ms`: returns its new state and what is to be published."""
    spoke = State(sent_ms, envelope_id(envelope), offline=_offline(known, envelope))
    if known is None:
        return spoke, []
    if sent_ms <= known.last_ms:
        return known, []
    if spoke.offline:  # a crossing that it tells before it is steady again is no sign of life
        known.offline = True
        return known, overdue(known, envelope.camera_id, envelope.zone_id, sent_ms, site)
    published = overdue(known, envelope.camera_id, envelope.zone_id, sent_ms, site)
    if known.alert is not None and sent_ms >= known.alert.opened_ms:
        silent_s = (sent_ms - known.last_ms) / 1000
        published.append(closed(known.alert, sent_ms, f"{envelope.camera_id} spoke again after {silent_s:.0f} s"))
    else:
        spoke.alert = known.alert  # a late word from within the silence does not end it
    return spoke, published


def heard_ms(cameras: Iterable[State]) -> int | None:
    """The time of sending by which silence is judged: the lower median of the last words of cameras not told silent.

    Fewer than half of the clocks, however far ahead, move it to where no other has been. None without such cameras.
    """
    return median_low(words) if (words := [camera.last_ms for camera in cameras if camera.alert is None]) else None


def _offline(known: State | None, envelope: Envelope) -> bool:
    """Whether the camera is offline by its last health, this one's or an earlier."""
    return known is not None and known.offline if envelope.health is None else not envelope.health.online


def overdue(state: State, camera_id: str, zone_id: str, now_ms: int, site: Site) -> list[Alert]:
    """Open the alert if the camera has been silent too long at `now_ms`; changes `state`."""
    timeout_ms = site.limits.camera_silent.timeout_s * 1000
    if state.alert is not None or now_ms - state.last_ms <= timeout_ms:
        return []
    what = "offline" if state.offline else "nothing"
    state.alert = opened(
        rule=RULE,
        estate_id=site.estate.id,
        zone_id=zone_id,
        subject_id=camera_id,
        severity="warning",
        opened_ms=state.last_ms + timeout_ms,
        updated_ms=state.last_ms + timeout_ms,
        explanation=f"{site.camera[camera_id].name}: {what} since {local_clock(state.last_ms, site.tz)}",
        measured={"timeout_s": timeout_ms / 1000},
        evidence=[state.last_id],
    )
    return [state.alert]
