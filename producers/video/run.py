"""`anfang produce video`: from what the command was given to a fleet of cameras, watched to the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final
from uuid import uuid4

import msgspec

from infra.clock import Clock, SystemClock, parse_ms
from infra.errors import UserError
from infra.events import derived_id
from infra.local.files import file_sha256
from infra.site import Camera, Site
from producers.feed import Progress, no_progress
from producers.onvif_clock import CameraClock
from producers.sink import Sink
from producers.video.detect import Detector
from producers.video.fleet import Fleet, Member
from producers.video.preview import Preview
from producers.video.recognise import Recogniser, Visitors, load_represent
from producers.video.source import Fault, Frame, is_live, live, recording
from producers.video.tell import drawn
from producers.video.track import Tracker
from producers.video.watch import Watch, Watched

SAY_AGAIN_MS: Final = 10_000
SAME_SHAPE: Final = 0.02


@dataclass(frozen=True)
class Plan:
    """What to watch, each source by the camera of the same place, with which weights, and when it was.

    `start` is the ISO 8601 time of frame 0 of every recording, None for now. `preview` is a file for the film of one
    camera, or a folder for those of several.
    """

    sources: Sequence[str]
    camera_ids: Sequence[str]
    weights: Path | None
    start: str | None = None
    folder_fps: float = 25.0
    busy_fps: float = 25.0
    preview: Path | None = None


class Totals(msgspec.Struct, frozen=True):
    """What became of each camera, by its id."""

    cameras: dict[str, Watched]

    @property
    def failed(self) -> bool:
        """Whether a source could not be read to its end."""
        return any(watched.failed for watched in self.cameras.values())


def run(
    site: Site,
    plan: Plan,
    sink: Sink,
    progress: Progress = no_progress,
    *,
    warn: Callable[[str], None] = lambda _: None,
    clock: Clock | None = None,
) -> Totals:
    """Watch recordings to their ends; live cameras until Ctrl-C. `warn` is told what could not be had, and why.

    Raises UserError for a wrong plan, and when a single recording cannot be read; of several, the others go on.
    """
    clock = clock or SystemClock()
    cameras = _cameras(site, plan)
    start_ms = start_of(plan.start, site) if plan.start else clock.now_ms()
    if plan.weights is None:
        raise UserError("no detector weights", "give --weights PATH or set ANFANG_WEIGHTS")
    detector = Detector(plan.weights)
    with _recogniser(site, plan, cameras, clock) as recogniser:
        members = [
            _member(
                site, plan, source, camera, start_ms=start_ms, sink=sink, clock=clock, recogniser=recogniser, warn=warn
            )
            for source, camera in zip(plan.sources, cameras, strict=True)
        ]
        totals = Fleet(members, detector.find, warn, progress).run()
    progress(1.0)
    return Totals(totals)


@contextmanager
def _recogniser(site: Site, plan: Plan, cameras: Sequence[Camera], clock: Clock) -> Iterator[Recogniser | None]:
    """Who knows visitors again, where a camera asks for it; forgets them at the end."""
    live_ones = {is_live(source) for source, camera in zip(plan.sources, cameras, strict=True) if camera.faces}
    if not live_ones:
        yield None
        return
    if len(live_ones) > 1:
        raise UserError("faces of live cameras and of recordings in one run", "give each a run of its own: days differ")
    recogniser = Recogniser(load_represent(), site.tz, clock if True in live_ones else None)
    try:
        yield recogniser
    finally:
        recogniser.close()


def _member(
    site: Site,
    plan: Plan,
    source: str,
    camera: Camera,
    *,
    start_ms: int,
    sink: Sink,
    clock: Clock,
    recogniser: Recogniser | None,
    warn: Callable[[str], None],
) -> Member:
    its_clock = CameraClock(camera.clock_url, clock, lambda text: warn(f"{camera.id}: {text}"))

    def items(closed: Event) -> Iterator[Frame | Fault]:
        if is_live(source):
            Thread(target=its_clock.follow, args=(closed,), daemon=True).start()
            return fitting(live(source, clock, sleep=closed.wait), camera, goes_on=True)
        return fitting(recording(source, start_ms, plan.folder_fps), camera)

    watch = Watch(
        site,
        camera,
        boot_id=boot_id_of(plan, source, camera, start_ms),
        start_ms=start_ms,
        follow=Tracker(plan.busy_fps).follow,
        busy_fps=plan.busy_fps,
        sink=sink,
        clock_offset_ms=its_clock.offset_ms,
        preview=None if plan.preview is None else Preview(_film(plan, plan.preview, camera), camera, site.tz),
        visitors=_visitors(recogniser, site, camera, wait=not is_live(source)),
    )
    return Member(camera.id, items, watch, is_live(source))


def _visitors(recogniser: Recogniser | None, site: Site, camera: Camera, *, wait: bool) -> Visitors | None:
    if recogniser is None or camera.faces is None:
        return None
    return Visitors(recogniser, camera.faces.purpose, drawn(camera).size_px, site.tz, wait=wait)


def fitting(items: Iterator[Frame | Fault], camera: Camera, *, goes_on: bool = False) -> Iterator[Frame | Fault]:
    """The items. Raises UserError at a frame of another shape than the camera's view, whatever its size.

    A live camera's stream `goes_on`: a recorder shows a picture of its own while the camera starts. That is told as if
    the camera did not answer, now and then.
    """
    told_ms = None
    for item in items:
        problem = _other_shape(item, camera) if isinstance(item, Frame) else ""
        if not problem:
            yield item
        elif not goes_on:
            raise UserError(problem, "draw the view on a picture of this stream, or give a stream of that shape")
        elif told_ms is None or item.event_ms - told_ms >= SAY_AGAIN_MS:
            told_ms = item.event_ms
            yield Fault(told_ms, problem, offline=True)


def _other_shape(frame: Frame, camera: Camera) -> str:
    """What is wrong with the frame's shape; empty where it is the view's."""
    (height, width), (view_width, view_height) = frame.image.shape[:2], drawn(camera).size_px
    if abs((view_width * height) / (view_height * width) - 1) <= SAME_SHAPE:
        return ""
    return f"the stream is {width} x {height}, the view of {camera.id} {view_width} x {view_height} pixels"


def named_sources(site: Site, camera_ids: Sequence[str]) -> list[str]:
    """The stream that the site file names for each camera, for detection if it can. UserError where it names none."""
    cameras = [_camera(site, camera_id) for camera_id in camera_ids]
    urls = {camera.id: camera.detect_url or camera.stream_url for camera in cameras}
    if nameless := [camera_id for camera_id, url in urls.items() if url is None]:
        raise UserError(
            f"camera {nameless[0]}: no source given, and the site file names no stream of it",
            "give a SOURCE, or add `detect_url:` or `stream_url:` to the camera",
        )
    return [url for camera in cameras if (url := urls[camera.id]) is not None]


def _cameras(site: Site, plan: Plan) -> list[Camera]:
    """The cameras of the plan, each with a view. Raises UserError unless there is one of its own for each source."""
    if len(plan.sources) != len(plan.camera_ids):
        raise UserError(
            f"{len(plan.sources)} sources, {len(plan.camera_ids)} cameras",
            "give --camera ID once for each source, in the same order",
        )
    if twice := sorted({camera_id for camera_id in plan.camera_ids if plan.camera_ids.count(camera_id) > 1}):
        raise UserError(f"--camera {twice[0]}: given twice", "give each source a camera of its own")
    cameras = [_camera(site, camera_id) for camera_id in plan.camera_ids]
    for camera in cameras:
        drawn(camera)
    return cameras


def _camera(site: Site, camera_id: str) -> Camera:
    if camera_id not in site.camera:
        known = ", ".join([*list(site.camera)[:10], *(["…"] if len(site.camera) > 10 else [])])
        raise UserError(f"--camera {camera_id}: not in the site file", f"give one of {known}")
    return site.camera[camera_id]


def _film(plan: Plan, preview: Path, camera: Camera) -> Path:
    """Where the camera's preview goes. Raises UserError where it would be in the way of another or of a source."""
    path = preview if preview.suffix == ".mp4" else preview / f"{camera.id}.mp4"
    if path == preview and len(plan.sources) > 1:
        raise UserError(f"--preview {preview}: one file for {len(plan.sources)} cameras", "give a folder")
    if any(path.resolve() == Path(source).resolve() for source in plan.sources):
        raise UserError(f"--preview {path}: that is the recording itself", "give another file")
    return path


def start_of(text: str, site: Site) -> int:
    """The UTC ms of an ISO 8601 time, local to the estate where it has no offset. Raises UserError."""
    try:
        return parse_ms(text, site.tz)
    except ValueError:
        raise UserError(f"--start {text}: not a time", "give e.g. 2024-05-27T08:00:00 (local) or …+08:00") from None


def boot_id_of(plan: Plan, source: str, camera: Camera, start_ms: int) -> str:
    """New at each start for a live camera: its sequence numbers begin at 0 again, and must not be taken for repeats.

    For a recording the same with the same weights, view and options: sending it again repeats ids and adds nothing.
    """
    if is_live(source):
        return uuid4().hex[:16]
    more_looks = str(plan.preview is not None)
    options = (camera.model_dump_json(), start_ms, str(plan.folder_fps), str(plan.busy_fps), more_looks)
    return derived_id(*_identity(source), *_identity(str(plan.weights)), *options)[:16]


def _identity(source: str) -> tuple[str, str]:
    """What tells one file or folder from another: its name, and a digest of its content, or of its files by name."""
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return path.name, derived_id(*(f"{file.relative_to(path)} {file_sha256(file)}" for file in files))
    return path.name, file_sha256(path) if path.is_file() else source
