"""The tracker: ByteTrack (ultralytics' own) over arrays, persons and vehicles apart.

A rider and the bicycle under him overlap: one tracker for both would swap them. Only confirmed tracks are told.
"""

from types import SimpleNamespace
from typing import Final

import numpy as np

from producers.video.detect import CLASSES, PERSON, Floats
from producers.video.geometry import Seen
from producers.video.source import Frame

KEEP_S: Final = 1.2
"""How long ByteTrack itself keeps a lost track."""
HIGH: Final = 0.25
LOW: Final = 0.1
NEW: Final = 0.4
"""Confidence that begins a track: higher than what continues one, so that few tracks are of nobody."""


class Tracker:
    """Gives the detections of one frame after another ids; `fps` is how many frames a second it is shown at most.

    ByteTrack's Kalman filter takes it that a step is always as long. Here looks come when they are worth it: before
    each the filter is moved on by as many steps of 1/`fps` as have passed, so that a track is looked for where it would
    be by now, and lost ones are kept for the same time at any rate.
    """

    def __init__(self, fps: float) -> None:
        from ultralytics.trackers.byte_tracker import BYTETracker

        rules = SimpleNamespace(
            track_high_thresh=HIGH,
            track_low_thresh=LOW,
            new_track_thresh=NEW,
            track_buffer=max(2, round(KEEP_S * fps)),
            match_thresh=0.8,
            fuse_score=True,
        )
        self._persons, self._vehicles = BYTETracker(rules), BYTETracker(rules)
        self._fps = fps
        self._last_ms: int | None = None

    def follow(self, found: Floats, frame: Frame) -> list[Seen]:
        """The confirmed tracks in this frame, from what `Detector.find` found in it."""
        from ultralytics.engine.results import Boxes

        tracks, skipped = [], self._skipped(frame.event_ms)
        for group, tracker in enumerate((self._persons, self._vehicles)):
            for _ in range(skipped):
                tracker.frame_id += 1
                confirmed = [track for track in tracker.tracked_stracks if track.is_activated]
                tracker.multi_predict([*confirmed, *tracker.lost_stracks])
            mine = found[(found[:, 5] == PERSON) == (group == 0)]
            rows: Floats = np.asarray(tracker.update(Boxes(mine, frame.image.shape[:2])), np.float64).reshape(-1, 8)
            tracks += [_seen(row, group) for row in rows if row[4] >= 0]
        return tracks

    def _skipped(self, event_ms: int) -> int:
        """How many steps passed without a look since the last one."""
        since_ms = 0 if self._last_ms is None else event_ms - self._last_ms
        self._last_ms = event_ms
        return max(0, round(min(since_ms / 1000, KEEP_S + 1) * self._fps) - 1)


def _seen(row: Floats, group: int) -> Seen:
    """One row of ByteTrack: left, top, right, bottom, id, confidence, class, index. Ids of the two groups differ."""
    left, top, right, bottom, track, confidence, index, _ = row.tolist()
    box = (left, top, right, bottom)
    return Seen(2 * int(track) + group, box, CLASSES[int(index)], confidence)
