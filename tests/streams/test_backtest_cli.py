"""`anfang alerts backtest` on a recording: the truth is told, other limits tell otherwise, mistakes are named."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from anfang import cli
from infra.clock import FakeClock
from infra.events import Alert, Disposition, Verdict
from infra.settings import SMALL_SITE
from infra.site import load_site
from producers.simulate.run import Plan, run
from producers.sink import JsonlSink
from streams.backtest import judged
from streams.lifecycle import closed, opened

DAYS = ["--from", "2024-05-27", "--to", "2024-05-27"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recorded day and its truth: two e-bikes and a car."""
    folder = tmp_path_factory.mktemp("recorded")
    plan = Plan(date(2024, 5, 27), incidents={"e_bike": 2, "fire_lane_car": 1})
    with JsonlSink(folder / "day.jsonl") as sink:
        run(load_site(SMALL_SITE), plan, sink, folder)
    return folder


def told(*more: str) -> dict[str, list[str]]:
    """The rows that the command prints, by their first word."""
    result = CliRunner().invoke(cli, ["alerts", "backtest", *DAYS, "--site", str(SMALL_SITE), *more])
    assert result.exit_code == 0, result.output
    return {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line.strip()}


def test_a_recording_against_its_truth_with_these_and_other_limits(recorded: Path, tmp_path: Path) -> None:
    files = ["--file", str(recorded / "day.jsonl"), "--truth", str(recorded / "incidents.json")]
    rows = told(*files)
    assert rows["e_bike"] == ["2", "2", "2", "1.000", "1.000"]
    assert rows["fire_lane"] == ["1", "1", "1", "1.000", "1.000"]
    (tmp_path / "limits.yaml").write_text("fire_lane: {grace_minutes: 60}\n", encoding="utf-8")
    lenient = told(*files, "--rules", str(tmp_path / "limits.yaml"))
    assert lenient["fire_lane"] == ["0", "1", "0", "0.000", "-"]
    assert lenient["e_bike"] == rows["e_bike"]


def test_what_people_said_last_of_an_alert_counts() -> None:
    clock = FakeClock(1_000)

    def alert(subject: str) -> Alert:
        return opened(
            rule="e_bike",
            estate_id="e",
            zone_id=subject,
            subject_id=subject,
            severity="critical",
            opened_ms=clock.now_ms(),
            updated_ms=clock.now_ms(),
            explanation="",
            measured={},
            evidence=[],
        )

    def said(of: Alert, verdict: Verdict, at_ms: int) -> Disposition:
        return Disposition(
            schema_version=1,
            disposition_id=f"{of.alert_id}{at_ms}",
            alert_id=of.alert_id,
            estate_id="e",
            event_ms=at_ms,
            verdict=verdict,
            by="guard",
        )

    a, b, c = alert("a"), alert("b"), alert("c")
    words = [said(a, "false", 5), said(a, "true", 9), said(b, "false", 6), said(c, "unsure", 7)]
    confirmed, refuted = judged([closed(a, 8_000, "over"), a, b, c], words)
    assert [(one.subject_id, one.start_ms, one.end_ms) for one in confirmed] == [("a", 1_000, 8_000)]
    assert [one.subject_id for one in refuted] == ["b"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("--rules", "fire_lane: {grace: 1}", "limits.yaml:1: fire_lane.grace"),
        ("--truth", "[{}]", "incidents.json"),
        ("--file", "{}", "day.jsonl:1"),
    ],
)
def test_mistakes_are_named(name: str, content: str, expected: str, recorded: Path, tmp_path: Path) -> None:
    files = {"--rules": "limits.yaml", "--truth": "incidents.json", "--file": "day.jsonl"}
    (tmp_path / files[name]).write_text(content, encoding="utf-8")
    good = {"--file": str(recorded / "day.jsonl"), "--truth": str(recorded / "incidents.json")}
    chosen = good | {name: str(tmp_path / files[name])}
    arguments = [word for pair in chosen.items() for word in pair]
    result = CliRunner().invoke(cli, ["alerts", "backtest", *DAYS, "--site", str(SMALL_SITE), *arguments])
    assert result.exit_code != 0
    assert expected in f"{result.output}{result.exception}"
