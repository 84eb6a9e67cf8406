"""Commands of the streams: one Faust worker each, in the foreground; trying the rules; and the dead letters."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.configured import SiteOption, configured
from streams.delivery import cli as delivery_cli

if TYPE_CHECKING:
    from streams.backtest import Score
    from streams.letters import Decision, Letter

PortOption = Annotated[
    int | None, typer.Option("--metrics-port", min=1024, max=65535, help="serve metrics on 127.0.0.1; default: not")
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="only letters refused for this reason")]

DayArgument = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first local day")]
LastArgument = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="last local day")]

PREVIEW_CHARACTERS = 48
SHOWN_CHARACTERS = 20_000
SHOWN_FATES = 20


def register(app: typer.Typer) -> None:
    """Add `anfang stream …` and `anfang dead-letters …` to the root command."""
    stream = typer.Typer(no_args_is_help=True, help="Faust workers: occupancy and alerts.")
    stream.command("occupancy")(occupancy)
    stream.command("alerts")(alerts)
    app.add_typer(stream, name="stream")
    letters = typer.Typer(no_args_is_help=True, help="Refused messages: look at them, mend them, send them back.")
    letters.command("list")(letters_list)
    letters.command("show")(letters_show)
    letters.command("replay")(letters_replay)
    app.add_typer(letters, name="dead-letters")
    rules = typer.Typer(no_args_is_help=True, help="Alert rules: try them on stored events.")
    rules.callback()(lambda: None)
    rules.command("backtest")(backtest)
    app.add_typer(rules, name="alerts")
    delivery_cli.register(app)


def occupancy(site: SiteOption = None, metrics_port: PortOption = None) -> None:
    """Compute occupancy per zone and minute from envelopes, until stopped.

    Example: anfang stream occupancy --site infra/sites/small.yaml --metrics-port 9101
    """
    from infra.topics import create_topics
    from streams import occupancy as room
    from streams import worker

    settings, estate = configured(site)
    create_topics(settings)
    worker.run(room.make_app(settings, estate), metrics_port)


def alerts(site: SiteOption = None, metrics_port: PortOption = None) -> None:
    """Raise, update and close alerts from envelopes and occupancy, until stopped.

    Example: anfang stream alerts --site infra/sites/small.yaml
    """
    from infra.topics import create_topics
    from streams import alerts as room
    from streams import worker

    settings, estate = configured(site)
    create_topics(settings)
    worker.run(room.make_app(settings, estate), metrics_port)


def backtest(
    first: DayArgument,
    last: LastArgument,
    *,
    rules: Annotated[Path | None, typer.Option("--rules", help="YAML like `limits` of the site file")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="a recording (JSONL); default: Kafka")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="incidents.json; default: dispositions")] = None,
    site: SiteOption = None,
) -> None:
    """Run the alert rules on stored events, with other limits if given, and tell how right each rule is.

    Recall and precision are against a simulation's truth, or else against what people said of the alerts published.
    Nothing is published.

    Example: anfang alerts backtest --from 2024-05-27 --to 2024-05-28 --rules limits.yaml
    """
    from infra.clock import day_bounds_ms
    from streams import stored
    from streams.backtest import backtest as run
    from streams.backtest import scores
    from streams.baselines import read_baselines

    settings, estate = configured(site)
    tried = stored.with_limits(estate, rules)
    start_ms, end_ms = day_bounds_ms(first.date(), estate.tz)[0], day_bounds_ms(last.date(), estate.tz)[1]
    known, refuted = stored.from_dispositions(settings) if truth is None else (stored.from_truth(truth), [])
    messages = (
        stored.from_kafka(settings, start_ms, end_ms) if file is None else stored.from_file(file, start_ms, end_ms)
    )
    baselines = read_baselines(settings, tried) if file is None else {}
    during = [[one for one in group if start_ms <= one.start_ms < end_ms] for group in (known, refuted)]
    alerts = list(run(messages, tried, baselines, settings.grace_minutes * 60_000).values())
    typer.echo(_score_cells("rule", "alerts", "known", "told", "recall", "precision"))
    wrong = {score.rule: score.told for score in scores(during[1], alerts)}
    for score in scores(during[0], alerts):
        false = score.false if truth is not None else wrong.get(score.rule, 0)
        typer.echo(_score_row(score, false))
    typer.echo(f"{len(messages)} messages, {len(alerts)} alerts")


def _score_row(score: "Score", false: int) -> str:
    right = score.told
    recall = f"{score.told / score.known:.3f}" if score.known else "-"
    precision = f"{right / (right + false):.3f}" if right + false else "-"
    return _score_cells(score.rule, str(score.alerts), str(score.known), str(score.told), recall, precision)


def _score_cells(*cells: str) -> str:
    rule, *numbers = cells
    return f"{rule:<20}" + "".join(f"{number:>10}" for number in numbers)


def letters_list(
    *,
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="how many to show; all are counted")] = 20,
    to: Annotated[Path | None, typer.Option("--to", help="also write those shown as JSONL, for mending")] = None,
) -> None:
    """Count the dead letters by reason and source, and show the first ones.

    Example: anfang dead-letters list --reason unknown_camera --limit 50 --to out/mend.jsonl
    """
    from collections import Counter

    import msgspec

    from infra.settings import load_settings
    from streams.letters import Letter, counted, for_mending, only_letters
    from streams.replay import read_topic

    counts: Counter[tuple[str, str]] = Counter()
    first: list[Letter] = []
    for letter in only_letters(read_topic(load_settings()), reason):
        if len(first) < limit:
            first.append(letter)
        counts.update(counted([letter]))
    if to:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(b"".join(msgspec.json.encode(for_mending(letter)) + b"\n" for letter in first))
    for (why, topic), number in counts.most_common():
        typer.echo(f"{number:>9}  {why:<21} {topic or '?'}")
    typer.echo(f"{counts.total():>9}  in all")
    if first:
        typer.echo(_row("part.", "offset", "reason", "source", "time (UTC)", "message"))
    for letter in first:
        typer.echo(_letter_row(letter))
    if to:
        typer.echo(f"written: {to}, {len(first)} letters; mend the value in each line, then `replay --from-file {to}`")


def letters_show(
    partition: Annotated[int, typer.Argument(min=0, help="partition of the letter")],
    offset: Annotated[int, typer.Argument(min=0, help="offset of the letter")],
    site: SiteOption = None,
) -> None:
    """Show one dead letter: where it came from, what was expected, its bytes, and whether it would be taken today.

    Example: anfang dead-letters show 0 12
    """
    from infra.clock import iso_ms
    from streams.letters import Place, decide, shown
    from streams.replay import find

    settings, estate = configured(site)
    letter = find(settings, Place(partition, offset))
    today = decide(letter, letter.value or b"", settings.topic_prefix, set(), estate)
    told = {
        "letter": f"partition {partition}, offset {offset}",
        "source": f"{letter.source} (topic/partition/offset)",
        "time": iso_ms(letter.timestamp_ms),
        "reason": letter.reason,
        "expected": letter.detail,
        "today": "it would be taken" if today.fate == "sent" else f"{today.fate}: {today.why}",
        "key": shown(letter.key, PREVIEW_CHARACTERS),
        "bytes": str(len(letter.value or b"")),
    }
    for name, text in told.items():
        typer.echo(f"{name:>9}  {text}")
    typer.echo(shown(letter.value, SHOWN_CHARACTERS))


def letters_replay(
    *,
    every: Annotated[bool, typer.Option("--all", help="all letters that are valid today, as they are")] = False,
    reason: ReasonOption = None,
    from_file: Annotated[Path | None, typer.Option("--from-file", help="mended letters (list --to FILE)")] = None,
    site: SiteOption = None,
) -> None:
    """Send dead letters that are valid now back to their source topic, each once, with their Kafka timestamp.

    Example: anfang dead-letters replay --reason unknown_camera
    """
    from infra.errors import UserError
    from streams.letters import read_mended
    from streams.replay import replay

    if not every and reason is None and from_file is None:
        raise UserError("replay: which letters?", "give --all, --reason REASON or --from-file FILE.jsonl")
    mended = None
    if from_file is not None:
        try:
            mended = read_mended(str(from_file), from_file.read_bytes().splitlines())
        except OSError as error:
            raise UserError(f"cannot read {from_file}: {error.strerror}", "give the path of a mended file") from error
    settings, estate = configured(site)
    decisions = list(replay(settings, estate, mended, reason))
    _tell_fates(decisions)
    absent = (mended or {}).keys() - {decision.letter.place for decision in decisions}
    if absent:
        places = ", ".join(f"{place.partition} {place.offset}" for place in sorted(absent))
        raise UserError(f"no such dead letter: {places}", "partition and offset must be as `list --to FILE` wrote them")


def _letter_row(letter: "Letter") -> str:
    from infra.clock import iso_ms
    from streams.letters import shown

    place, when = letter.place, iso_ms(letter.timestamp_ms)[:19]
    preview = shown(letter.value, PREVIEW_CHARACTERS)
    return _row(str(place.partition), str(place.offset), letter.reason, str(letter.source), when, preview)


def _row(*cells: str) -> str:
    partition, offset, reason, source, when, preview = cells
    return f"{partition:>5} {offset:>7}  {reason:<21} {source:<24} {when:<20} {preview}"


def _tell_fates(decisions: "list[Decision]") -> None:
    """The letters that were not sent and why, at most `SHOWN_FATES`, then how many had which fate."""
    from collections import Counter

    unsent = [decision for decision in decisions if decision.why]
    for decision in unsent[:SHOWN_FATES]:
        place = decision.letter.place
        typer.echo(f"partition {place.partition}, offset {place.offset}: {decision.fate}: {decision.why}")
    if len(unsent) > SHOWN_FATES:
        typer.echo(f"… and {len(unsent) - SHOWN_FATES} more")
    fates = Counter(decision.fate for decision in decisions)
    typer.echo(", ".join(f"{number} {fate}" for fate, number in fates.items()) or "no dead letters of that kind")
