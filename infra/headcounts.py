"""Is this message a valid headcount? What `infra/validate.py` is to envelopes."""

from typing import Final

import msgspec

from infra.events import Headcount
from infra.site import Site
from infra.validate import Refusal, time_off, undecodable

_decoder: Final = msgspec.json.Decoder(Headcount)


def judge_headcount(key: bytes | None, value: bytes | None, kafka_timestamp_ms: int, site: Site) -> Headcount | Refusal:
    """The headcount in `value`, or why there is none. Pure; never raises on any bytes."""
    if not value:
        return Refusal("malformed_json", "empty message, expected a JSON headcount")
    try:
        headcount = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return undecodable(value, str(error))
    return _misfit(headcount, key, kafka_timestamp_ms, site) or headcount


def _misfit(headcount: Headcount, key: bytes | None, kafka_timestamp_ms: int, site: Site) -> Refusal | None:
    if headcount.estate_id != site.estate.id:
        return Refusal("wrong_estate", f"estate_id {headcount.estate_id!r}, expected {site.estate.id!r}")
    if headcount.zone_id not in site.zone:
        return Refusal("unknown_zone", f"zone_id {headcount.zone_id!r} is not in the site file")
    if key != headcount.zone_id.encode():
        return Refusal("wrong_key", f"key {key!r}, expected the zone {headcount.zone_id!r}")
    return time_off("event_ms", headcount.event_ms, kafka_timestamp_ms)
