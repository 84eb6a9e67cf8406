"""Flow matrix, stays, peaks and turnover against brute force in Python over a made-up day whose truth is known."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from infra.clock import MINUTE_MS, day_bounds_ms
from infra.settings import SMALL_SITE, Settings
from infra.site import load_site
from warehouse.cli import warehouse as commands
from warehouse.client import Row, ask, connect
from warehouse.estate import estate_parameters
from warehouse.migrate import migrate
from warehouse.roll_ups import roll_up_missing

pytestmark = pytest.mark.stack
SITE = load_site(SMALL_SITE)
DAY = date(2026, 3, 1)
ZONE = "estate"
LINES = ("gate_north", "gate_south", "gate_west")
START_MS, END_MS = day_bounds_ms(DAY, SITE.tz)
INSIDE_AT_START, LEAVE_AT_ONCE = 8, 5


@dataclass(frozen=True)
class Move:
    """One person over one line, as stored."""

    at_ms: int
    line: str
    direction: int


def _moves() -> list[Move]:
    """People who come in the day's first 15 hours and stay for an exponential time of 40 min, after some who leave."""
    random = Random(5)
    moves = [Move(START_MS + 60_000 * (i + 1), "gate_north", -1) for i in range(LEAVE_AT_ONCE)]
    for _ in range(400):
        came_ms = START_MS + random.randrange(15 * 60 * MINUTE_MS)
        left_ms = came_ms + round(random.expovariate(1 / 40) * MINUTE_MS)
        moves.append(Move(came_ms, random.choice(LINES), 1))
        moves.append(Move(left_ms, random.choice(LINES), -1))
    moves.append(Move(END_MS - 30_000, "gate_west", 1))
    return sorted((move for move in moves if move.at_ms < END_MS), key=lambda move: move.at_ms)


def _persons(moves: list[Move]) -> list[int]:
    """Persons inside at the end of each minute of the day."""
    ends = np.arange(START_MS, END_MS, MINUTE_MS) + MINUTE_MS
    times = np.array([move.at_ms for move in moves])
    changes = np.cumsum([move.direction for move in moves])
    return [INSIDE_AT_START + (int(changes[n - 1]) if n else 0) for n in np.searchsorted(times, ends)]


def _asked(fresh: Settings, known: bool) -> dict[str, list[Row]]:
    """The three queries' answers on the made-up day, beside what must not count: a bicycle and another estate."""
    migrate(fresh, (SITE.estate.id,))
    moves = _moves()
    rows = [_stored(i, move) for i, move in enumerate(moves)]
    rows += [rows[50] | {"crossing_id": "bike", "object_class": "bicycle"}, rows[50] | {"estate_id": "theirs"}]
    parameters = estate_parameters(SITE) | {"first": DAY, "last": DAY}
    with connect(fresh, "loader") as client:
        client.execute(f"INSERT INTO crossings ({', '.join(rows[0])}) VALUES", rows)
        client.execute("INSERT INTO nightly_accounting (estate_id, day) VALUES", [(SITE.estate.id, DAY)])
        if known:
            client.execute("INSERT INTO zone_minutes VALUES", list(_minutes(moves)))
        roll_up_missing(client, SITE.estate.id, SITE.estate.timezone)
    with connect(fresh, "analyst") as client:
        return {name: ask(client, name, **parameters) for name in ("dwell", "flow_matrix", "peak_turnover")}


def _stored(number: int, move: Move) -> dict[str, object]:
    return {
        "estate_id": SITE.estate.id,
        "day": DAY,
        "event_time": datetime.fromtimestamp(move.at_ms / 1000, UTC),
        "crossing_id": f"c{number:04}",
        "line_id": move.line,
        "direction": move.direction,
        "object_class": "person",
    }


