"""Hikvision ISAPI `EventNotificationAlert`: people counting, line crossing, field detection.

Names are "eventType/channelID/regionID", e.g. "PeopleCounting/1/1", since a camera may count at the same place by two
rules. Beside the main counter stand ".../child" (children, apart from or among the adults, as the camera is set) and
".../timeRange" (the same persons once more, by interval): both count only where the site file maps them. An alarm is
posted again while it lasts (`activePostCount` 2, 3, …): a line counts its first post only.
"""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from infra.events import ObjectClass
from producers.gateway.markup import read_xml, text_of
from producers.gateway.readings import (
    Crossing,
    Interval,
    Presence,
    Reading,
    RefusedError,
    Total,
    Way,
    count,
    time_ms,
)

WAYS: Final[tuple[tuple[Way, str], ...]] = (("in", "enter"), ("out", "exit"))
TARGETS: Final[dict[str, ObjectClass]] = {"": "person", "human": "person", "vehicle": "car"}


def parse(document: bytes, tz: ZoneInfo) -> list[Reading]:
    """The readings of one alert; other events and the end of an alarm have none."""
    alert = read_xml(document)
    kind = text_of(alert, "eventType")
    if alert.tag != "EventNotificationAlert" or kind is None:
        raise RefusedError("malformed", f"<{alert.tag[:60]}>: expected <EventNotificationAlert> with an <eventType>")
    if text_of(alert, "eventState") == "inactive":
        return []
    channel = text_of(alert, "channelID") or text_of(alert, "dynChannelID") or "1"
    match kind.lower():
        case "peoplecounting":
            return list(_counting(alert, f"PeopleCounting/{channel}", tz))
        case "linedetection":
            return list(_line(alert, f"linedetection/{channel}", tz))
        case "fielddetection":
            return list(_field(alert, f"fielddetection/{channel}", tz))
    return []


def _counting(alert: Element, name: str, tz: ZoneInfo) -> Iterator[Reading]:
    counting = alert.find("peopleCounting")
    if counting is None:
        raise RefusedError("malformed", "PeopleCounting without <peopleCounting>")
    name = f"{name}/{text_of(counting, 'regionsID') or '1'}"
    span = counting.find("TimeRange")
    if span is None:
        told = text_of(counting, "RealTime/time") or text_of(alert, "dateTime")
        event_ms = time_ms(told, "RealTime/time", tz)
        yield from _totals(counting, name, event_ms, optional=False)
        child = alert.find("childCounting")
        if child is not None:
            yield from _totals(child, f"{name}/child", event_ms, optional=True)
        return
    for way, tag in WAYS:
        yield Interval(
            line=f"{name}/timeRange",
            from_ms=time_ms(text_of(span, "startTime"), "TimeRange/startTime", tz),
            to_ms=time_ms(text_of(span, "endTime"), "TimeRange/endTime", tz),
            persons=count(text_of(counting, tag), tag),
            way=way,
            optional=True,
        )


def _totals(counting: Element, name: str, event_ms: int, *, optional: bool) -> Iterator[Total]:
    for way, tag in WAYS:
        total = count(text_of(counting, tag), f"{counting.tag}/{tag}")
        yield Total(line=name, event_ms=event_ms, total=total, way=way, optional=optional)


def _line(alert: Element, name: str, tz: ZoneInfo) -> Iterator[Crossing]:
    if count(text_of(alert, "activePostCount") or "1", "activePostCount") > 1:
        return
    for region, target in _regions(alert):
        yield Crossing(line=f"{name}/{region}", event_ms=_date_ms(alert, tz), object_class=target)


def _field(alert: Element, name: str, tz: ZoneInfo) -> Iterator[Presence]:
    for region, target in _regions(alert):
        yield Presence(zone=f"{name}/{region}", event_ms=_date_ms(alert, tz), object_class=target)


def _regions(alert: Element) -> Iterator[tuple[str, ObjectClass]]:
    """(regionID, class) of each region; an old camera tells no target, and other targets (animals) are left out."""
    for entry in alert.iterfind("DetectionRegionList/DetectionRegionEntry"):
        target = TARGETS.get((text_of(entry, "detectionTarget") or "").lower())
        if target is not None:
            yield text_of(entry, "regionID") or "1", target


def _date_ms(alert: Element, tz: ZoneInfo) -> int:
    return time_ms(text_of(alert, "dateTime"), "dateTime", tz)
