"""Simulated days through every alert rule, without Kafka, in the order of sending; against what was truly injected.

`python -m tests.streams.backtest --days 30` prints the table of `docs/subscriber.md` anew.
"""

import argparse
import tempfile
from datetime import date
from pathlib import Path
from typing import Final

from producers.simulate.faults import Faults
from producers.simulate.run import Plan, run
from producers.simulate.scene import Kind
from streams.backtest import Known, backtest, read_known, scores
from tests.producers.helpers import WATCHED, MemorySink, Sent

MONDAY: Final = date(2024, 5, 27)
FAULTS: Final = Faults(missed=0.05, duplicates=0.01, late=0.01, late_minutes=3)
INCIDENTS: Final[dict[Kind, int]] = {
    "intruder": 2,
    "crowd": 1,
    "silent_camera": 2,
    "tailgater": 1,
    "held_gate": 1,
    "forced_gate": 1,
    "fire_lane_car": 2,
    "e_bike": 2,
    "loiterer": 1,
    "climber": 1,
}


def simulated(folder: Path, incidents: dict[Kind, int], seed: int, days: int = 1) -> tuple[list[Sent], list[Known]]:
    """(messages, incidents that a rule must tell) of small days with faults; truth into `folder`."""
    sink = MemorySink()
    run(WATCHED, Plan(MONDAY, days=days, seed=seed, faults=FAULTS, incidents=incidents), sink, folder)
    return sink.sent, read_known((folder / "incidents.json").read_bytes())


def table(days: int, seed: int = 100) -> str:
    """For each rule: incidents injected in so many days, those told, and alerts that nothing injected explains."""
    with tempfile.TemporaryDirectory() as folder:
        every = {kind: count * days for kind, count in INCIDENTS.items()}
        messages, incidents = simulated(Path(folder), every, seed, days)
    found = scores(incidents, list(backtest(messages, WATCHED).values()))
    rows = [
        f"| `{one.rule}` | {one.known} | {one.told / one.known if one.known else 1:.3f} | {one.false / days:.2f} |"
        for one in found
    ]
    return "\n".join(["| rule | injected | recall | false alarms a day |", "| --- | --- | --- | --- |", *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    print(table(parser.parse_args().days))
