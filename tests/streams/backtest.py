"""Simulated days through every alert rule, without Kafka, in the order of sending; against what was truly injected.

`python -m tests.streams.backtest --days 30` prints the table of `docs/subscriber.md` anew.
"""

import argparse
import tempfile
from collections import Counter
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import pandas as pd

from batch.baselines import baselines
from infra.clock import HOUR_MS, day_start_ms
from infra.events import Alert, Baseline
from producers.simulate.faults import Faults
from producers.simulate.run import Plan, run
from producers.simulate.scene import KINDS, Kind
from streams.backtest import Known, backtest, read_known, scores
from tests.producers.helpers import WATCHED, MemorySink, Sent

MONDAY: Final = date(2024, 5, 27)
FAULTS: Final = Faults(missed=0.05, duplicates=0.01, late=0.01, late_minutes=3)
BASELINE_DAYS: Final = 28
INCIDENTS: Final[dict[Kind, int]] = dict.fromkeys(KINDS, 1)


def simulated(folder: Path, incidents: dict[Kind, int], seed: int, days: int = 1) -> tuple[list[Sent], list[Known]]:
    """(messages, incidents that a rule must tell) of small days with faults; truth into `folder`."""
    sink = MemorySink()
    run(WATCHED, Plan(MONDAY, days=days, seed=seed, faults=FAULTS, incidents=incidents), sink, folder)
    return sink.sent, read_known((folder / "incidents.json").read_bytes())


@cache
def usual(seed: int = 99) -> dict[str, Baseline]:
    """Baselines from what cameras told of the four weeks before, but for the run's first day, when people move in."""
    start = MONDAY - timedelta(days=BASELINE_DAYS)
    with tempfile.TemporaryDirectory() as folder:
        run(WATCHED, Plan(start, days=BASELINE_DAYS, seed=seed, faults=FAULTS), _Nowhere(), Path(folder))
        table = pd.read_parquet(Path(folder) / "line_counts.parquet")
    counts = Counter[tuple[str, date, int]]()
    for line, day, hour, sent in zip(table["line_id"], table["day"], table["hour"], table["sent_count"], strict=True):
        counts[str(line), day, int(hour)] += int(sent)
    days = [start + timedelta(days=number) for number in range(1, BASELINE_DAYS)]
    return {one.line_id: one for one in baselines(counts, dict.fromkeys(WATCHED.line, days), WATCHED.estate.id)}


class _Nowhere(MemorySink):
    """Keeps nothing."""

    def send(self, *_message: object, **_more: object) -> None:
        """Forget the message."""


def moving_in(alert: Alert) -> bool:
    """Whether the alert is of the hour in which a simulation brings everybody home: truly an unusual flow."""
    return alert.rule == "unusual_flow" and alert.opened_ms < day_start_ms(MONDAY, WATCHED.tz) + HOUR_MS


def table(days: int, seed: int = 100) -> str:
    """For each rule: incidents injected in so many days, those told, and alerts that nothing injected explains."""
    with tempfile.TemporaryDirectory() as folder:
        every = {kind: count * days for kind, count in INCIDENTS.items()}
        messages, incidents = simulated(Path(folder), every, seed, days)
    alerts = backtest(messages, WATCHED, usual()).values()
    found = scores(incidents, [alert for alert in alerts if not moving_in(alert)])
    rows = [
        f"| `{one.rule}` | {one.known} | {one.told / one.known if one.known else 1:.3f} | {one.false / days:.2f} |"
        for one in found
    ]
    return "\n".join(["| rule | injected | recall | false alarms a day |", "| --- | --- | --- | --- |", *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    print(table(parser.parse_args().days))
