"""Stored events once more through every alert rule, with other limits if need be, and how right the alerts are. Pure.

Messages come in the order of sending, and are taken as the workers take them: time passes by the times of sending.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from infra.clock import HOUR_MS, MINUTE_MS
from infra.events import Alert, Baseline, Disposition, Verdict
from infra.passages import judge_passage
from infra.site import Site
from infra.topics import DETECTIONS, GATE_PASSAGES
from infra.validate import Refusal, judge
from streams.admissions import note_passage
from streams.zone import ZoneState, apply
from streams.zone_alerts import ZoneAlerts, envelope_rules, heard_ms, minute_rules, overdue_cameras, settled_gates
from streams.zone_rules import ZoneRules

TICK_MS: Final = 10_000
TOLERANCE_MS: Final = 5 * MINUTE_MS
CONSEQUENCES: Final = {"crowd": ("unusual_flow", "gathering")}  # by the kind of the truth's incident


class Stored(Protocol):
    """A message as it was sent; `topic` without prefix."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def value(self) -> bytes: ...
    @property
    def timestamp_ms(self) -> int: ...


class Known(Struct, frozen=True, kw_only=True):
    """Something that is known to have happened, and which rule must tell it, about what; an incident of the truth."""

    rule: str
    subject_id: str
    start_ms: int
    end_ms: int
    kind: str = ""


class Score(Struct, frozen=True, kw_only=True):
    """How right one rule was: how much is known to have happened and was told; alerts, and those unexplained."""

    rule: str
    known: int
    told: int
    alerts: int
    false: int


class Backtest:
    """The zones of one site with all their rules; feed it the messages in the order of sending."""

    def __init__(self, site: Site, grace_ms: int, baselines: Mapping[str, Baseline]) -> None:
        self._site, self._baselines = site, baselines
        self._rules = {zone.id: ZoneRules(site, zone.id, grace_ms) for zone in site.zones}
        self._zones = {zone.id: (ZoneState(), ZoneAlerts()) for zone in site.zones}
        self._tick = 0

    def take(self, message: Stored) -> Iterator[Alert]:
        """The alert states that one message, or the time that passed before it, brings about; refused ones none."""
        if message.timestamp_ms // TICK_MS > self._tick:
            self._tick = message.timestamp_ms // TICK_MS
            yield from self._time_passes(self._tick * TICK_MS)
        if message.topic == DETECTIONS.name:
            yield from self._envelope(message)
        elif message.topic == GATE_PASSAGES.name:
            passage = judge_passage(message.key, message.value, message.timestamp_ms, self._site)
            if not isinstance(passage, Refusal):
                note_passage(self._zones[message.key.decode()][1].gateways, passage, self._site)

    def _time_passes(self, now_ms: int) -> Iterator[Alert]:
        heard = heard_ms(alerts for _, alerts in self._zones.values())
        for zone_id, (_, alerts) in self._zones.items():
            yield from overdue_cameras(alerts, zone_id, now_ms if heard is None else heard, self._site)
            yield from settled_gates(alerts, now_ms, self._site)

    def _envelope(self, message: Stored) -> Iterator[Alert]:
        envelope = judge(message.value, message.timestamp_ms, self._site)
        if isinstance(envelope, Refusal):
            return
        occupancy, alerts = self._zones[envelope.zone_id]
        yield from envelope_rules(alerts, envelope, message.timestamp_ms, self._site, self._baselines)
        for row in apply(occupancy, envelope, self._rules[envelope.zone_id]):
            yield from minute_rules(alerts, row, self._site)


def backtest(
    messages: Iterable[Stored], site: Site, baselines: Mapping[str, Baseline], grace_ms: int = 5 * MINUTE_MS
) -> dict[str, Alert]:
    """The last state of every alert that the rules raise on `messages`, by id."""
    run = Backtest(site, grace_ms, baselines)
    return {alert.alert_id: alert for message in messages for alert in run.take(message)}


def explains(known: Known, alert: Alert) -> bool:
    """Whether the alert tells what is known: same rule and subject, overlapping in time but for `TOLERANCE_MS`."""
    ended_ms = alert.closed_ms or alert.updated_ms
    overlaps = alert.opened_ms <= known.end_ms + TOLERANCE_MS and ended_ms >= known.start_ms
    return (known.rule, known.subject_id) == (alert.rule, alert.subject_id) and overlaps


def follows(known: Known, alert: Alert) -> bool:
    """Whether the alert is a consequence of what is known: the flow of those who come to a crowd and leave it."""
    near = alert.opened_ms <= known.end_ms + HOUR_MS and alert.updated_ms >= known.start_ms - HOUR_MS
    return alert.rule in CONSEQUENCES.get(known.kind, ()) and near


def scores(known: Sequence[Known], alerts: Sequence[Alert]) -> list[Score]:
    """For each rule how much of what is known it told, and how many alerts nothing known explains."""
    told = [one for one in known if any(explains(one, alert) for alert in alerts)]
    false = [alert for alert in alerts if not any(explains(one, alert) or follows(one, alert) for one in known)]
    return [
        Score(
            rule=rule,
            known=sum(one.rule == rule for one in known),
            told=sum(one.rule == rule for one in told),
            alerts=sum(alert.rule == rule for alert in alerts),
            false=sum(alert.rule == rule for alert in false),
        )
        for rule in sorted({one.rule for one in known} | {alert.rule for alert in alerts})
    ]


def judged(alerts: Iterable[Alert], dispositions: Iterable[Disposition]) -> tuple[list[Known], list[Known]]:
    """What people confirmed ("true") and what they refuted ("false") of published alerts, by the last word on each."""
    last = {alert.alert_id: alert for alert in sorted(alerts, key=lambda alert: alert.revision)}
    verdicts = {said.alert_id: said.verdict for said in sorted(dispositions, key=lambda said: said.event_ms)}

    def known(verdict: Verdict) -> list[Known]:
        told = [last[alert_id] for alert_id, said in verdicts.items() if said == verdict and alert_id in last]
        return [
            Known(rule=a.rule, subject_id=a.subject_id, start_ms=a.opened_ms, end_ms=a.closed_ms or a.updated_ms)
            for a in told
        ]

    return known("true"), known("false")


def read_known(content: bytes) -> list[Known]:
    """What `incidents.json` of a simulation's truth says. Raises msgspec.DecodeError where it is none."""
    return msgspec.json.decode(content, type=list[Known])
