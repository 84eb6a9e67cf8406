"""Render a video and watch it as if it were a recording: what is told can be held against what is true."""

from datetime import UTC, datetime
from pathlib import Path

from infra.site import Site
from producers.feed import Progress, no_progress
from producers.scenes.run import Plan, Truth
from producers.scenes.run import run as render
from producers.sink import Sink
from producers.video import run as video
from producers.video.watch import Watched


def render_and_watch(
    site: Site, plan: Plan, folder: Path, *, weights: Path, sink: Sink, progress: Progress = no_progress
) -> tuple[Truth, Watched]:
    """The truth of the plan's video (`scene.mp4` and `truth.json` in `folder`), and the totals of watching it."""
    film = folder / "scene.mp4"
    truth = render(site, plan, film, folder / "truth.json", lambda done: progress(done / 2))
    start = datetime.fromtimestamp(plan.start_ms / 1000, UTC).isoformat()
    watching = video.Plan([str(film)], [plan.camera_id], weights, start)
    totals = video.run(site, watching, sink, lambda done: progress((1 + done) / 2))
    return truth, totals.cameras[plan.camera_id]
