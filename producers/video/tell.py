"""From what one camera sees, frame by frame, to its envelopes: one a second for each zone that has something to tell.

A slice is a whole second of event time. A zone is told of when it has detections or crossings, when its visible count
has changed, in the first slice of each minute, and at a change of the camera's state; the last two carry its health, so
that every zone knows at once when the camera is blind. While it is told offline, or its picture is not ok, nobody is
counted as visible (null).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from infra.clock import MINUTE_MS
from infra.errors import UserError
from infra.events import (
    MAX_SLICE_MS,
    SCHEMA_VERSION,
    Crossings,
    Detections,
    Direction,
    Envelope,
    Health,
    ObjectClass,
    Picture,
    Visitors,
)
from infra.site import Camera, Site, View
from producers.video.geometry import (
    Floats,
    Joined,
    Last,
    Seen,
    Standing,
    follow,
    ground_points,
    inside,
    join,
    margin_px,
)
from producers.video.place import Places
from producers.video.presence import Presence, gave_frame, was_lost

SLICE_MS: Final = MAX_SLICE_MS
HOLD_MS: Final = 1_000
"""A person who vanishes in the middle of the picture (behind another, mostly) is counted as visible for so long."""
BORDER: Final = 0.0025
"""Share of the picture's width: who vanishes with a box that touches its edge, so nearly, has left."""


def visible(joined: Joined, event_ms: int, size: tuple[int, int]) -> list[Seen]:
    """The persons in view at `event_ms`: those seen now, and those that vanished a moment ago within the picture."""
    return [
        last.seen
        for last in joined.last.values()
        if last.seen.object_class == "person" and (last.event_ms == event_ms or _held(last, event_ms, size))
    ]


def _held(last: Last, event_ms: int, size: tuple[int, int]) -> bool:
    if event_ms - last.event_ms > HOLD_MS:
        return False
    width, height = size
    left, top, right, _ = last.seen.box
    edge = BORDER * width
    x, y = (
        place + speed * (event_ms - last.event_ms) for place, speed in zip(last.seen.point, last.speed, strict=True)
    )
    return left > edge and right < width - edge and top > -edge and 0 < x < width and 0 < y <= height + edge


def drawn(camera: Camera) -> View:
    """The camera's view. Raises UserError if the site file draws none."""
    if camera.view is None:
        raise UserError(
            f"camera {camera.id}: the site file does not say where its zones and lines lie in its picture",
            "add `view:` to the camera (docs/camera.md shows how)",
        )
    return camera.view


class _Told:
    """What is kept for one zone: its next sequence number, the visible count last told, and this slice's rows."""

    def __init__(self) -> None:
        self.seq = 0
        self.visible: int | None = None
        self.seen: dict[int, tuple[int, Seen]] = {}
        self.crossed: list[tuple[str, int, str, Direction, int, ObjectClass]] = []
        self.visitors: list[tuple[int, str]] = []


