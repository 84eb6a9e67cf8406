"""Xovis PC sensors' live data push: {"values": [{"type": "LineCount", …}, …]}.

A sensor tells one passage several times, as LineCrossing, LineCount and zone events; only LineCount, which its own
rules have confirmed, is counted. "forward" is in.
"""

from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from infra.events import TimeMs
from producers.gateway.readings import Crossing, Name, Reading, RefusedError, Way

WAYS: Final[dict[str, Way]] = {"forward": "in", "backward": "out"}
PERSONS: Final = ("PERSON", "UNKNOWN")


class _Object(Struct, frozen=True):
    id: int = 0


class _CountItem(Struct, frozen=True):
    name: Name


class _Value(Struct, frozen=True, rename="camel"):
    type: str
    timestamp: TimeMs
    count_item: _CountItem | None = None
    serial: str = ""
    direction: str = ""
    object: _Object = _Object()
    object_type: str = "UNKNOWN"


class _Push(Struct, frozen=True):
    values: list[_Value]


_decoder: Final = msgspec.json.Decoder(_Push)


def parse(document: bytes, _tz: ZoneInfo) -> list[Reading]:
    """The readings of one push."""
    try:
        values = _decoder.decode(document).values
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError("malformed", str(error)) from error
    return [
        Crossing(
            line=value.count_item.name,
            event_ms=value.timestamp,
            way=WAYS.get(value.direction),
            event_id=f"{value.serial}/{value.object.id}"[:200],
        )
        for value in values
        if value.type == "LineCount" and value.count_item is not None and value.object_type in PERSONS
    ]
