"""Unusual flow, unusual absence: far more, or far fewer, persons cross a line in an hour than in such hours before.

What is usual is the line's `Baseline`, by the hour of the week and for public holidays; without one nothing is told.

- **unusual_flow** opens as soon as the hour's count so far is one that all but 1 - `quantile` of whole hours stay
  below, and is at least `least`; it closes at the end of the first hour that is not so.
- **unusual_absence** opens at the end of a whole hour in which fewer crossed than in all but 1 - `quantile` of such
  hours, and closes when enough have crossed within an hour. An hour in which the line's camera was silent, offline or
  had no picture to be trusted says nothing.

With a baseline that is right, a line has 24 x (1 - `quantile`) false alarms a day of each kind. Crossings that come
after their hour is over are not counted.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from infra.calendar import HOURS_OF_WEEK, hour_cell, hour_start_ms
from infra.clock import HOUR_MS, MINUTE_MS, local_clock
from infra.events import Alert, Baseline, Envelope, envelope_id
from infra.site import Site
from streams.lifecycle import closed, opened, updated
from streams.negative_binomial import at_least, at_most
from streams.signs import crossed

FLOW: Final = "unusual_flow"
ABSENCE: Final = "unusual_absence"
UPDATE_MS: Final = 10 * MINUTE_MS


News = tuple[str, dict[str, float]]  # an explanation and its numbers


class State(Struct):
    """One line: the hour it is in and the persons counted in it; `whole`: its camera could be trusted all the hour.

    `heard_ms` is the latest event time that the camera told; the open alerts, if any.
    """

    hour_ms: int = -1
    count: int = 0
    whole: bool = False
    heard_ms: int = -1
    flow: Alert | None = None
    absence: Alert | None = None


def step(states: dict[str, State], envelope: Envelope, baselines: Mapping[str, Baseline], site: Site) -> list[Alert]:
    """Look at one envelope, seen for the first time; `states` are those of the zone's lines, changed in place."""
    published = []
    for line_id in site.counted_lines.get((envelope.camera_id, envelope.zone_id), ()):
        state = states.setdefault(line_id, State())
        published += _pass_time(state, line_id, envelope, baselines.get(line_id), site)
        came = sum(
            line == line_id and what == "person" and event_ms >= state.hour_ms
            for event_ms, line, _, what in crossed(envelope)
        )
        state.count += came
        if came and line_id in baselines:
            published += _judge_count(state, line_id, envelope, baselines[line_id], site)
    return published


def usual(baseline: Baseline, hour_ms: int, site: Site) -> tuple[float, float]:
    """(mean, dispersion) of the local hour that begins at `hour_ms`."""
    local = datetime.fromtimestamp(hour_ms / 1000, site.tz)
    cell = hour_cell(local.date(), local.hour)
    if cell >= HOURS_OF_WEEK:
        return baseline.holiday_mean[cell - HOURS_OF_WEEK], baseline.holiday_dispersion[cell - HOURS_OF_WEEK]
    return baseline.mean[cell], baseline.dispersion[cell]


def _pass_time(state: State, line_id: str, envelope: Envelope, baseline: Baseline | None, site: Site) -> list[Alert]:
    """Note that the camera spoke; where a new hour has begun, end the one before."""
    published, timeout_ms = list[Alert](), site.limits.camera_silent.timeout_s * 1000
    if envelope.start_ms - state.heard_ms > timeout_ms:
        state.whole = False
    if state.hour_ms < 0 or envelope.start_ms >= state.hour_ms + HOUR_MS:
        if state.hour_ms >= 0:
            published = _end_hour(state, line_id, envelope, baseline, site)
        state.hour_ms, state.count = hour_start_ms(envelope.start_ms, site.tz), 0
        state.whole = envelope.start_ms - state.heard_ms <= timeout_ms
    health = envelope.health
    if health is not None and not (health.online and health.picture == "ok"):
        state.whole = False
    state.heard_ms = max(state.heard_ms, envelope.end_ms)
    return published


def _judge_count(state: State, line_id: str, envelope: Envelope, baseline: Baseline, site: Site) -> list[Alert]:
    published = list[Alert]()
    if state.absence is not None and not _is_low(state, baseline, site):
        how = f"{state.count} persons since {local_clock(state.hour_ms, site.tz)}"
        published.append(closed(state.absence, envelope.end_ms, how))
        state.absence = None
    if _is_high(state, baseline, site):
        published += _tell_flow(state, line_id, envelope, baseline, site)
    return published


def _tell_flow(state: State, line_id: str, envelope: Envelope, baseline: Baseline, site: Site) -> list[Alert]:
    news = _news(state, line_id, baseline, site)
    if state.flow is None:
        state.flow = _opened(FLOW, line_id, envelope, envelope.end_ms, news)
    elif envelope.end_ms - state.flow.updated_ms >= UPDATE_MS:
        state.flow = updated(state.flow, envelope.end_ms, *news, [envelope_id(envelope)])
    else:
        return []
    return [state.flow]


def _end_hour(state: State, line_id: str, envelope: Envelope, baseline: Baseline | None, site: Site) -> list[Alert]:
    """What the end of the line's hour brings: the flow's alert goes on or closes, an absence may open or go on."""
    published, end_ms = list[Alert](), state.hour_ms + HOUR_MS
    if state.flow is not None and baseline is not None and _is_high(state, baseline, site):
        state.flow = updated(state.flow, end_ms, *_news(state, line_id, baseline, site), [envelope_id(envelope)])
        published.append(state.flow)
    elif state.flow is not None:
        published.append(closed(state.flow, end_ms, f"{state.count} in the hour after"))
        state.flow = None
    if baseline is None or not state.whole or not _is_low(state, baseline, site):
        return published
    news = _news(state, line_id, baseline, site)
    if state.absence is None:
        state.absence = _opened(ABSENCE, line_id, envelope, end_ms, news)
    else:
        state.absence = updated(state.absence, end_ms, *news, [envelope_id(envelope)])
    return [*published, state.absence]


def _is_high(state: State, baseline: Baseline, site: Site) -> bool:
    limits, (mean, dispersion) = site.limits.unusual_flow, usual(baseline, state.hour_ms, site)
    enough = state.count >= limits.least and state.count > mean
    return enough and at_least(state.count, mean, dispersion) < 1 - limits.quantile


def _is_low(state: State, baseline: Baseline, site: Site) -> bool:
    limits, (mean, dispersion) = site.limits.unusual_flow, usual(baseline, state.hour_ms, site)
    return state.count < mean and at_most(state.count, mean, dispersion) < 1 - limits.quantile


def _news(state: State, line_id: str, baseline: Baseline, site: Site) -> News:
    mean, dispersion = usual(baseline, state.hour_ms, site)
    told = f"{state.count} persons since {local_clock(state.hour_ms, site.tz)}, usual for such an hour {mean:.0f}"
    measured = {"persons": float(state.count), "usual": mean, "dispersion": dispersion}
    return f"{line_id}: {told} (baseline {baseline.version})", measured


def _opened(rule: str, line_id: str, envelope: Envelope, at_ms: int, news: News) -> Alert:
    return opened(
        rule=rule,
        estate_id=envelope.estate_id,
        zone_id=envelope.zone_id,
        subject_id=line_id,
        severity="warning",
        opened_ms=at_ms,
        updated_ms=at_ms,
        explanation=news[0],
        measured=news[1],
        evidence=[envelope_id(envelope)],
    )
