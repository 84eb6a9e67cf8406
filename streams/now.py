"""Each zone as it is now, for the compacted topic: at most once in 10 s of event time, and only what is new.

A step is told when the zone's watermark passes it, if anything changed since the last one; the minutes' own steps
always. Where the watermark passes several at once, only the last is told: a worker that catches up looks once a batch,
so which steps are told depends on the batches, and what is told of a step on the zone's envelopes only.
"""

from typing import Final

from infra.clock import MINUTE_MS
from infra.events import SCHEMA_VERSION, OccupancyNow, derived_id
from streams.today import Told, turn, unique_visitors
from streams.zone import Minute, ZoneState, blind_cameras, coverage, estimate_after, live_cameras, watermark
from streams.zone_rules import ZoneRules

STEP_MS: Final = 10_000


def step(state: ZoneState, rules: ZoneRules) -> OccupancyNow | None:
    """What is to be told of the zone after the envelopes applied so far; changes `state.today` only."""
    today = state.today
    newest_ms = max((camera.latest_ms for camera in state.cameras.values()), default=-1)
    if newest_ms < today.due_ms or state.closed_ms < 0 or _still_waits(state, newest_ms, rules):
        return None
    live = live_cameras(state, rules)
    watermark_ms = watermark(live)
    known_ms = min(watermark_ms, state.closed_ms + MINUTE_MS - 1)
    as_of_ms = known_ms - known_ms % STEP_MS
    if as_of_ms < today.due_ms:
        today.waits_for = next(name for name, camera in state.cameras.items() if camera.latest_ms == watermark_ms)
        return None
    minute_passed = as_of_ms - as_of_ms % MINUTE_MS >= today.due_ms
    today.due_ms = as_of_ms + STEP_MS
    turn(today, as_of_ms, rules.site.tz)
    told = _told(state, blind_cameras(live, state.closed_ms, rules.expected_cameras), rules)
    if told == today.told and not minute_passed:
        return None
    today.told = told
    return _now(told, as_of_ms, max(watermark_ms, state.watermark_ms), rules)


def _still_waits(state: ZoneState, newest_ms: int, rules: ZoneRules) -> bool:
    """Whether the camera that held the watermark back at the last look still does: spares looking at all of them."""
    camera, due_ms = state.cameras.get(state.today.waits_for), state.today.due_ms
    return (
        camera is not None
        and camera.online
        and camera.latest_ms < due_ms
        and newest_ms - camera.latest_ms <= rules.silence_ms
    )


def _told(state: ZoneState, blind: int, rules: ZoneRules) -> Told:
    """What is known: the last closed minute's estimate moved on by the open minute so far, and the day's figures."""
    last, seen = state.minutes.get(state.closed_ms - MINUTE_MS), state.minutes.get(state.closed_ms, Minute())
    visible = last.visible if seen.visible is None and last is not None else seen.visible
    opened = Minute(ins=seen.ins, outs=seen.outs, visible=seen.visible, blind_cameras=blind)
    after = estimate_after(state.base if last is None else last.after, opened, state.closed_ms, rules)
    ins, outs, peak, peak_ms = _day_so_far(state)
    return (
        round(after.mean, 2),
        round(after.low, 2),
        round(after.high, 2),
        visible,
        coverage(opened, rules),
        ins,
        outs,
        None if peak is None else round(peak, 2),
        peak_ms,
        unique_visitors(state.today) if rules.recognises else None,
    )


def _day_so_far(state: ZoneState) -> tuple[int, int, float | None, int | None]:
    """Crossings in and out on the local day, and its highest estimate at the end of a closed minute with that minute.

    The folded minutes are older than those retained, so that of equal peaks the first stands.
    """
    today = state.today
    ins, outs, peak, peak_ms = today.ins, today.outs, today.peak, today.peak_ms
    for minute_ms, minute in sorted(state.minutes.items()):
        if today.day_ms <= minute_ms <= state.closed_ms:
            ins, outs = ins + minute.ins, outs + minute.outs
            if minute_ms < state.closed_ms and (peak is None or minute.after.mean > peak):
                peak, peak_ms = minute.after.mean, minute_ms
    return ins, outs, peak, peak_ms


def _now(told: Told, as_of_ms: int, watermark_ms: int, rules: ZoneRules) -> OccupancyNow:
    occupancy, low, high, visible, covered, ins, outs, peak, peak_ms, visitors = told
    estate_id, capacity = rules.site.estate.id, rules.site.zone[rules.zone_id].capacity
    return OccupancyNow(
        schema_version=SCHEMA_VERSION,
        now_id=derived_id("occupancy_now", estate_id, rules.zone_id, as_of_ms),
        estate_id=estate_id,
        zone_id=rules.zone_id,
        as_of_ms=as_of_ms,
        occupancy=occupancy,
        low=low,
        high=high,
        visible=visible,
        coverage=covered,
        ins_today=ins,
        outs_today=outs,
        peak_today=peak,
        peak_minute_ms=peak_ms,
        turnover_today=round(ins / capacity, 4) if capacity else None,
        unique_visitors_today=visitors,
        watermark_ms=watermark_ms,
    )
