"""One camera's way from frames to sent envelopes: motion gate → (the detector of all) → tracker → teller → sink."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import numpy as np

from infra.events import Envelope, TimeMs, encoder
from infra.site import Camera, Site
from infra.topics import DETECTIONS
from producers.sink import Sink
from producers.video.detect import PERSON, Floats
from producers.video.geometry import Seen
from producers.video.motion import Gate, cells, pass_gate
from producers.video.picture import Judged, is_due, judge, reduced
from producers.video.preview import Preview, Scene
from producers.video.rate import ALWAYS, FOUND_MS, SEARCH_MS, Pace, pace
from producers.video.recognise import FacesTold, Visitors
from producers.video.source import Fault, Frame
from producers.video.tell import Teller, drawn
from producers.video.track import NEW

FLUSH_MS: Final = 10_000
"""Event time after which the sink is asked whether all has arrived: a live camera never ends, its losses would hide."""

Follow = Callable[[Floats, Frame], list[Seen]]
"""The tracks in one frame, in its own pixels, from what the detector found in it."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of one camera. `looks` of the `frames` went to the detector; `dropped` came from a live camera too fast.

    `crossings` is {line: [in direction +1, in direction -1]}; `failed` says why the source could not be read, `faces`
    what became of the faces, where the site file asks for them.
    """

    boot_id: str
    frames: int
    looks: int
    dropped: int
    decode_errors: int
    offline: int
    messages: int
    crossings: dict[str, tuple[int, int]]
    first_event_ms: TimeMs | None
    last_event_ms: TimeMs | None
    failed: str | None = None
    faces: FacesTold | None = None


class Watch:
    """One camera, from frames to sent envelopes; the totals are counted on the way."""

    def __init__(
        self,
        site: Site,
        camera: Camera,
        *,
        boot_id: str,
        start_ms: int,
        follow: Follow,
        busy_fps: float,
        sink: Sink,
        preview: Preview | None = None,
        visitors: Visitors | None = None,
        clock_offset_ms: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._view, self._teller = drawn(camera), Teller(site, camera, boot_id, clock_offset_ms)
        self._boot_id, self._start_ms, self._follow, self._sink = boot_id, start_ms, follow, sink
        self._least_ms, self._visitors = 1000 / busy_fps, visitors
        self._lines = list(self._view.lines.values())
        self._gate, self._judged = Gate(), Judged()
        self._frames = self._looks = self._dropped = self._errors = self._offline = self._messages = 0
        self._first_ms: int | None = None
        self._last_ms: int | None = None
        self._failed: str | None = None
        self._newcomer = False
        self._flushed_ms = 0
        self._preview, self._found = preview, np.empty((0, 6))

    def take(self, item: Frame | Fault) -> Frame | None:
        """Work on one item of the source. A frame that the detector should look at is given back: `look` ends it."""
        if isinstance(item, Fault):
            self._miss(item)
            return None
        self._frames += 1
        self._dropped += item.dropped
        self._first_ms = item.event_ms if self._first_ms is None else self._first_ms
        self._last_ms = item.event_ms
        if self._glance(item):
            return item
        self._tell(item, None)
        return None

    def look(self, frame: Frame, found: Floats) -> None:
        """End the frame that `take` gave back, with what the detector found in it."""
        self._looks += 1
        self._found = found
        tracks = self._follow(found, frame)
        self._newcomer = int((found[:, 4] >= NEW).sum()) > len(tracks)
        self._tell(frame, self._in_view(frame, tracks))

    def fail(self, reason: str) -> None:
        """The source has ended before its time, and is not tried again: the camera is told to be offline."""
        self._failed = reason
        self._miss(Fault(self._start_ms if self._last_ms is None else self._last_ms, reason, offline=True))

    def finish(self) -> Watched:
        """Tell what is left, wait until all has arrived, and give the totals."""
        if self._visitors is not None and self._last_ms is not None:
            self._know_again(self._visitors, self._last_ms, at_end=True)
        self._send(self._teller.finish())
        self._sink.flush()
        if self._preview is not None:
            self._preview.close()
        return Watched(
            boot_id=self._boot_id,
            frames=self._frames,
            looks=self._looks,
            dropped=self._dropped,
            decode_errors=self._errors,
            offline=self._offline,
            messages=self._messages,
            crossings={line: (counts[1], counts[-1]) for line, counts in self._teller.crossings.items()},
            first_event_ms=self._first_ms,
            last_event_ms=self._last_ms,
            failed=self._failed,
            faces=None if self._visitors is None else self._visitors.told,
        )

    def _miss(self, fault: Fault) -> None:
        self._errors += fault.lost
        self._offline += fault.offline
        teller = self._teller
        self._send(teller.offline(fault.event_ms) if fault.offline else teller.lost(fault.event_ms, fault.lost))

    def _glance(self, frame: Frame) -> bool:
        """See what the picture says of the camera; whether the detector should look."""
        if is_due(self._judged, frame.event_ms):
            self._judged = judge(self._judged, reduced(frame.image), frame.event_ms)
        due = ALWAYS if self._preview else self._pace()
        self._gate, looks = pass_gate(self._gate, cells(frame.image), frame.event_ms, self._least_ms, due)
        return looks

    def _pace(self) -> Pace:
        within_ms = FOUND_MS if self._newcomer else SEARCH_MS
        if self._teller.halfway:
            within_ms = 0.0
        return pace(self._teller.recent(), self._lines, self._view.size_px, within_ms)

    def _in_view(self, frame: Frame, tracks: Iterable[Seen]) -> list[Seen]:
        """The tracks in pixels of the view: a smaller stream of the same camera will do."""
        x, y = self._scale(frame)
        return [_scaled(seen, x, y) for seen in tracks]

    def _scale(self, frame: Frame) -> tuple[float, float]:
        (view_width, view_height), (height, width) = self._view.size_px, frame.image.shape[:2]
        return view_width / width, view_height / height

    def _tell(self, frame: Frame, seen: list[Seen] | None) -> None:
        """Tell one frame; `seen` is None where the detector did not look."""
        self._send(self._teller.frame(frame.event_ms, seen, self._judged.told, frame.dropped))
        if self._visitors is not None:
            if seen is not None:
                self._visitors.look(frame.event_ms, frame.image, self._teller.tracked)
            self._know_again(self._visitors, frame.event_ms)
        if self._preview is not None:
            self._preview.show(frame.image, self._scene(frame))

    def _scene(self, frame: Frame) -> Scene:
        """What the preview shows: heads are hidden of all found at the last look, and of all that are tracked."""
        tracks = self._teller.tracks(frame.event_ms)
        found = self._found[self._found[:, 5] == PERSON, :4] * (self._scale(frame) * 2)
        known = [seen.box for seen in tracks if seen.object_class == "person"]
        return Scene(
            event_ms=frame.event_ms,
            picture=self._judged.told,
            persons=np.concatenate([found, np.array(known, np.float64).reshape(-1, 4)]),
            tracks=tracks,
            visible=self._teller.visible,
            crossings=self._teller.crossings,
        )

    def _know_again(self, visitors: Visitors, event_ms: int, *, at_end: bool = False) -> None:
        for track, token in visitors.recognised(event_ms, at_end=at_end):
            self._teller.visitor(track, token)

    def _send(self, envelopes: Iterable[Envelope]) -> None:
        for envelope in envelopes:
            self._messages += 1
            self._sink.send(DETECTIONS, envelope.zone_id.encode(), encoder.encode(envelope), envelope.start_ms)
            if envelope.start_ms - self._flushed_ms >= FLUSH_MS:
                self._flushed_ms = envelope.start_ms
                self._sink.flush()


def _scaled(seen: Seen, x: float, y: float) -> Seen:
    left, top, right, bottom = seen.box
    return msgspec.structs.replace(seen, box=(left * x, top * y, right * x, bottom * y))
