"""The occupancy state of one zone: de-duplication, watermark, minutes, corrections. Pure; knows no Kafka.

Event time decides. The watermark is the minimum over the zone's live cameras of the latest event time each has told;
a camera that is more than the silence timeout behind the newest, or says that it is offline, is not live. A camera that
says so, or that its picture shows nothing (`Health`), is blind at once until it says otherwise: what it counts as
visible is not believed, and its minutes are `partial` or `unknown`. A minute is published when the watermark
passes its end, and again, with a higher revision, when a late event inside the grace period changes it. Events later
than that are counted and left to the nightly. Headcounts are kept by the minute they are of, so that it is all the same
whether one comes before or after the envelopes of its time.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from infra.clock import MINUTE_MS
from infra.events import SCHEMA_VERSION, Coverage, Crossings, Envelope, Headcount, Health, OccupancyMinute, derived_id
from streams.estimate import Counted, Estimate, MinuteEvidence, step
from streams.seen import Sequence, first_time
from streams.today import Past, Today, fold, note_visitors
from streams.zone_rules import ZoneRules

MAX_UNKNOWN_MINUTES: Final = 60


class CameraState(Struct):
    """What one camera has told this zone: its latest event time, which envelopes were applied, and its last health.

    `blind_from_ms` is the begin of its last blindness and `blind_to_ms` the end of it; `blind` while it lasts. From
    `silent_from_ms` to `silent_to_ms` it told nothing for longer than the silence timeout, the last time that it did.
    """

    latest_ms: int = 0
    sequences: list[Sequence] = []
    health_ms: int = -1
    online: bool = True
    blind: bool = False
    blind_from_ms: int = -1
    blind_to_ms: int = -1
    silent_from_ms: int = -1
    silent_to_ms: int = -1


class Minute(Struct):
    """One minute of a zone: crossings, last in-zone count, the estimate after it, and how often it was published.

    How many cameras were blind in it is judged when it is closed; where it is passed over, in a long gap, all were.
    """

    ins: int = 0
    outs: int = 0
    visible: int | None = None
    visible_ms: int = -1
    blind_cameras: int = 0
    after: Estimate = Estimate()
    revision: int = 0
    changed: bool = True


class ZoneState(Struct):
    """One zone. Minutes before `closed_ms` were published; `base` is the estimate after the minute `base_ms`, the last
    one not retained. `headcounts` are by minute, then by headcount id.
    """

    cameras: dict[str, CameraState] = {}
    minutes: dict[int, Minute] = {}
    headcounts: dict[int, dict[str, Counted]] = {}
    base: Estimate = Estimate()
    base_ms: int = -1
    closed_ms: int = -1
    watermark_ms: int = -1
    duplicates: int = 0
    too_late: int = 0
    today: Today = msgspec.field(default_factory=Today)

    @property
    def missing(self) -> int:
        """Envelopes whose numbers its cameras skipped."""
        return sum(sequence.missing for camera in self.cameras.values() for sequence in camera.sequences)


def apply(state: ZoneState, envelope: Envelope, rules: ZoneRules) -> list[OccupancyMinute]:
    """Take one valid envelope of this zone into the state, in place; returns the rows that are new or corrected.

    What is published depends on the order of the envelopes only, not on how they were batched. A repeat changes
    nothing but its count.
    """
    camera = state.cameras.get(envelope.camera_id)
    if camera is None:
        camera = state.cameras[envelope.camera_id] = CameraState()
    if not first_time(camera.sequences, envelope):
        state.duplicates += 1
        return []
    was_closed, end_ms = state.closed_ms, envelope.end_ms
    if end_ms > camera.latest_ms:
        if envelope.start_ms - camera.latest_ms > MINUTE_MS:
            _note_silence(camera, envelope.start_ms, rules)
        camera.latest_ms = end_ms
    if envelope.visitors is not None:
        note_visitors(state.today, envelope.visitors, rules.site.tz)
    if envelope.crossings is not None:
        _count_crossings(state, envelope.crossings, rules)
    if envelope.health is not None:
        _hear_health(camera, envelope.health, envelope.start_ms)
    if envelope.visible is not None and not _blind_at(camera, end_ms):
        minute = _minute(state, end_ms, rules)
        if minute is not None and end_ms >= minute.visible_ms:
            minute.visible, minute.visible_ms, minute.changed = envelope.visible, end_ms, True
    corrects = envelope.start_ms < was_closed and (envelope.crossings or envelope.visible is not None)
    if corrects or camera.latest_ms - state.closed_ms >= MINUTE_MS:
        return _publish(state, rules)
    return []


def apply_headcount(state: ZoneState, headcount: Headcount, rules: ZoneRules) -> list[OccupancyMinute]:
    """Take one valid headcount of this zone into the state, in place; returns the rows that it corrects.

    A minute that is never published, because nothing was known around it, takes no headcount.
    """
    minute_ms = headcount.event_ms - headcount.event_ms % MINUTE_MS
    if minute_ms < state.closed_ms - rules.grace_ms:
        state.too_late += 1
        return []
    counted = Counted(headcount.persons, headcount.error_persons)
    if state.headcounts.get(minute_ms, {}).get(headcount.headcount_id) == counted:
        state.duplicates += 1
        return []
    _withdraw(state, headcount.headcount_id)
    state.headcounts.setdefault(minute_ms, {})[headcount.headcount_id] = counted
    if minute_ms in state.minutes:
        state.minutes[minute_ms].changed = True
    return list(_changed_rows(state, rules))


def _withdraw(state: ZoneState, headcount_id: str) -> None:
    """Forget what was told under this id before, of whichever minute within the grace: a later message stands in."""
    for minute_ms, of_minute in state.headcounts.items():
        if of_minute.pop(headcount_id, None) is not None and minute_ms in state.minutes:
            state.minutes[minute_ms].changed = True


def _hear_health(camera: CameraState, health: Health, at_ms: int) -> None:
    """Note whether the camera sees; what was told late of an earlier time changes nothing."""
    if at_ms < camera.health_ms:
        return
    camera.health_ms, camera.online = at_ms, health.online
    sees = health.online and health.picture == "ok"
    if sees and camera.blind:
        camera.blind, camera.blind_to_ms = False, at_ms
    elif not sees and not camera.blind:
        camera.blind, camera.blind_from_ms = True, at_ms


def _note_silence(camera: CameraState, spoke_ms: int, rules: ZoneRules) -> None:
    """Note that the camera spoke again, if it has been silent: nobody knows whether it saw anything meanwhile."""
    if 0 < camera.latest_ms < spoke_ms - rules.silence_ms:
        camera.silent_from_ms, camera.silent_to_ms = camera.latest_ms, spoke_ms


def _count_crossings(state: ZoneState, crossings: Crossings, rules: ZoneRules) -> None:
    effects = rules.site.effects
    columns = zip(crossings.event_ms, crossings.line_id, crossings.direction, crossings.object_class, strict=True)
    for event_ms, line_id, direction, object_class in columns:
        change = direction * effects[line_id].get(rules.zone_id, 0)
        if change == 0 or object_class != "person":
            continue
        minute = _minute(state, event_ms, rules)
        if minute is None:
            state.too_late += 1
            continue
        minute.ins += change > 0
        minute.outs += change < 0
        minute.changed = True


def _minute(state: ZoneState, event_ms: int, rules: ZoneRules) -> Minute | None:
    """The minute that `event_ms` belongs to; None when it is past the grace period, or was under a shorter one."""
    start_ms = event_ms - event_ms % MINUTE_MS
    if start_ms < state.closed_ms - rules.grace_ms or start_ms <= state.base_ms:
        return None
    minute = state.minutes.get(start_ms)
    if minute is None:
        minute = state.minutes[start_ms] = Minute(blind_cameras=rules.expected_cameras)
    return minute


def _publish(state: ZoneState, rules: ZoneRules) -> list[OccupancyMinute]:
    """Close the minutes that the watermark has passed; returns the rows that are new or corrected, oldest first."""
    live = live_cameras(state, rules)
    state.watermark_ms = max(state.watermark_ms, watermark(live))
    _close_minutes(state, live, rules.expected_cameras)
    rows = list(_changed_rows(state, rules))
    _forget(state, rules)
    return rows


def live_cameras(state: ZoneState, rules: ZoneRules) -> list[CameraState]:
    """The cameras that spoke within the silence timeout of the newest word; at least the one that spoke it."""
    newest = max((camera.latest_ms for camera in state.cameras.values()), default=0)
    return [camera for camera in state.cameras.values() if newest - camera.latest_ms <= rules.silence_ms]


def watermark(live: list[CameraState]) -> int:
    """How far all have told; one that said it is offline is not waited for, unless none else is there."""
    return min((camera.latest_ms for camera in live if camera.online), default=max(one.latest_ms for one in live))


def _close_minutes(state: ZoneState, live: list[CameraState], expected: int) -> None:
    """Close every minute up to the watermark; quiet ones are made, so that they are published too.

    A gap of more than `MAX_UNKNOWN_MINUTES` without any news is not filled: absence says unknown.
    """
    end_ms = state.watermark_ms - state.watermark_ms % MINUTE_MS
    start_ms = state.closed_ms if state.closed_ms >= 0 else min(state.minutes, default=end_ms)
    if end_ms - start_ms > MAX_UNKNOWN_MINUTES * MINUTE_MS:
        start_ms = end_ms - MINUTE_MS
    for minute_ms in range(start_ms, end_ms, MINUTE_MS):
        state.minutes.setdefault(minute_ms, Minute()).blind_cameras = blind_cameras(live, minute_ms, expected)
    state.closed_ms = max(state.closed_ms, end_ms)


def blind_cameras(live: list[CameraState], minute_ms: int, expected: int) -> int:
    """How many of the zone's cameras did not see the whole minute: blind or silent in it, or not live at all."""
    return expected - sum(not _blind_in(camera, minute_ms) for camera in live)


