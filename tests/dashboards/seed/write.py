"""Puts the seed's years into the warehouse: days as the nightly loads them, ledgers as the office imports them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from clickhouse_driver import Client

from infra.settings import Settings
from tests.dashboards.seed.years import (
    ACCOUNT,
    CAMERAS,
    COVERAGES,
    ESTATE,
    PICTURES,
    SITE,
    ZONES,
    Alert,
    Day,
    Ledgers,
    content_hash,
    local,
    said_on,
)
from tests.warehouse.columns import insert_columns
from warehouse.client import connect
from warehouse.ledger import import_ledger
from warehouse.roll_ups import roll_up_missing


def write_days(client: Client, plain: Client, days: Iterable[Day]) -> int:
    """Insert days into every table that the nightly loads, and sum them up, as role `migrator`; `client` uses numpy.

    Returns how many.
    """
    number = 0
    for number, day in enumerate(days, start=1):  # noqa: B007 it is how many
        for table, columns in {**_large(day), **_small(day)}.items():
            _insert(client, table, day, columns)
        _insert_alerts(plain, day)
    roll_up_missing(plain, ESTATE, SITE.estate.timezone)
    return number


Columns = dict[str, np.ndarray]


def _large(day: Day) -> dict[str, Columns]:
    cameras, zones, start_s = day.cameras, day.zones, day.start_ms // 1000
    return {
        "camera_minutes": {
            "minute": start_s + 60 * cameras.minute,
            "camera_id": np.array(CAMERAS, dtype=object)[cameras.camera],
            "online": cameras.online.astype(np.uint8),
            "fps": cameras.fps,
            "decode_errors": cameras.decode_errors.astype(np.uint32),
            "picture": np.array(PICTURES, dtype=object)[cameras.picture],
            "clock_offset_ms": cameras.clock_offset_ms,
        },
        "zone_minutes": {
            "minute": start_s + 60 * zones.minute,
            "zone_id": np.array(ZONES, dtype=object)[zones.zone],
            **{
                name: zones.counts[:, i].astype(np.uint32)
                for i, name in enumerate(("ins", "outs", "batch_ins", "batch_outs"))
            },
            "occupancy": zones.occupancy.astype(np.float32),
            "low": zones.low.astype(np.float32),
            "high": zones.high.astype(np.float32),
            "coverage": np.array(COVERAGES, dtype=object)[zones.coverage],
            "revision": np.zeros(len(zones.zone), np.uint32),
        },
    }


def _small(day: Day) -> dict[str, Columns]:
    crossings, passages = day.crossings, day.passages
    names = np.array([f"{day.day}-{n}" for n in range(max(len(crossings), len(passages)))], dtype=object)
    return {
        "crossings": {
            "event_time": np.array([c.at_ms for c in crossings]),
            "crossing_id": names[: len(crossings)],
            "line_id": np.array([c.line for c in crossings], dtype=object),
            "camera_id": np.full(len(crossings), CAMERAS[0], dtype=object),
            "direction": np.array([c.direction for c in crossings], np.int8),
            "track_id": np.arange(len(crossings)),
            "object_class": np.full(len(crossings), "person", dtype=object),
        },
        "gate_passages": {
            "event_time": np.array([p.at_ms for p in passages]),
            "passage_id": names[: len(passages)],
            "gate_id": np.array([p.gate for p in passages], dtype=object),
            "direction": np.ones(len(passages), np.int8),
            "method": np.full(len(passages), "card", dtype=object),
            "granted": np.array([p.granted for p in passages], np.uint8),
        },
        "camera_sequences": {
            "camera_id": np.array(CAMERAS, dtype=object),
            "boot_id": np.full(len(CAMERAS), "boot", dtype=object),
            "zone_id": np.full(len(CAMERAS), ZONES[0], dtype=object),
            "first_seq": np.full(len(CAMERAS), 7, np.uint64),
            "last_seq": (day.sent + 6).astype(np.uint64),
            "received": day.received.astype(np.uint64),
        },
    }


def _insert(client: Client, table: str, day: Day, columns: Columns) -> None:
    number = len(next(iter(columns.values())))
    shared = {"estate_id": np.full(number, ESTATE, dtype=object), "day": np.full(number, np.datetime64(day.day))}
    insert_columns(client, table, {**shared, **columns})


def _insert_alerts(client: Client, day: Day) -> None:
    """Alerts, what was said of them, and the day's account."""
    alerts = [_alert_row(day.day, alert) for alert in day.alerts]
    said = [(ESTATE, said_on(s), s.id, s.alert, _utc(s.at_ms), s.verdict, "", "") for s in day.said]
    for table, rows in (("alerts", alerts), ("dispositions", said)):
        if rows:
            client.execute(f"INSERT INTO {table} VALUES", rows)
    names = ", ".join(ACCOUNT)
    account = (ESTATE, day.day, *day.account.values(), content_hash(day.day), datetime(2025, 1, 2, tzinfo=UTC))
    client.execute(
        f"INSERT INTO nightly_accounting (estate_id, day, {names}, content_hash, loaded_at) VALUES", [account]
    )


def _alert_row(day: date, alert: Alert) -> tuple[object, ...]:
    opened = _utc(alert.opened_ms)
    closed = None if alert.closed_ms is None else _utc(alert.closed_ms)
    about = (alert.rule, "estate", "estate", "warning", "opened" if closed is None else "closed")
    return (ESTATE, day, alert.id, *about, opened, opened, closed, _utc(alert.published_ms), 1, "made up", {}, [])


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def import_ledgers(settings: Settings, ledgers: Ledgers, folder: Path) -> None:
    """As the office does: from CSV files; what was wrong at first is corrected by a second import."""
    texts = {
        "funds": ["编号,日期,类别,金额（元）", *map(_line, _numbered(ledgers.funds))],
        "incidents": ["编号,时间,类别", *map(_line, _numbered(ledgers.incidents))],
        "survey": ["日期,问题,人数,平均分,标准差", *map(_line, ledgers.surveys)],
        "spot_checks": [
            "开始时间,结束时间,计数线,人工计数",
            *(_line((local(at), local(at + 3_600_000), line, count)) for at, line, count in ledgers.spot_checks),
        ],
    }
    wrong = "编号,日期,类别,金额（元）\n0,2023-01-10,budget,999\n"
    files = [("funds", wrong, ""), *((kind, "\n".join(lines), "更正") for kind, lines in texts.items())]
    with connect(settings, "office") as client:
        for kind, text, why in files:
            (folder / f"{kind}.csv").write_text(text, encoding="utf-8")
            at = datetime(2025, 1, 4, tzinfo=UTC)
            import_ledger(client, kind, folder / f"{kind}.csv", SITE, at, by="王", why=why)  # type: ignore[arg-type]


def _numbered(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    return ((number, *row) for number, row in enumerate(rows))


def _line(cells: tuple[object, ...]) -> str:
    return ",".join(f"{cell:%Y-%m-%d %H:%M}" if isinstance(cell, datetime) else str(cell) for cell in cells)
