"""How far a nightly is, and how long it will take: on a terminal as a bar, elsewhere as a line for each step."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from batch.nightly import STEPS

LONG: Final = {"start Spark": 5.0, "judge records": 20.0, "count records": 6.0, "crossings": 8.0, "zone_minutes": 4.0}
"""Seconds that the longer steps took of some 40 s (a day of 300 000 envelopes); the others count as one each."""

Step = Callable[[str, int, int], None]


def share_done(step: str, number: int = 0, passes: int = 1) -> float:
    """Which share of all passes is done when `step` of pass `number` (from 0) begins; from 0 to 1."""
    weights = [LONG.get(name, 1.0) for name in STEPS[:-1]]
    return (number + sum(weights[: STEPS.index(step)]) / sum(weights)) / passes


def remaining_s(elapsed_s: float, share: float) -> float | None:
    """Seconds that are left if it goes on as it went; None while nothing is done."""
    return elapsed_s * (1 - share) / share if share > 0 else None


@contextmanager
def shown(passes: int) -> Iterator[Callable[[int], Step]]:
    """Show the progress of so many passes on stderr; gives for each pass, by number, what the nightly calls."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(passes)
        return
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("nightly", total=1.0)
        yield (
            lambda number: (
                lambda step, _number, _steps: bar.update(
                    task, description=step, completed=share_done(step, number, passes)
                )
            )
        )


def _lines(passes: int) -> Callable[[int], Step]:
    started_s = time.monotonic()

    def of_pass(number: int) -> Step:
        def said(step: str, _number: int, _steps: int) -> None:
            share = share_done(step, number, passes)
            left_s = remaining_s(time.monotonic() - started_s, share)
            left = "" if left_s is None else f", about {left_s:.0f} s left"
            print(f"nightly: {step} ({share:.0%} done{left})", file=sys.stderr, flush=True)  # noqa: T201 for a log

        return said

    return of_pass