def _minutes(moves: list[Move]) -> Iterator[tuple[object, ...]]:
    counted = Counter((move.at_ms // MINUTE_MS, move.direction) for move in moves)
    for number, persons in enumerate(_persons(moves)):
        minute_ms = START_MS + number * MINUTE_MS
        ins, outs = (counted[minute_ms // MINUTE_MS, direction] for direction in (1, -1))
        at = datetime.fromtimestamp(minute_ms / 1000, UTC)
        yield SITE.estate.id, DAY, at, ZONE, ins, outs, ins, outs, persons, persons - 1, persons + 1, None, "full", 1


def _hour(at_ms: int) -> int:
    return datetime.fromtimestamp(at_ms / 1000, SITE.tz).hour


def _check_flow_matrix(rows: list[Row]) -> None:
    expected: Counter[tuple[object, ...]] = Counter()
    for move in _moves():
        line = SITE.line[move.line]
        ways = (line.from_zone, line.to_zone) if move.direction > 0 else (line.to_zone, line.from_zone)
        expected[DAY, _hour(move.at_ms), *ways] += 1
    assert {row[:4]: row[4] for row in rows} == dict(expected)
    assert len(rows) == len(expected)


def _check_stays(rows: list[Row], known: bool) -> None:
    """Stays are those of a queue, where who came first leaves first, and the mean is Little's, where known."""
    waiting: list[int | None] = [None] * (INSIDE_AT_START if known else LEAVE_AT_ONCE)
    stays, entries = defaultdict[int, list[float]](list), Counter[int]()
    for move in _moves():
        if move.direction > 0:
            waiting.append(move.at_ms)
            entries[_hour(move.at_ms)] += 1
        elif (came_ms := waiting.pop(0)) is not None:
            stays[_hour(came_ms)].append((move.at_ms - came_ms) / MINUTE_MS)
    persons = np.array(_persons(_moves())).reshape(24, 60).mean(axis=1)
    hours = {int(str(row[2])): row[3:] for row in rows if row[0] == ZONE}
    assert set(hours) == set(entries)
    for hour, (arrivals, mean_persons, mean_stay, p50, p90, still_inside) in hours.items():
        assert arrivals == entries[hour]
        expected = (persons[hour], 60 * persons[hour] / entries[hour]) if known else (None, None)
        assert (mean_persons, mean_stay) == pytest.approx(expected)
        assert still_inside == entries[hour] - len(stays[hour])
        assert (p50, p90) == (
            (None, None) if not stays[hour] else pytest.approx(tuple(np.percentile(stays[hour], (50, 90))))
        )


def _check_mean_of_day(rows: list[Row]) -> None:
    """Little's law holds over a time that begins and ends with the same persons: here but for few."""
    arrivals = sum(int(str(row[3])) for row in rows if row[0] == ZONE)
    remain = 24 * 60 * (INSIDE_AT_START - LEAVE_AT_ONCE)
    mean = (sum(_persons(_moves())) - remain) / arrivals
    assert mean == pytest.approx(40, rel=0.1)


def _check_peak(rows: list[Row]) -> None:
    persons = _persons(_moves())
    first = START_MS + persons.index(max(persons)) * MINUTE_MS
    clock = f"{datetime.fromtimestamp(first / 1000, SITE.tz):%H:%M}"
    entries = sum(move.direction > 0 for move in _moves())
    (row,) = rows
    expected = (ZONE, DAY, max(persons), max(persons) - 1, max(persons) + 1, clock, entries)
    assert row == (*expected, pytest.approx(entries / SITE.zone[ZONE].capacity))


def test_flows_stays_peaks_and_turnover_are_those_of_the_made_up_day(fresh: Settings) -> None:
    answers = _asked(fresh, known=True)
    _check_flow_matrix(answers["flow_matrix"])
    _check_stays(answers["dwell"], known=True)
    _check_mean_of_day(answers["dwell"])
    _check_peak(answers["peak_turnover"])
    printed = _printed(fresh, "flow_matrix")
    assert printed[0] == ["day", "hour", "from_zone", "to_zone", "persons"]
    assert printed[1:] == [[str(value) for value in row] for row in answers["flow_matrix"]]


def _printed(settings: Settings, query: str) -> list[list[str]]:
    """The CSV that `anfang warehouse ask` prints."""
    argv = ["ask", query, "--from", f"{DAY}", "--to", f"{DAY}", "--site", str(SMALL_SITE)]
    done = CliRunner(env=settings.as_environment()).invoke(commands, argv, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return list(csv.reader(done.stdout.splitlines()))


def test_without_occupancy_stays_are_those_of_the_fewest_who_must_have_been_inside(fresh: Settings) -> None:
    _check_stays(_asked(fresh, known=False)["dwell"], known=False)
