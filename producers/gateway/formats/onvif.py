"""ONVIF analytics events: WS-BaseNotification `Notify` in SOAP, as cameras push it, or a `MetadataStream`.

The name is the rule's ("MyLineCrossDetectorRule"), or the end of the topic where the event names no rule
("ObjectAnalytics/Device1Scenario1"). An event with a `Count` is a running total; any other one that is true is one
passage; a name that the site file lists under `zones` tells of persons in that zone instead. "Initialized" is the state
that a subscription begins with, nothing that happened.

Source: ONVIF Core Specification, Event Handling; ONVIF Analytics Service Specification, annex A (rules).
"""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from producers.gateway.markup import read_xml, text_of
from producers.gateway.readings import Crossing, Presence, Reading, RefusedError, Total, Visible, count, time_ms

ROOTS: Final = ("Envelope", "Notify", "MetadataStream")
PASSAGES: Final = ("LineDetector/Crossed", "LineCross", "LineCrossed")
PRESENCES: Final = ("FieldDetector/ObjectsInside", "LoiteringDetector/ObjectIsLoitering")
COUNTERS: Final = ("CountAggregation/Counter",)
OCCUPANCIES: Final = ("CountAggregation/OccupancyCounter",)
SCENARIOS: Final = ("CameraApplicationPlatform/ObjectAnalytics/", "CameraApplicationPlatform/LoiteringGuard/")
FLAGS: Final = frozenset({"islinecross", "isinside", "isloitering", "state", "active", "logicalstate"})


def parse(document: bytes, tz: ZoneInfo) -> list[Reading]:
    """The readings of all notifications in the message."""
    root = read_xml(document)
    if root.tag not in ROOTS:
        raise RefusedError("malformed", f"<{root.tag[:60]}>: expected one of <{'>, <'.join(ROOTS)}>")
    return [reading for notification in root.iter("NotificationMessage") for reading in _readings(notification, tz)]


def _readings(notification: Element, tz: ZoneInfo) -> Iterator[Reading]:
    message = notification.find("Message/Message")
    if message is None or message.get("PropertyOperation", "Changed") != "Changed":
        return
    topic = "/".join(step.rpartition(":")[2] for step in (text_of(notification, "Topic") or "").split("/"))
    data = _items(message, "Data")
    if any(value.lower() in ("false", "0") for name, value in data.items() if name.lower() in FLAGS):
        return
    name = (_items(message, "Source").get("Rule") or "/".join(topic.split("/")[-2:]))[:200]
    event_ms = time_ms(message.get("UtcTime"), "UtcTime", tz)
    event_id = data.get("ObjectId", "")[:200]
    if topic.endswith(COUNTERS):
        yield Total(line=name, event_ms=event_ms, total=count(data.get("Count"), "Count"))
    elif topic.endswith(OCCUPANCIES):
        yield Visible(zone=name, event_ms=event_ms, persons=count(data.get("Count"), "Count"))
    elif topic.endswith(PRESENCES):
        yield Presence(zone=name, event_ms=event_ms, event_id=event_id)
    elif topic.endswith(PASSAGES) or any(scenario in topic for scenario in SCENARIOS):
        yield Crossing(line=name, event_ms=event_ms, event_id=event_id)


def _items(message: Element, group: str) -> dict[str, str]:
    """Names and values of the simple items of one group (Source, Key, Data)."""
    items = message.iterfind(f"{group}/SimpleItem")
    return {item.get("Name", ""): item.get("Value", "").strip() for item in items}
