"""Axis: AXIS 3D People Counter's JSON push, by interval, and its applications' events as ONVIF XML.

The counter has one line, named "people-counts".
"""

from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from infra.events import Count
from producers.gateway.formats import onvif
from producers.gateway.readings import Interval, Reading, RefusedError, Way, time_ms

PEOPLE_COUNTS: Final = "people-counts"
WAYS: Final[dict[str, Way]] = {"in": "in", "out": "out"}


class _Item(Struct, frozen=True):
    direction: Literal["in", "out"]
    count: Count


class _Measurement(Struct, frozen=True, rename="camel"):
    kind: str
    utc_from: str = ""
    utc_to: str = ""
    items: list[_Item] = []


class _Data(Struct, frozen=True):
    measurements: list[_Measurement]


class _Report(Struct, frozen=True):
    data: _Data


_decoder: Final = msgspec.json.Decoder(_Report)


def parse(document: bytes, tz: ZoneInfo) -> list[Reading]:
    """The readings of one report or event."""
    if document.lstrip()[:1] == b"<":
        return onvif.parse(document, tz)
    try:
        measurements = _decoder.decode(document).data.measurements
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError("malformed", str(error)) from error
    return [
        Interval(
            line=PEOPLE_COUNTS,
            from_ms=time_ms(measurement.utc_from, "utcFrom", tz),
            to_ms=time_ms(measurement.utc_to, "utcTo", tz),
            persons=item.count,
            way=WAYS[item.direction],
        )
        for measurement in measurements
        if measurement.kind == PEOPLE_COUNTS
        for item in measurement.items
    ]
