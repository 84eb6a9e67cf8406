"""What the alert rules remember of one zone, and which of them look at what. Pure; knows no Kafka."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from infra.events import Alert, Baseline, Envelope, OccupancyMinute
from infra.site import Site
from streams import signs, stays
from streams.admissions import Gateway, note_crossings
from streams.lifecycle import closed
from streams.rules import (
    camera_silent,
    camera_tampered,
    clock_skew,
    e_bike,
    fire_lane,
    gate,
    gathering,
    loitering,
    over_capacity,
    perimeter_crossing,
    restricted_hours,
    unanswered,
    unusual_flow,
    wrong_way,
)
from streams.seen import Sequence as SeenSequence
from streams.seen import first_time

NO_BASELINES: Final[Mapping[str, Baseline]] = MappingProxyType({})


class ZoneAlerts(Struct):
    """What the rules remember of one zone.

    `seen` is of all cameras that report on it; `silence`, `tampered` and `skewed` are of those at home in it.
    """

    seen: dict[str, list[SeenSequence]] = {}
    silence: dict[str, camera_silent.State] = {}
    tampered: dict[str, camera_tampered.State] = {}
    skewed: dict[str, clock_skew.State] = {}
    breach: over_capacity.State = msgspec.field(default_factory=over_capacity.State)
    presence: signs.State = msgspec.field(default_factory=signs.State)
    standing: stays.State = msgspec.field(default_factory=stays.State)
    loitering: stays.State = msgspec.field(default_factory=stays.State)
    gathered: gathering.State = msgspec.field(default_factory=gathering.State)
    wrong_way: dict[str, signs.State] = {}
    perimeter: dict[str, signs.State] = {}
    e_bikes: signs.State = msgspec.field(default_factory=signs.State)
    gateways: dict[str, Gateway] = {}
    flows: dict[str, unusual_flow.State] = {}
    waiting: dict[str, unanswered.Case] = {}


class Heard(NamedTuple):
    """Up to which time of sending all that was told in a partition is known, by kind of message; -1: nothing yet."""

    envelopes_ms: int
    passages_ms: int
    minutes_ms: int
    dispositions_ms: int

    def about(self, rule: str | None) -> int:
        """The same for all that bears on a rule's alerts and their answers; None: any rule's."""
        times_ms = [self.envelopes_ms, self.dispositions_ms]
        if rule is None or rule in gate.SEVERITIES:
            times_ms.append(self.passages_ms)
        if rule is None or rule == over_capacity.RULE:
            times_ms.append(self.minutes_ms)
        return min(times_ms)


def envelope_rules(
    state: ZoneAlerts, envelope: Envelope, sent_ms: int, site: Site, baselines: Mapping[str, Baseline] = NO_BASELINES
) -> list[Alert]:
    """All rules that look at envelopes, on one envelope; a repeat changes nothing. Pure but for `state`."""
    if not first_time(state.seen.setdefault(envelope.camera_id, []), envelope):
        return []
    if envelope.crossings is not None and not site.gates_at.keys().isdisjoint(envelope.crossings.line_id):
        note_crossings(state.gateways, envelope, site, heard_ms([state]))
    published = [
        *restricted_hours.step(state.presence, envelope, site),
        *fire_lane.step(state.standing, envelope, site),
        *loitering.step(state.loitering, envelope, site),
        *gathering.step(state.gathered, envelope, site),
        *wrong_way.step(state.wrong_way, envelope, site),
        *perimeter_crossing.step(state.perimeter, envelope, site),
        *unusual_flow.step(state.flows, envelope, baselines, site),
        *e_bike.step(state.e_bikes, envelope, site),
    ]
    if _at_home(envelope.camera_id, envelope.zone_id, site):
        published += _camera_rules(state, envelope, sent_ms, site)
    return published


def _camera_rules(state: ZoneAlerts, envelope: Envelope, sent_ms: int, site: Site) -> list[Alert]:
    """The rules about the camera itself, judged in its home zone only."""
    camera_id = envelope.camera_id
    state.silence[camera_id], silence = camera_silent.step(state.silence.get(camera_id), envelope, sent_ms, site)
    return [
        *silence,
        *camera_tampered.step(state.tampered.setdefault(camera_id, camera_tampered.State()), envelope, site),
        *clock_skew.step(state.skewed.setdefault(camera_id, clock_skew.State()), envelope, site),
    ]


def minute_rules(state: ZoneAlerts, row: OccupancyMinute, site: Site) -> list[Alert]:
    """All rules that look at occupancy, on one published minute; changes `state`."""
    return over_capacity.step(state.breach, row, site.zone[row.zone_id], site.limits.over_capacity)


def heard_ms(zones: Iterable[ZoneAlerts]) -> int | None:
    """The time of sending by which the silence of these zones' cameras is judged; None where there are none."""
    return camera_silent.heard_ms(camera for zone in zones for camera in zone.silence.values())


def overdue_cameras(state: ZoneAlerts, zone_id: str, now_ms: int, site: Site) -> list[Alert]:
    """Alerts of the cameras that have told nothing for too long at `now_ms`, a time of sending; changes `state`.

    A camera that the site file has at home here no longer is forgotten, and what is open about it closes.
    """
    published = []
    for camera_id in list(state.silence):
        if _at_home(camera_id, zone_id, site):
            published += camera_silent.overdue(state.silence[camera_id], camera_id, zone_id, now_ms, site)
        else:
            published += _forget_camera(state, camera_id, now_ms)
    return published


def _at_home(camera_id: str, zone_id: str, site: Site) -> bool:
    return site.camera_zones.get(camera_id, ("",))[0] == zone_id


def _forget_camera(state: ZoneAlerts, camera_id: str, now_ms: int) -> list[Alert]:
    known = (state.silence.pop(camera_id), state.tampered.pop(camera_id, None), state.skewed.pop(camera_id, None))
    alerts = [camera.alert for camera in known if camera is not None and camera.alert is not None]
    return [closed(alert, now_ms, "the site file has the camera here no longer") for alert in alerts]


def settled_gates(state: ZoneAlerts, both_ms: int, site: Site) -> list[Alert]:
    """What is settled at the zone's gates once cameras and gates have told all up to `both_ms`; changes `state`."""
    return [
        alert
        for line_id, gateway in state.gateways.items()
        if line_id in site.gates_at
        for alert in gate.decide(gateway, line_id, both_ms, site)
    ]


def unanswered_alerts(state: ZoneAlerts, heard: Heard, site: Site) -> list[Alert]:
    """The alerts about alerts that nobody answers, up to where all is `heard`; changes `state`."""
    return unanswered.decide(state.waiting, heard.about, site)
