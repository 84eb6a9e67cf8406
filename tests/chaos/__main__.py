"""`python -m tests.chaos --seeds N`: chaos on N seeds, each on a stack of its own; writes `out/chaos/summary.json`.

A seed mostly waits, for sessions to end and workers to come back: with `--jobs` several run side by side.
"""

import argparse
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tests.chaos.run import Seed, Wrong, run_alone

OUT: Final = Path("out/chaos/summary.json")
KILLS: Final = 30
BROKER_RESTARTS: Final = 3
HOURS: Final = 12.0


class Summary(Struct, frozen=True, kw_only=True):
    """All seeds together. `proves_something` is false when plain Faust came through unharmed in some seed."""

    seeds: int
    kills: int
    broker_restarts: int
    missing: int
    extra: int
    plain_faust: Wrong
    proves_something: bool
    by_seed: list[Seed]


def summary(runs: list[Seed]) -> Summary:
    """The sums over the seeds."""
    plain = [run.plain_faust for run in runs]
    return Summary(
        seeds=len(runs),
        kills=sum(run.kills for run in runs),
        broker_restarts=sum(run.broker_restarts for run in runs),
        missing=sum(run.missing for run in runs),
        extra=sum(run.extra for run in runs),
        plain_faust=Wrong(sum(one.missing for one in plain), sum(one.extra for one in plain)),
        proves_something=all(one.missing + one.extra > 0 for one in plain),
        by_seed=runs,
    )


def main() -> int:
    """Run the seeds, all of them; 1 when anything of ours is wrong, a seed broke off or the run proves nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--broker-restarts", type=int, default=BROKER_RESTARTS)
    parser.add_argument("--hours", type=float, default=HOURS)
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    runs: list[Seed] = []
    broken = 0
    with ProcessPoolExecutor(asked.jobs, max_tasks_per_child=1) as pool:
        seeds = range(asked.first, asked.first + asked.seeds)
        options = (asked.kills, asked.broker_restarts, asked.hours)
        for future in as_completed([pool.submit(run_alone, seed, *options) for seed in seeds]):
            if error := future.exception():
                traceback.print_exception(error)
                broken += 1
                continue
            runs.append(future.result())
            print(msgspec.json.encode(runs[-1]).decode(), flush=True)
            OUT.parent.mkdir(parents=True, exist_ok=True)
            OUT.write_bytes(msgspec.json.format(msgspec.json.encode(summary(runs)), indent=2) + b"\n")
    found = summary(runs)
    said = f"{found.seeds} seeds: missing {found.missing}, extra {found.extra}; plain Faust {found.plain_faust}"
    print(f"{said}; {broken} seeds did not come to their end" if broken else said)
    return 0 if found.missing == found.extra == broken == 0 and found.proves_something else 1


if __name__ == "__main__":
    sys.exit(main())