def _blind_at(camera: CameraState, at_ms: int) -> bool:
    """Whether the camera was blind at that time, as far as its last blindness tells."""
    return 0 <= camera.blind_from_ms <= at_ms and (camera.blind or at_ms < camera.blind_to_ms)


def _blind_in(camera: CameraState, minute_ms: int) -> bool:
    """Whether the camera was blind or silent in any part of the minute, as far as the last time tells."""
    if camera.silent_from_ms < minute_ms + MINUTE_MS and camera.silent_to_ms > minute_ms:
        return True
    begun = 0 <= camera.blind_from_ms < minute_ms + MINUTE_MS
    return begun and (camera.blind or camera.blind_to_ms > minute_ms)


def _changed_rows(state: ZoneState, rules: ZoneRules) -> Iterator[OccupancyMinute]:
    """The closed minutes from the first changed one on, estimated anew: a change is felt in all that follow."""
    before, before_ms, changed = state.base, state.base_ms, False
    for minute_ms in sorted(state.minutes):
        if minute_ms >= state.closed_ms:
            break
        minute = state.minutes[minute_ms]
        changed |= minute.changed
        if changed:
            counted = tuple(one for _, one in sorted(state.headcounts.get(minute_ms, {}).items()))
            skipped = (minute_ms - before_ms) // MINUTE_MS - 1 if before_ms >= 0 else 0
            minute.after = estimate_after(before, minute, minute_ms, rules, counted=counted, skipped_minutes=skipped)
            minute.revision, minute.changed = minute.revision + 1, False
            yield _row(state, minute, minute_ms, rules)
        before, before_ms = minute.after, minute_ms


