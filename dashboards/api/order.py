"""What the service and the process that makes a report for it say to each other, as JSON."""

from msgspec import Struct

from dashboards.api.shelf import Report, Result


class Order(Struct, frozen=True):
    """The report, its site as JSON, and where the files go."""

    report: Report
    site: str
    folder: str


class Told(Struct, frozen=True):
    """A step that begins (the `done`-th from 0 of `of`), or the end: `result`, or `problem` and `remedy`."""

    step: str = ""
    done: int = 0
    of: int = 0
    result: Result | None = None
    problem: str = ""
    remedy: str = ""
