"""Messages as real cameras send them (shared/data/vendor_messages), and a site whose cameras send them."""

import os
from pathlib import Path
from typing import Final

import msgspec
import yaml

from infra.settings import SMALL_SITE
from infra.site import Site
from producers.gateway.store import Outgoing, Store

ROOT: Final = Path(__file__).parents[3]
SAMPLES: Final = Path(os.environ.get("ANFANG_SHARED", ROOT.parent / "shared")) / "data" / "vendor_messages"
JPEG: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 40 + b"\xff\xd9"

HIKVISION: Final[dict[str, object]] = {
    "kind": "hikvision",
    "lines": {"PeopleCounting/1/1": {"line": "gate_north"}, "linedetection/1/1": {"line": "gate_north", "in_is": -1}},
}
VENDORS: Final[dict[str, dict[str, object]]] = {
    "cam_gate_north": HIKVISION,
    "cam_gate_south": {"kind": "onvif", "lines": {"MyLineCrossDetectorRule": {"line": "gate_south"}}},
    "cam_gate_west": {"kind": "dahua", "lines": {"Gate": {"line": "gate_west"}}},
    "cam_plaza": {"kind": "xovis", "lines": {"Line 0": {"line": "plaza_edge"}}},
    "cam_clubhouse": {"kind": "axis", "lines": {"people-counts": {"line": "clubhouse_door", "in_is": -1}}},
    "cam_door_1": {"kind": "anfang", "lines": {"door": {"line": "door_1"}}, "zones": {"hall": "building_1"}},
    "cam_perimeter": {
        "kind": "hikvision",
        "zones": {"fielddetection/1/3": "pump_room", "fielddetection/1/2": "fire_lane"},
    },
}


def site(vendors: dict[str, dict[str, object]] | None = None) -> Site:
    """The small estate, whose cameras count on board."""
    content = yaml.safe_load(SMALL_SITE.read_text(encoding="utf-8"))
    for camera in content["cameras"]:
        camera["vendor"] = (VENDORS if vendors is None else vendors).get(camera["id"])
    return Site.model_validate(content)


def sample(name: str) -> bytes:
    """One real message."""
    return (SAMPLES / name).read_bytes()


def soap(rule: str, utc: str, topic: str, data: dict[str, str], operation: str = "Changed") -> bytes:
    """A WS-BaseNotification as a camera pushes it."""
    items = "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in data.items())
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"
 xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tt="http://www.onvif.org/ver10/schema"
 xmlns:tns1="http://www.onvif.org/ver10/topics"><SOAP-ENV:Body><wsnt:Notify><wsnt:NotificationMessage>
<wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">{topic}</wsnt:Topic>
<wsnt:Message><tt:Message UtcTime="{utc}" PropertyOperation="{operation}"><tt:Source>
<tt:SimpleItem Name="VideoSourceConfigurationToken" Value="vsconf"/><tt:SimpleItem Name="Rule" Value="{rule}"/>
</tt:Source><tt:Data>{items}</tt:Data></tt:Message></wsnt:Message>
</wsnt:NotificationMessage></wsnt:Notify></SOAP-ENV:Body></SOAP-ENV:Envelope>""".encode()


def tapo() -> bytes:
    """The Tapo camera's event, from its decoded values back to what the camera had sent."""
    told = msgspec.json.decode(sample("tapo_linecross_2025.json"))
    message = told["Message"]["_value_1"]
    named = {item["Name"]: item["Value"] for item in message["Source"]["SimpleItem"]}
    data = {item["Name"]: item["Value"] for item in message["Data"]["SimpleItem"]}
    return soap(named["Rule"], message["UtcTime"], told["Topic"]["_value_1"], data, message["PropertyOperation"])


def line_alert(date: str, post: int = 1, region: int = 1, target: str = "human") -> bytes:
    """Hikvision's line crossing: the real field detection with the event's type, region and time changed."""
    alert = sample("hikvision_next__fielddetection_human.xml").decode()
    for old, new in (
        ("<eventType>fielddetection", "<eventType>linedetection"),
        ("2022-01-31T13:53:05+01:00", date),
        ("<activePostCount>1", f"<activePostCount>{post}"),
        ("<regionID>3", f"<regionID>{region}"),
        ("<detectionTarget>human", f"<detectionTarget>{target}"),
    ):
        assert old in alert
        alert = alert.replace(old, new)
    return alert.encode()


def people_counting(date: str, enter: int, leave: int) -> bytes:
    """Hikvision's people counting: the real message with other times and totals."""
    told = sample("peoplecounting_realtime_child_2020.xml").decode().replace("2020-07-09T12:07:07+08:00", date)
    return told.replace("<enter>70", f"<enter>{enter}").replace("<exit>75", f"<exit>{leave}").encode()


def multipart(document: bytes, kind: str = "form-data", picture: bytes = JPEG) -> tuple[bytes, str]:
    """(body, content type) as Hikvision cameras send an alert with its picture."""
    part = (
        b'--boundary\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n'
        b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s\r\n"
    )
    parts = [
        part % (b"Alert.xml", b"Alert.xml", b"application/xml", len(document), document),
        part % (b"Picture.jpg", b"Picture.jpg", b"image/jpeg", len(picture), picture),
    ]
    return b"".join(parts) + b"--boundary--\r\n", f"multipart/{kind}; boundary=boundary"


def outbox(store: Store) -> list[Outgoing]:
    """All messages that wait."""
    return [message for _, message in store.oldest(1_000_000)]