class Teller:
    """Makes the envelopes of one camera; give it all frames in order of event time.

    Every method returns the envelopes that are complete by then. Boxes are in pixels of the camera's view.
    """

    def __init__(
        self, site: Site, camera: Camera, boot_id: str, clock_offset_ms: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.crossings: dict[str, Counter[Direction]] = {line: Counter() for line in camera.lines}
        self.tracked: list[Seen] = []
        """The tracks at the detector's last look, under their lasting ids."""
        self._site, self._camera, self._boot_id, self._view = site, camera, boot_id, drawn(camera)
        self._zones = {zone: _Told() for zone in site.camera_zones[camera.id]}
        self._places = Places(site, self._view)
        self._joined = Joined()
        self._standing: dict[tuple[int, str], Standing] = {}
        self.halfway = False
        """Whether somebody was beyond a line for the first time at that look: the next one decides."""
        self._votes: dict[int, Counter[ObjectClass]] = defaultdict(Counter)
        self._visible: dict[str, int] = {}
        self._second: int | None = None
        self._minute: int | None = None
        self._presence, self._clock_offset_ms = Presence(), clock_offset_ms
        self._decode_errors, self._dropped = 0, 0
        self._picture: Picture = "ok"
        self._frames, self._since_ms = 0, 0

    def frame(
        self, event_ms: int, seen: Iterable[Seen] | None, picture: Picture = "ok", dropped: int = 0
    ) -> list[Envelope]:
        """One frame, and how many before it were dropped: told with the next health.

        `seen` is None where the detector did not look, since nothing moved: what was in view still is.
        """
        told = self._advance(event_ms)
        self._dropped += dropped
        was_online, self._presence = self._presence.online, gave_frame(self._presence, event_ms)
        if self._presence.online and (not was_online or picture != self._picture):
            self._minute = None
        self._picture = picture
        self._frames += 1
        if seen is not None:
            self._look(event_ms, list(seen))
        return told

    def recent(self) -> Iterable[Last]:
        """The tracks in view, or lost a moment ago, as last seen."""
        return self._joined.last.values()

    def lost(self, event_ms: int, frames: int) -> list[Envelope]:
        """Frames that could not be decoded: told with the next health."""
        told = self._advance(event_ms)
        self._decode_errors += frames
        return told

    def offline(self, event_ms: int) -> list[Envelope]:
        """The camera does not answer: told once. Then it is silent, so that what depends on it becomes unknown.

        Until it is told online again only what it detects is told, nothing that would speak for the whole zone.
        """
        was_online, self._presence = self._presence.online, was_lost(self._presence, event_ms)
        if not was_online and self._second is None:
            return []
        told = self._advance(event_ms)
        self._minute = None if was_online else self._minute
        self._joined = Joined(next_name=self._joined.next_name)
        self._visible, self._standing = {}, {}
        told += self._close()
        self._second = None
        return told

    @property
    def visible(self) -> Mapping[str, int]:
        """Persons visible in each drawn zone."""
        return self._visible

    def tracks(self, event_ms: int) -> list[Seen]:
        """All that is in view, and what was until a moment ago, where it would be by now."""
        return [last.at(event_ms) for last in self._joined.last.values() if event_ms - last.event_ms <= HOLD_MS]

    def visitor(self, track: int, token: str) -> None:
        """Somebody was known again: told in the slice that is open now, by the camera's home zone."""
        next(iter(self._zones.values())).visitors.append((track, token))

    def finish(self) -> list[Envelope]:
        """What is left to tell at the end."""
        if self._decode_errors or self._dropped:
            self._minute = None
        return [] if self._second is None else self._close()

    def _advance(self, event_ms: int) -> list[Envelope]:
        """Close the slice that is over, if one is."""
        second = event_ms // SLICE_MS
        told = self._close() if self._second is not None and second != self._second else []
        if self._second is None:
            self._since_ms = event_ms
        self._second = second
        return told

    def _look(self, event_ms: int, seen: list[Seen]) -> None:
        self._joined, seen = join(self._joined, seen, event_ms)
        self.tracked, self.halfway = seen, False
        for one in seen:
            self._votes[one.track][one.object_class] += 1
            self._cross(one, event_ms)
        self._forget()
        points = _stand(seen)
        here = _stand(visible(self._joined, event_ms, self._view.size_px))
        for zone, polygon in self._view.zones.items():
            self._visible[zone] = int(inside(polygon, here).sum())
            for index in np.flatnonzero(inside(polygon, points)).tolist():
                self._zones[zone].seen[seen[index].track] = event_ms, seen[index]

    def _cross(self, one: Seen, event_ms: int) -> None:
        for line, points in self._view.lines.items():
            before = self._standing.get((one.track, line))
            self._standing[one.track, line], passed = follow(points, before, one.point, margin_px(one.height))
            self.halfway |= self._standing[one.track, line].beyond > 0
            if passed == 0:
                continue
            number = self.crossings[line].total()
            self.crossings[line][passed] += 1
            row = (f"{self._boot_id}.{line}.{number}", event_ms, line, passed, one.track, self._class_of(one.track))
            for zone in self._site.effects[line]:
                self._zones[zone].crossed.append(row)

    def _class_of(self, track: int) -> ObjectClass:
        """What the track was taken for most often."""
        return self._votes[track].most_common(1)[0][0]

    def _forget(self) -> None:
        """Drop what is kept of tracks that are gone."""
        alive = self._joined.last
        if len(self._votes) > 2 * len(alive) + 16:
            self._votes = defaultdict(Counter, {track: votes for track, votes in self._votes.items() if track in alive})
            self._standing = {key: standing for key, standing in self._standing.items() if key[0] in alive}

    def _close(self) -> list[Envelope]:
        """The envelopes of the slice."""
        assert self._second is not None
        start_ms = self._second * SLICE_MS
        minute = start_ms // MINUTE_MS
        online = self._presence.online
        due = self._minute is None or (online and minute != self._minute)
        health = self._health(start_ms + SLICE_MS) if due else None
        self._minute = minute
        told = []
        for zone, kept in self._zones.items():
            count = self._visible.get(zone) if online and self._picture == "ok" else None
            if due or kept.seen or kept.crossed or kept.visitors or count != kept.visible:
                told.append(self._envelope(zone, kept, start_ms, count, health))
            kept.seen, kept.crossed, kept.visitors, kept.visible = {}, [], [], count
        return told

    def _health(self, now_ms: int) -> Health:
        fps = self._frames * 1000 / max(1, now_ms - self._since_ms)
        health = Health(
            online=self._presence.online,
            fps=round(fps, 2) if self._presence.online else 0.0,
            decode_errors=self._decode_errors,
            picture=self._picture,
            clock_offset_ms=round(self._clock_offset_ms(), 1),
            dropped=self._dropped,
        )
        self._frames, self._decode_errors, self._dropped, self._since_ms = 0, 0, 0, now_ms
        return health

    def _envelope(self, zone: str, kept: _Told, start_ms: int, count: int | None, health: Health | None) -> Envelope:
        kept.seq += 1
        return Envelope(
            schema_version=SCHEMA_VERSION,
            estate_id=self._site.estate.id,
            zone_id=zone,
            camera_id=self._camera.id,
            boot_id=self._boot_id,
            seq=kept.seq - 1,
            start_ms=start_ms,
            end_ms=start_ms + SLICE_MS - 1,
            visible=count,
            detections=self._detections(zone, kept) if kept.seen else None,
            crossings=_crossings(kept) if kept.crossed else None,
            health=health,
            visitors=_visitors(kept, start_ms) if kept.visitors else None,
        )

    def _detections(self, zone: str, kept: _Told) -> Detections:
        """Each track once, as and where it was last seen in the slice."""
        rows = list(kept.seen.items())
        x_m, y_m = self._places.of(zone, _stand([seen for _, (_, seen) in rows])).T.tolist()
        return Detections(
            event_ms=[event_ms for _, (event_ms, _) in rows],
            track_id=[track for track, _ in rows],
            object_class=[self._class_of(track) for track, _ in rows],
            x_m=x_m,
            y_m=y_m,
            confidence=[round(seen.confidence, 3) for _, (_, seen) in rows],
        )


def _stand(seen: list[Seen]) -> Floats:
    """Where each of them stands, n x 2."""
    return ground_points(np.array([one.box for one in seen], np.float64).reshape(-1, 4))


def _visitors(kept: _Told, event_ms: int) -> Visitors:
    tracks, tokens = (list(column) for column in zip(*kept.visitors, strict=True))
    return Visitors(event_ms=[event_ms] * len(tracks), track_id=tracks, token=tokens)


def _crossings(kept: _Told) -> Crossings:
    ids, event_ms, lines, directions, tracks, classes = (list(column) for column in zip(*kept.crossed, strict=True))
    return Crossings(
        crossing_id=ids, event_ms=event_ms, line_id=lines, direction=directions, track_id=tracks, object_class=classes
    )
