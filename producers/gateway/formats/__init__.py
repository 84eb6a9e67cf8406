"""One parser for each maker's messages: (document, the estate's time zone) → readings; RefusedError on anything else.

No bytes make a parser raise anything else (`tests/producers/gateway/test_formats.py`). A message that is well-formed
and says nothing to count, such as a heartbeat, has no readings.
"""

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from infra.site import VendorKind
from producers.gateway.formats import axis, dahua, hikvision, onvif, own, xovis
from producers.gateway.readings import Reading

PARSERS: Final[dict[VendorKind, Callable[[bytes, ZoneInfo], list[Reading]]]] = {
    "anfang": own.parse,
    "axis": axis.parse,
    "dahua": dahua.parse,
    "hikvision": hikvision.parse,
    "onvif": onvif.parse,
    "xovis": xovis.parse,
}
