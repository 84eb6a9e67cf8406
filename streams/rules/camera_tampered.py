"""Camera tampered: a camera's picture shows nothing that can be trusted, for `hold_s`.

Black, frozen, blurred, moved or covered, as the camera's health says (`producers/video/picture.py` judges it). It
opens `hold_s` after the first such health, whether or not the kind of trouble changes meanwhile, and closes when the
health is ok again. A camera that is offline has no picture: `camera_silent` tells that, and an open alert stays open.
"""

from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import local_clock
from infra.events import Alert, Envelope, Picture, envelope_id
from infra.site import Site
from streams.lifecycle import closed, opened, updated

RULE: Final = "camera_tampered"


class State(Struct):
    """Of one camera: its picture as last told, when, since when and under which envelope id it is not ok, the alert."""

    picture: Picture = "ok"
    told_ms: int = -1
    since_ms: int = -1
    since_id: str = ""
    alert: Alert | None = None


def step(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    """Look at one envelope of the camera's home zone, seen for the first time; changes `state`, returns the news."""
    now_ms = envelope.start_ms
    published = _open_if_held(state, envelope, site)
    health = envelope.health
    if health is None or not health.online or now_ms < state.told_ms:
        return published
    before, state.picture, state.told_ms = state.picture, health.picture, now_ms
    if health.picture == "ok":
        return published + _end(state, now_ms)
    if state.since_ms < 0:
        state.since_ms, state.since_id = now_ms, envelope_id(envelope)
    elif state.alert is not None and health.picture != before:
        news = updated(
            state.alert, now_ms, _explain(state, envelope, site), state.alert.measured, [envelope_id(envelope)]
        )
        state.alert = msgspec.structs.replace(news, names={"picture": state.picture})
        published.append(state.alert)
    return published


def _open_if_held(state: State, envelope: Envelope, site: Site) -> list[Alert]:
    hold_ms = site.limits.camera_tampered.hold_s * 1000
    if state.since_ms < 0 or state.alert is not None or envelope.start_ms - state.since_ms < hold_ms:
        return []
    state.alert = opened(
        rule=RULE,
        estate_id=site.estate.id,
        zone_id=envelope.zone_id,
        subject_id=envelope.camera_id,
        severity="warning",
        opened_ms=state.since_ms + hold_ms,
        updated_ms=state.since_ms + hold_ms,
        explanation=_explain(state, envelope, site),
        measured={"hold_s": hold_ms / 1000},
        evidence=[state.since_id],
        names={"picture": state.picture},
    )
    return [state.alert]


def _explain(state: State, envelope: Envelope, site: Site) -> str:
    camera, since = site.camera[envelope.camera_id], local_clock(state.since_ms, site.tz)
    return f"{camera.name}: picture {state.picture}, not to be trusted since {since}"


def _end(state: State, now_ms: int) -> list[Alert]:
    over = [closed(state.alert, now_ms, "the picture is ok again")] if state.alert is not None else []
    state.since_ms, state.since_id, state.alert = -1, "", None
    return over