def estimate_after(
    before: Estimate,
    minute: Minute,
    minute_ms: int,
    rules: ZoneRules,
    *,
    counted: tuple[Counted, ...] = (),
    skipped_minutes: int = 0,
) -> Estimate:
    """The estimate after a minute, closed or still open, from the one before it."""
    evidence = MinuteEvidence(
        ins=minute.ins,
        outs=minute.outs,
        visible=minute.visible,
        known_empty=rules.site.is_known_empty(rules.zone_id, minute_ms),
        ordinary_night=rules.is_ordinary_night(minute_ms),
        counted=counted,
        blind_share=max(0, minute.blind_cameras) / max(1, rules.expected_cameras),
        skipped_minutes=skipped_minutes,
    )
    return step(before, evidence, rules.model)


def _row(state: ZoneState, minute: Minute, minute_ms: int, rules: ZoneRules) -> OccupancyMinute:
    estate_id, estimate = rules.site.estate.id, minute.after
    return OccupancyMinute(
        schema_version=SCHEMA_VERSION,
        row_id=derived_id("occupancy", estate_id, rules.zone_id, minute_ms),
        revision=minute.revision,
        estate_id=estate_id,
        zone_id=rules.zone_id,
        minute_ms=minute_ms,
        ins=minute.ins,
        outs=minute.outs,
        balance=estimate.balance,
        occupancy=round(estimate.mean, 2),
        low=round(estimate.low, 2),
        high=round(estimate.high, 2),
        visible=minute.visible,
        coverage=coverage(minute, rules),
        watermark_ms=state.watermark_ms,
    )


def coverage(minute: Minute, rules: ZoneRules) -> Coverage:
    """Whether all, some or none of the zone's cameras saw the minute."""
    if minute.blind_cameras <= 0:
        return "full"
    return "unknown" if minute.blind_cameras >= rules.expected_cameras else "partial"


def _forget(state: ZoneState, rules: ZoneRules) -> None:
    """Fold minutes that no late event may change any more into `base`."""
    kept_from_ms = state.closed_ms - rules.grace_ms
    for minute_ms in sorted(state.minutes):
        if minute_ms >= kept_from_ms:
            break
        minute = state.minutes.pop(minute_ms)
        state.base, state.base_ms = minute.after, minute_ms
        fold(state.today, Past(minute_ms, minute.ins, minute.outs, minute.after.mean), rules.site.tz)
    for minute_ms in [minute_ms for minute_ms in state.headcounts if minute_ms < kept_from_ms]:
        del state.headcounts[minute_ms]
