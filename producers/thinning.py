"""What of a message can be given up when the spool is full: detections first, crossings last. Pure.

A message gives up one `Part` at a time, the highest first. What is left keeps the envelope's id (camera, boot, zone,
seq), so that whoever counts sequence numbers sees no gap as long as only detections were given up. Only a message that
goes altogether leaves one, and then the gap is the truth.
"""

from enum import IntEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from infra.events import Envelope, encoder
from infra.topics import DETECTIONS


class Part(IntEnum):
    """What a message has to give up next. Of two messages, the one with the higher part is asked first."""

    CROSSINGS = 1
    REST = 2
    DETECTIONS = 3


class Thinned(Struct, frozen=True, kw_only=True):
    """A message after it gave up one part. `value` is None when nothing is left of it; `part` is what comes next.

    `detections` and `crossings` were given up. `untold` detections were given up before: the health that would have
    told of them went with this part.
    """

    value: bytes | None
    part: Part
    camera_id: str = ""
    detections: int = 0
    crossings: int = 0
    untold: int = 0


_decoder = msgspec.json.Decoder(Envelope)


def first_part(topic: str) -> Part:
    """What a message of `topic` gives up first: only envelopes have detections, all else goes last."""
    return Part.DETECTIONS if topic == DETECTIONS.name else Part.CROSSINGS


def give_up(value: bytes, part: Part) -> Thinned:
    """The message `value` without its `part`; one that is no envelope keeps everything until it goes altogether."""
    try:
        envelope = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Thinned(value=value if part > Part.CROSSINGS else None, part=Part.CROSSINGS)
    if part is Part.DETECTIONS:
        return _without_detections(envelope, value)
    return _without_rest(envelope) if part is Part.REST and envelope.crossings else _gone(envelope)


def tell_thinned(value: bytes, thinned: dict[str, int]) -> tuple[bytes, str | None]:
    """The message with what its camera gave up in its health, and that camera; unchanged, and None, without either."""
    if b'"health":{' not in value:
        return value, None
    envelope = _decoder.decode(value)
    given_up = thinned.get(envelope.camera_id, 0)
    if envelope.health is None or not given_up:
        return value, None
    health = replace(envelope.health, thinned=envelope.health.thinned + given_up)
    return encoder.encode(replace(envelope, health=health)), envelope.camera_id


def _without_detections(envelope: Envelope, value: bytes) -> Thinned:
    detections = envelope.detections
    bare = envelope.visible is None and envelope.health is None and envelope.visitors is None
    return Thinned(
        value=value if detections is None else encoder.encode(replace(envelope, detections=None)),
        part=Part.CROSSINGS if envelope.crossings and bare else Part.REST,
        camera_id=envelope.camera_id,
        detections=0 if detections is None else len(detections.event_ms),
    )


def _without_rest(envelope: Envelope) -> Thinned:
    return Thinned(
        value=encoder.encode(replace(envelope, visible=None, health=None, visitors=None)),
        part=Part.CROSSINGS,
        camera_id=envelope.camera_id,
        untold=_told(envelope),
    )


def _gone(envelope: Envelope) -> Thinned:
    return Thinned(
        value=None,
        part=Part.CROSSINGS,
        camera_id=envelope.camera_id,
        crossings=len(envelope.crossings.event_ms) if envelope.crossings else 0,
        untold=_told(envelope),
    )


def _told(envelope: Envelope) -> int:
    return envelope.health.thinned if envelope.health else 0
