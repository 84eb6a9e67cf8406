"""What one estate's topics say now. Pure: the same messages give the same board, in any order and however often each.

Of each thing the greatest message by its own order is kept (zones: `as_of_ms`; minutes: `minute_ms` and revision;
alerts: revision; dispositions and passages: `event_ms`), so nothing depends on which topic was read first.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from msgspec import Struct

from infra.clock import DAY_MS, MINUTE_MS
from infra.events import Alert, Disposition, GatePassage, OccupancyMinute, OccupancyNow, encoder
from infra.site import Site

STEP_MS: Final = 30 * MINUTE_MS
"""One point of a day's curve."""
HISTORY_MS: Final = DAY_MS
MOST_ALERTS: Final = 1_000

Told = OccupancyNow | OccupancyMinute | Alert | Disposition | GatePassage
Key = TypeVar("Key")
Kept = TypeVar("Kept", bound=Told)


class Board(Struct, frozen=True):
    """The newest row of each zone, its minutes at the end of each `STEP_MS`, alerts, what was said of them, passages.

    `minutes[zone][step]` is the last minute told within the step that began at UTC ms `step`; `answers[alert]` are the
    dispositions by their id; `passages[gate]` is the last passage. Nobody changes a board: `applied` makes a new one.
    """

    zones: dict[str, OccupancyNow] = {}
    minutes: dict[str, dict[int, OccupancyMinute]] = {}
    alerts: dict[str, Alert] = {}
    answers: dict[str, dict[str, Disposition]] = {}
    passages: dict[str, GatePassage] = {}


EMPTY: Final = Board()


def applied(board: Board, messages: Iterable[Told], site: Site) -> Board:
    """The board after `messages`; those of other estates, and of zones and gates the site lacks, change nothing."""
    zones, alerts, passages = dict(board.zones), dict(board.alerts), dict(board.passages)
    minutes, answers = dict(board.minutes), dict(board.answers)
    ours: set[str] = set()
    for message in messages:
        if message.estate_id != site.estate.id:
            continue
        match message:
            case OccupancyNow(zone_id=zone) if zone in site.zone:
                _keep(zones, zone, message)
            case OccupancyMinute(zone_id=zone) if zone in site.zone:
                step = message.minute_ms // STEP_MS * STEP_MS
                _keep(_copied(minutes, zone, ours), step, message)
            case Alert():
                _keep(alerts, message.alert_id, message)
            case Disposition():
                _keep(_copied(answers, message.alert_id, ours), message.disposition_id, message)
            case GatePassage(gate_id=gate) if gate in site.gate:
                _keep(passages, gate, message)
    return Board(zones, minutes, alerts, answers, passages)


def _copied(outer: dict[str, dict[Key, Kept]], name: str, ours: set[str]) -> dict[Key, Kept]:
    """`outer[name]`, a copy of our own from the first time on."""
    if name not in ours:
        outer[name] = dict(outer.get(name, {}))
        ours.add(name)
    return outer[name]


def _keep(known: dict[Key, Kept], key: Key, new: Kept) -> None:
    old = known.get(key)
    if old is None or _order(old) < _order(new) or (_order(old) == _order(new) and _bytes(old) < _bytes(new)):
        known[key] = new


def _order(message: Told) -> tuple[int, int]:
    match message:
        case OccupancyNow():
            return message.as_of_ms, 0
        case OccupancyMinute():
            return message.minute_ms, message.revision
        case Alert():
            return message.revision, 0
        case _:
            return message.event_ms, 0


def _bytes(message: Told) -> bytes:
    """Decides between two messages of the same rank, which nothing of ours sends."""
    return encoder.encode(message)


def newest_ms(board: Board) -> int:
    """The newest event time (UTC ms) of any zone or alert; 0 where nothing was told yet."""
    times = [row.as_of_ms for row in board.zones.values()] + [alert.updated_ms for alert in board.alerts.values()]
    return max(times, default=0)


def pruned(board: Board, now_ms: int) -> Board:
    """Without what is over for a day: alerts closed before, answers to alerts that are gone, steps of the curves.

    Of more than `MOST_ALERTS` alerts the open ones and the newest stay. To be called when all topics were read to
    their ends: an answer may be read before its alert.
    """
    since_ms = now_ms - HISTORY_MS
    recent = (alert for alert in board.alerts.values() if alert.closed_ms is None or alert.closed_ms >= since_ms)
    kept = sorted(recent, key=lambda alert: (alert.closed_ms is None, alert.updated_ms, alert.alert_id), reverse=True)
    alerts = {alert.alert_id: alert for alert in kept[:MOST_ALERTS]}
    answers = {
        name: said
        for name, said in board.answers.items()
        if name in alerts or max(one.event_ms for one in said.values()) >= since_ms
    }
    first = since_ms // STEP_MS * STEP_MS
    minutes = {
        zone: {step: row for step, row in steps.items() if step >= first} for zone, steps in board.minutes.items()
    }
    return Board(board.zones, minutes, alerts, answers, board.passages)


def last_answer(board: Board, alert_id: str) -> Disposition | None:
    """What was said last of the alert."""
    said = board.answers.get(alert_id, {})
    return max(said.values(), key=lambda one: (one.event_ms, one.disposition_id), default=None)
