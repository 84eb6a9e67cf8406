"""`anfang produce video`: source → motion gate → detector → tracker → zones and lines → envelopes → sink."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from infra.clock import Clock, SystemClock
from infra.errors import UserError
from infra.events import Envelope, Picture, TimeMs, derived_id, encoder
from infra.site import Camera, Site
from infra.topics import DETECTIONS
from producers.feed import Progress, no_progress
from producers.sink import Sink
from producers.video.detect import Detector
from producers.video.geometry import Seen
from producers.video.motion import Gate, Still, cells, judge_picture, pass_gate
from producers.video.source import Fault, Frame, Image, is_live, live, recording
from producers.video.tell import Teller, drawn
from producers.video.track import Tracker

SAME_SHAPE: Final = 0.02
FLUSH_MS: Final = 10_000
"""Event time after which the sink is asked whether all has arrived: a live camera never ends, its losses would hide."""


@dataclass(frozen=True)
class Plan:
    """What to watch, with which weights, and when it was; `start` is ISO 8601, None for now."""

    source: str
    camera_id: str
    weights: Path | None
    start: str | None = None
    folder_fps: float = 25.0
    busy_fps: float = 25.0


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of one run. `looks` of the `frames` went to the detector; `dropped` came from a live camera too fast.

    `crossings` is {line: [in direction +1, in direction -1]}.
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


Find = Callable[[Image], list[Seen]]
"""The tracks in one picture, in its own pixels."""


class Watch:
    """One camera, from frames to sent envelopes; the totals are counted on the way."""

    def __init__(self, site: Site, camera: Camera, *, boot_id: str, find: Find, busy_fps: float, sink: Sink) -> None:
        self._view, self._teller = drawn(camera), Teller(site, camera, boot_id)
        self._camera, self._boot_id, self._find, self._sink = camera, boot_id, find, sink
        self._least_ms = 1000 / busy_fps
        self._gate, self._still = Gate(), Still()
        self._frames = self._looks = self._dropped = self._errors = self._offline = self._messages = 0
        self._first_ms: int | None = None
        self._last_ms: int | None = None
        self._flushed_ms = 0

    def take(self, item: Frame | Fault) -> None:
        """Work on one item of the source."""
        if isinstance(item, Fault):
            self._errors += item.lost
            self._offline += item.offline
            teller = self._teller
            self._send(teller.offline(item.event_ms) if item.offline else teller.lost(item.event_ms, item.lost))
            return
        self._frames += 1
        self._dropped += item.dropped
        self._first_ms = item.event_ms if self._first_ms is None else self._first_ms
        self._last_ms = item.event_ms
        picture, looks = self._glance(item)
        seen = self._seen(item.image) if looks else None
        self._send(self._teller.frame(item.event_ms, seen, picture))

    def finish(self) -> Watched:
        """Tell what is left, wait until all has arrived, and give the totals."""
        self._send(self._teller.finish())
        self._sink.flush()
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
        )

    def _glance(self, frame: Frame) -> tuple[Picture, bool]:
        """What the picture says of the camera, and whether the detector should look."""
        small = cells(frame.image)
        self._still, picture = judge_picture(self._still, small, frame.event_ms)
        self._gate, looks = pass_gate(self._gate, small, frame.event_ms, self._least_ms)
        self._looks += looks
        return picture, looks

    def _seen(self, image: Image) -> list[Seen]:
        """The tracks in the picture, in pixels of the view: a smaller stream of the same camera will do."""
        (view_width, view_height), (height, width) = self._view.size_px, image.shape[:2]
        x, y = view_width / width, view_height / height
        if abs(x / y - 1) > SAME_SHAPE:
            raise UserError(
                f"the stream is {width} x {height}, the view of {self._camera.id} {view_width} x {view_height} pixels",
                "draw the view on a picture of this stream, or give a stream of that shape",
            )
        return [_scaled(seen, x, y) for seen in self._find(image)]

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


def run(
    site: Site,
    plan: Plan,
    sink: Sink,
    progress: Progress = no_progress,
    *,
    warn: Callable[[str], None] = lambda _: None,
    clock: Clock | None = None,
) -> Watched:
    """Watch to the end of the recording; a live camera until Ctrl-C. `warn` is told what could not be had, and why."""
    clock = clock or SystemClock()
    camera = _camera(site, plan.camera_id)
    drawn(camera)
    start_ms = _start_ms(plan.start, site) if plan.start else clock.now_ms()
    find = _finder(plan)
    boot_id = _boot_id(plan, camera, start_ms)
    watch = Watch(site, camera, boot_id=boot_id, find=find, busy_fps=plan.busy_fps, sink=sink)
    try:
        for item in warned(_items(plan, start_ms, clock), warn):
            watch.take(item)
            if isinstance(item, Frame):
                progress(item.done)
    except KeyboardInterrupt:
        if not is_live(plan.source):
            raise
    progress(1.0)
    return watch.finish()


def warned(items: Iterator[Frame | Fault], warn: Callable[[str], None]) -> Iterator[Frame | Fault]:
    """The items, each fault told; one that goes on is told once."""
    told = ""
    for item in items:
        reason = ""
        if isinstance(item, Fault):
            reason = f"{item.reason}; trying again" if item.offline else item.reason
        if reason not in ("", told):
            warn(reason)
        told = reason
        yield item


def _items(plan: Plan, start_ms: int, clock: Clock) -> Iterator[Frame | Fault]:
    if is_live(plan.source):
        return live(plan.source, clock)
    return recording(plan.source, start_ms, plan.folder_fps)


def _finder(plan: Plan) -> Find:
    if plan.weights is None:
        raise UserError("no detector weights", "give --weights PATH or set ANFANG_WEIGHTS")
    detector, tracker = Detector(plan.weights), Tracker(plan.busy_fps)
    return lambda image: tracker.follow(detector.find(image), image)


def _camera(site: Site, camera_id: str) -> Camera:
    if camera_id not in site.camera:
        known = ", ".join([*list(site.camera)[:10], *(["…"] if len(site.camera) > 10 else [])])
        raise UserError(f"--camera {camera_id}: not in the site file", f"give one of {known}")
    return site.camera[camera_id]


def _start_ms(text: str, site: Site) -> int:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--start {text}: not a time", "give e.g. 2024-05-27T08:00:00 (local) or …+08:00") from None
    return int((start if start.tzinfo else start.replace(tzinfo=site.tz)).timestamp() * 1000)


def _boot_id(plan: Plan, camera: Camera, start_ms: int) -> str:
    """The same for the same recording, weights, view and options: sending it again repeats ids and adds nothing."""
    options = (camera.model_dump_json(), start_ms, str(plan.folder_fps), str(plan.busy_fps))
    return derived_id(*_identity(plan.source), *_identity(str(plan.weights)), *options)[:16]


def _identity(source: str) -> tuple[str, str]:
    """What tells one file or folder from another: its name, and a digest of its content or of its files' names."""
    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            return path.name, hashlib.file_digest(file, "sha256").hexdigest()
    return path.name, " ".join(sorted(file.name for file in path.iterdir())) if path.is_dir() else source
