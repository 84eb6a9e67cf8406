"""Dahua event text: `Code=CrossLineDetection;action=Start;index=0;data={…}`, one or more of them in a document.

The name is the rule's. LeftToRight is in. A camera without object classes calls whatever crosses "Unknown", or worse
(the real sample says "Smoke"): all but the classes of vehicles count as persons.
"""

import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from infra.events import ObjectClass
from producers.gateway.readings import Crossing, Name, Reading, RefusedError, Way

WAYS: Final[dict[str, Way]] = {"LeftToRight": "in", "RightToLeft": "out"}
CLASSES: Final[dict[str, ObjectClass]] = {"Vehicle": "car", "MotorVehicle": "car", "NonMotor": "bicycle"}
LAST_SECOND: Final = 2**40
_EVENT: Final = re.compile(r"Code=(\w+);action=(\w+);index=\d+(?:;data=)?")


class _Object(Struct, frozen=True, rename="pascal"):
    object_type: str = ""
    object_id: int = msgspec.field(default=0, name="ObjectID")


class _CrossLine(Struct, frozen=True, rename="pascal"):
    name: Name
    utc: float = msgspec.field(name="UTC")
    utc_ms: int = msgspec.field(default=0, name="UTCMS")
    direction: str = ""
    event_seq: int = 0
    rule_id: int = 0
    object: _Object = _Object()


def parse(document: bytes, _tz: ZoneInfo) -> list[Reading]:
    """The readings of all events in the document; only the start of a line crossing is one."""
    try:
        text = document.decode()
    except UnicodeDecodeError as error:
        raise RefusedError("malformed", f"not UTF-8: {error}") from error
    events = list(_EVENT.finditer(text))
    if not events:
        raise RefusedError("malformed", "expected Code=…;action=…;index=…")
    return list(_crossings(text, events))


def _crossings(text: str, events: list[re.Match[str]]) -> Iterator[Crossing]:
    for event in events:
        if event[1] == "CrossLineDetection" and event[2] in ("Start", "Pulse"):
            yield _crossing(text, event.end())


def _crossing(text: str, start: int) -> Crossing:
    try:
        content, _ = JSONDecoder().raw_decode(text, start)
        told = msgspec.convert(content, _CrossLine)
    except (ValueError, OverflowError, RecursionError, msgspec.ValidationError) as error:
        raise RefusedError("malformed", f"data of CrossLineDetection: {error}") from error
    if not (0 <= told.utc < LAST_SECOND and 0 <= told.utc_ms < 1000):
        raise RefusedError("malformed", f"UTC {told.utc}, UTCMS {told.utc_ms}: expected seconds since 1970")
    return Crossing(
        line=told.name,
        event_ms=int(told.utc) * 1000 + told.utc_ms,
        way=WAYS.get(told.direction),
        object_class=CLASSES.get(told.object.object_type, "person"),
        event_id=f"{told.rule_id}/{told.event_seq}/{told.object.object_id}"[:200],
    )
