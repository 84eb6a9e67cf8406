"""Facts become HTML: the fragments that the page is made of, each under its id, and pages. Everything is escaped.

Pure but for reading the templates once. A fragment is drawn anew only when its fact changed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import jinja2

from dashboards.web.answers import SAID_VERDICTS, note, said
from dashboards.web.facts import CameraFact, DeviceState, Facts, HeadFact
from dashboards.web.plan import Plan, curve_most, curve_path
from dashboards.web.words import Lang, Words
from infra.clock import iso_ms
from infra.events import Alert, camera_of
from infra.site import Site

TEMPLATES: Final = Path(__file__).parent / "templates"
MOST_LISTED: Final = 30
BEFORE_MS: Final = 10_000
"""So long before an alert opened does its recording begin."""
WORST: Final[tuple[DeviceState, ...]] = ("fault", "unknown", "ok")

Fragments = dict[str, str]

_environment: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, **values: object) -> str:
    """A whole page."""
    return _environment.get_template(template).render(values)


class Renderer:
    """Draws one estate's facts in one language."""

    def __init__(self, site: Site, lang: Lang) -> None:
        self.site, self.plan, self.words = site, Plan(site), Words(lang)
        self._parts = _environment.get_template("parts.html").make_module(
            {
                "w": self.words,
                "plan": self.plan,
                "curve_path": curve_path,
                "curve_most": curve_most,
                "iso": iso_ms,
                "local": self._local,
                "said": said,
                "note": note,
                "said_verdicts": SAID_VERDICTS,
                "most_listed": MOST_LISTED,
            }
        )

    def fragments(self, new: Facts, old: Facts | None = None) -> Fragments:
        """{id: HTML} of all that differs from `old`."""
        made = self._zones(new, old) | self._devices(new, old)
        for alert_id in _changed(new.alerts, old.alerts if old else None):
            fact = new.alerts[alert_id]
            about, link = self.about(fact.alert), recording(self.site, fact.alert)
            made[f"a-{alert_id}"] = self._draw("alert_card", fact, about, link)
        if old is None or old.head != new.head:
            made["head"] = self._draw("head", new.head)
        return made

    def about(self, alert: Alert) -> str:
        """The name of what the alert is about: a zone, camera or gate; of a line or another alert, its zone's name."""
        subject = self.site.zone.get(alert.subject_id) or self.site.camera.get(alert.subject_id)
        if subject is not None:
            return subject.name
        if alert.subject_id in self.site.gates_at:
            return " / ".join(gate.name for gate in self.site.gates_at[alert.subject_id])
        zone = self.site.zone.get(alert.zone_id)
        return zone.name if zone else alert.subject_id

    def _zones(self, new: Facts, old: Facts | None) -> Fragments:
        made: Fragments = {}
        drawn = {zone.id for zone in self.plan.zones}
        for zone_id in _changed(new.zones, old.zones if old else None):
            fact, zone = new.zones[zone_id], self.site.zone[zone_id]
            made[f"z-{zone_id}"] = self._draw("zone_row", fact, zone)
            if zone_id in drawn:
                made[f"p-{zone_id}"] = self._draw("plan_zone", fact, zone)
                made[f"n-{zone_id}"] = self._draw("plan_label", fact, zone)
        return made

    def _devices(self, new: Facts, old: Facts | None) -> Fragments:
        made: Fragments = {}
        cameras, gates = (
            _changed(new.cameras, old.cameras if old else None),
            _changed(new.gates, old.gates if old else None),
        )
        for spot in {self.plan.spot_of[camera].spot_id: self.plan.spot_of[camera] for camera in cameras}.values():
            states = {new.cameras[camera].state for camera in spot.cameras}
            state = next(state for state in WORST if state in states)
            made[spot.spot_id] = self._draw("plan_spot", spot, state, len(spot.cameras))
        for gate_id in gates:
            made[f"g-{gate_id}"] = self._draw("plan_gate", new.gates[gate_id], self.site.gate[gate_id])
        if cameras:
            made["cameras"] = self._camera_list(new.cameras.values(), new.head)
        if gates:
            made["gates"] = self._draw("gates", [(new.gates[gate.id], gate) for gate in self.site.gates])
        return made

    def _camera_list(self, cameras: Iterable[CameraFact], head: HeadFact) -> str:
        bad = [(fact, self.site.camera[fact.camera_id]) for fact in cameras if fact.state != "ok"]
        bad.sort(key=lambda pair: WORST.index(pair[0].state))
        return self._draw("cameras", head, len(self.site.cameras), bad)

    def _draw(self, macro: str, *values: object) -> str:
        return str(getattr(self._parts, macro)(*values)).strip()

    def _local(self, ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, self.site.tz).strftime("%m-%d %H:%M")


def _changed(new: Mapping[str, object], old: Mapping[str, object] | None) -> list[str]:
    return [name for name, fact in new.items() if old is None or old.get(name) != fact]


def recording(site: Site, alert: Alert) -> str | None:
    """The address of the recording of the moment when the alert opened, by the first camera that has a template."""
    told = [alert.subject_id, *(camera_of(one) for one in alert.evidence)]
    seeing = [camera.id for camera in site.cameras if alert.zone_id in camera.zones or alert.subject_id in camera.lines]
    links = (site.recorder_link(camera, alert.opened_ms - BEFORE_MS) for camera in [*told, *seeing])
    return next((link for link in links if link is not None), None)
