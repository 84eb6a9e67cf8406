"""`python -m tests.benchmarks [NAME]`: run one benchmark, or all of them one after the other."""

import os
import sys
from collections.abc import Callable
from typing import Final

from rich.console import Console

from infra.settings import Settings
from tests.benchmarks import (
    alert_latency,
    camera,
    dashboards,
    delivery,
    district,
    loader,
    nightly,
    occupancy,
    poison,
    report,
    restart,
    sink,
    web,
)
from tests.benchmarks.harness import Result, own_stack, own_warehouse, rounds_wanted, table, write_result

BENCHMARKS: Final[dict[str, Callable[[Settings, int], Result]]] = {
    "alert_latency": alert_latency.run,
    "camera": camera.run,
    "dashboards": dashboards.run,
    "delivery": delivery.run,
    "district": district.run,
    "loader": loader.run,
    "nightly": nightly.run,
    "occupancy": occupancy.run,
    "poison": poison.run,
    "report": report.run,
    "restart": restart.run,
    "sink": sink.run,
    "spool": sink.run_spooled,
    "web": web.run,
}
OF_WAREHOUSE: Final = ("dashboards", "loader", "nightly")


def main(arguments: list[str]) -> int:
    """Run what was asked for; 2 when there is no such benchmark."""
    unknown = [name for name in arguments if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    console, rounds = Console(width=110), rounds_wanted(os.environ)
    asked = arguments or list(BENCHMARKS)
    for started, names in (
        (own_stack, [name for name in asked if name not in OF_WAREHOUSE]),
        (own_warehouse, [name for name in asked if name in OF_WAREHOUSE]),
    ):
        if not names:
            continue
        with started() as settings:
            for name in names:
                found = BENCHMARKS[name](settings, rounds)
                path = write_result(found)
                console.print(table(found))
                console.print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
