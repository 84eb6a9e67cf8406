"""What every benchmark shares: spreads and ratios over rounds, the result file, the table, a Kafka of its own.

The first part is pure. A benchmark measures ours and its peers in turn, round after round; a ratio is taken within a
round, so that what slows the machine for a while slows both sides of it.
"""

import os
import platform
import secrets
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
import psutil
from msgspec import Struct
from rich.table import Table

from infra.local.parts import fetch_parts
from infra.local.registry import read_process, stop_process
from infra.local.stack import down, up
from infra.settings import Settings
from infra.topics import admin
from tests.conftest import stack_settings

OURS: Final = "anfang"
LEAST_ROUNDS: Final = 5
OUT: Final = Path("out/bench")

Measure = Callable[[], float]


class DifferentAnswerError(Exception):
    """What is compared did not give the same answer, so its speed says nothing."""


class Spread(Struct, frozen=True):
    """Median, least and greatest of some rounds."""

    median: float
    min: float
    max: float


class Machine(Struct, frozen=True):
    """Where it was measured; `load` is the one-minute load average before the first round."""

    cpu: str
    cores: int
    memory_gb: float
    load: float
    python: str


class Result(Struct, frozen=True, kw_only=True):
    """One benchmark: higher is better, `ratio` is ours / peer; peers go by the name of their package.

    `extra` are further figures of the same run; in the file each is a key beside the others.
    """

    name: str
    unit: str
    rounds: int
    machine: Machine
    ours: Spread
    peers: dict[str, Spread]
    ratio: dict[str, Spread]
    extra: dict[str, float] = {}


def spread(values: Sequence[float]) -> Spread:
    """Median, least and greatest of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], peer: Sequence[float]) -> list[float]:
    """Ours / peer, round by round."""
    return [one / other for one, other in zip(ours, peer, strict=True)]


def result(
    name: str, unit: str, machine: Machine, ours: Sequence[float], peers: Mapping[str, Sequence[float]]
) -> Result:
    """The result of the values that `alternate` measured."""
    return Result(
        name=name,
        unit=unit,
        rounds=len(ours),
        machine=machine,
        ours=spread(ours),
        peers={peer: spread(values) for peer, values in peers.items()},
        ratio={peer: spread(ratios(ours, values)) for peer, values in peers.items()},
    )


def alternate(measures: Mapping[str, Measure], rounds: int, *, warm_up: bool = True) -> dict[str, list[float]]:
    """Measure each in turn, `rounds` times; every second round backwards, so that none always follows the same.

    Before that each runs once uncounted: a Kafka that has just started is slow. What uses none may go without.
    """
    if warm_up:
        for measure in measures.values():
            measure()
    values: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        for name in list(measures)[:: 1 if number % 2 == 0 else -1]:
            values[name].append(measures[name]())
            print(f"round {number + 1} of {rounds}: {name} {figure(values[name][-1])}", file=sys.stderr, flush=True)
    return values


def compare(
    name: str, unit: str, ours: Measure, peers: Mapping[str, Measure], rounds: int, *, warm_up: bool = True
) -> Result:
    """Measure ours beside its peers on this machine."""
    here = this_machine()
    values = alternate({OURS: ours, **peers}, rounds, warm_up=warm_up)
    return result(name, unit, here, values.pop(OURS), values)


def same(what: str, found: object, expected: object) -> None:
    """Raises DifferentAnswerError unless the two are equal."""
    if found != expected:
        raise DifferentAnswerError(f"{what}: {str(found)[:400]}, expected {str(expected)[:400]}")


def rounds_wanted(environment: Mapping[str, str]) -> int:
    """`ANFANG_BENCH_ROUNDS`, or `LEAST_ROUNDS`."""
    return max(1, int(environment.get("ANFANG_BENCH_ROUNDS", LEAST_ROUNDS)))


def this_machine() -> Machine:
    """This machine as it is now."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    memory_gb = round(psutil.virtual_memory().total / 1e9, 1)
    python = f"{platform.python_version()} ({Path(sys.executable).resolve()})"
    return Machine(cpu, psutil.cpu_count() or 1, memory_gb, round(os.getloadavg()[0], 2), python)


def write_result(one: Result, folder: Path = OUT) -> Path:
    """Write `folder/NAME.json`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{one.name}.json"
    keys = msgspec.to_builtins(one)
    keys |= keys.pop("extra")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
    return path


def table(one: Result) -> Table:
    """The result for people."""
    here = one.machine
    where = f"{here.cpu}, {here.cores} cores, {here.memory_gb} GB, Python {here.python}, load {here.load} at the start"
    shown = Table(title=f"{one.name}: {one.unit}, {one.rounds} rounds", caption=where)
    for heading in ("", "median", "min … max", "ours / peer", "min … max"):
        shown.add_column(heading, justify="right" if heading else "left")
    shown.add_row(OURS, *_cells(one.ours), "", "")
    for peer, values in one.peers.items():
        shown.add_row(peer, *_cells(values), *_cells(one.ratio[peer]))
    for key, value in one.extra.items():
        shown.add_row(key, figure(value), "", "", "")
    return shown


def _cells(one: Spread) -> tuple[str, str]:
    return figure(one.median), f"{figure(one.min)} … {figure(one.max)}"


def figure(value: float) -> str:
    """A figure for people: whole from a hundred on, else with two decimals."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


@contextmanager
def own_warehouse() -> Iterator[Settings]:
    """Settings of a ClickHouse of our own in a temporary home, its Kafka stopped; all of it at the end."""
    with _own_parts(without="kafka") as settings:
        yield settings


@contextmanager
def own_stack() -> Iterator[Settings]:
    """Settings of a Kafka of our own in a temporary home, stopped at the end whatever happens."""
    with _own_parts(without="clickhouse") as settings:
        yield settings


@contextmanager
def _own_parts(*, without: str) -> Iterator[Settings]:
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="anfang-bench-") as home:
        settings = stack_settings(Path(home)).model_copy(update={"keep_all_history": True})
        fetch_parts(settings)
        try:
            up(settings)
            stop_process(settings, without)  # not measured, and not quite idle
            yield settings
        finally:
            down(settings)


@cache
def cores() -> tuple[set[int], set[int]]:
    """The core that what is measured runs on, and those for the broker; the same where there is one only.

    Asked once: within `started_on` this process has fewer cores, and all would run on those.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others or [first])


def keep_broker_on(settings: Settings, where: set[int]) -> None:
    """Let the broker run on these cores only, so that it takes nothing from what is measured."""
    broker = read_process(settings, "kafka")
    assert broker is not None
    for thread in psutil.Process(broker.pid).threads():
        os.sched_setaffinity(thread.id, where)


@contextmanager
def started_on(where: set[int]) -> Iterator[None]:
    """What is started meanwhile runs on these cores, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, where)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def own_topics(settings: Settings) -> Iterator[Settings]:
    """The stack with a topic prefix of its own; what was made under it is deleted at the end."""
    own = settings.model_copy(update={"topic_prefix": f"b{secrets.token_hex(3)}."})
    yield own
    client = admin(own)
    made = [name for name in client.list_topics(timeout=8).topics if name.startswith(own.topic_prefix)]
    for future in client.delete_topics(made).values() if made else ():
        future.result()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)
