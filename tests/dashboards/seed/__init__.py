"""The seed's own estate with known truth, and what a report on it must say, computed without SQL.

`years` makes the truth, `write` puts it into the warehouse. `people`, `devices`, `ledgers` answer each question of a
report, one function a question, named after its file in `warehouse/queries/`; `points` scores the answers.
"""

from collections.abc import Callable
from typing import Final

from tests.dashboards.seed import devices, ledgers, people
from tests.dashboards.seed.truth import Row, Truth

QUESTIONS: Final[dict[str, Callable[[Truth], list[Row]]]] = {
    name: question
    for module in (people, devices, ledgers)
    for name, question in vars(module).items()
    if name.startswith("kpi_")
}
