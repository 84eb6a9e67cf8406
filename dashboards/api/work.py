"""Makes one report, in a process of its own so that the live page does not wait: `python -m dashboards.api.work`.

Reads the order from standard input. Writes a line of JSON for each step, and at last what was issued or what is wrong.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

import msgspec

from dashboards.api.order import Order, Told
from dashboards.api.shelf import Result, files_of
from dashboards.report.indicators import indicator_file
from dashboards.report.issue import run
from infra.errors import UserError
from infra.settings import load_settings
from infra.site import Site


def work(order: Order, out: TextIO) -> None:
    """Issue the report, telling each step to `out`."""

    def tell(told: Told) -> None:
        print(msgspec.json.encode(told).decode(), file=out, flush=True)

    report, folder = order.report, Path(order.folder)
    try:
        issued = run(
            load_settings(),
            Site.model_validate_json(order.site),
            report.first_day,
            report.last_day,
            out_dir=folder,
            indicators=indicator_file(report.indicators),
            issued=report.issued,
            language=report.language,
            tell=lambda step, done, of: tell(Told(step, done, of)),
        )
    except UserError as error:
        tell(Told(problem=error.problem, remedy=error.remedy))
        return
    score = issued.score
    files = files_of(folder)
    tell(
        Told(result=Result(issued.figures, score.points, score.assessed, score.percent, score.grade, issued.key, files))
    )


def main() -> None:
    """Do as the order on standard input says; whatever else is printed goes to standard error."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    with redirect_stdout(sys.stderr):
        work(order, sys.__stdout__ or sys.stdout)


if __name__ == "__main__":
    main()
