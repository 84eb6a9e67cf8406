"""Trends on a real warehouse, as the analyst may read it: the terminal's table, the JSON file, the page."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from batch.trends.cli import Asked
from batch.trends.history import History, read_history
from batch.trends.page import LIMITS, render
from batch.trends.study import Trend, study
from batch.trends.words import NOT_SHOWN, show
from infra.errors import UserError
from infra.local.parts import fonts_folder
from infra.settings import Settings
from infra.site import Site
from warehouse.client import connect
from warehouse.ledger import import_ledger
from warehouse.migrate import migrate
from warehouse.roll_ups import roll_up_missing

pytestmark = pytest.mark.stack
FIRST, DAYS = date(2020, 1, 1), 1800
LOADED = (date(2023, 12, 8), date(2023, 12, 9))


def ledger_rows(site: Site) -> list[str]:
    """Thefts anywhere at any hour, at half past; far fewer from the hand-over on."""
    random = np.random.default_rng(1)
    zones, rows = [zone.id for zone in site.zones], []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        handed_over = site.estate.handover_date is not None and day >= site.estate.handover_date
        for _ in range(random.poisson(0.2 if handed_over else 0.5)):
            rows.append(f"{day} {random.integers(0, 24):02}:30,theft,{random.choice(zones)}")
    return [*rows, f"{FIRST} 00:30,other,", f"{FIRST + timedelta(days=DAYS - 1)} 23:30,other,"]


def fill(settings: Settings, site: Site, folder: Path) -> list[str]:
    """A warehouse with this ledger and two loaded days of passages over every line."""
    migrate(settings, (site.estate.id,))
    rows = ledger_rows(site)
    path = folder / "incidents.csv"
    path.write_text("event_time,kind,zone_id\n" + "\n".join(rows))
    with connect(settings, "office") as client:
        import_ledger(client, "incidents", path, site, datetime(2025, 1, 1, tzinfo=UTC))
    crossings = [
        (site.estate.id, day, datetime(day.year, day.month, day.day, 7, n, tzinfo=site.tz).astimezone(UTC), line, what)
        for day in LOADED
        for number, line in enumerate(site.line)
        for n, what in enumerate(["person"] * (number + 1) + ["car"])
    ]
    with connect(settings, "loader") as client:
        client.execute("INSERT INTO crossings (estate_id, day, event_time, line_id, object_class) VALUES", crossings)
        roll_up_missing(client, site.estate.id, site.estate.timezone)
        client.execute(
            "INSERT INTO nightly_accounting (estate_id, day) VALUES", [(site.estate.id, day) for day in LOADED]
        )
    return rows


def test_the_warehouse_is_read_as_it_was_written(fresh: Settings, site: Site, tmp_path: Path) -> None:
    migrate(fresh, (site.estate.id,))
    with connect(fresh, "analyst") as client, pytest.raises(UserError, match="has no incident"):
        read_history(client, site)
    rows = fill(fresh, site, tmp_path)
    with connect(fresh, "analyst") as client:
        history = read_history(client, site)
        part = read_history(client, site, FIRST + timedelta(days=10), FIRST + timedelta(days=39))
    written = Counter(tuple(row.split(",")) for row in rows)
    assert written == Counter((f"{e.day} {e.hour:02}:30", e.kind, e.zone_id) for e in history.events)
    assert (history.first, history.last) == (FIRST, FIRST + timedelta(days=DAYS - 1))
    assert len(part.daily("theft").counts) == 30
    assert part.daily("theft").counts.tolist() == history.daily("theft").counts[10:40].tolist()
    border = {line.id for line in site.lines if "outside" in (line.from_zone, line.to_zone)}
    persons = {line: number + 1 for number, line in enumerate(site.line)}
    assert history.passages == {
        day: [0] * 7 + [sum(n for line, n in persons.items() if line in border)] + [0] * 16 for day in LOADED
    }
    for zone in site.zones:
        touching = [line.id for line in site.lines if zone.id in (line.from_zone, line.to_zone)]
        assert history.zone_passages[zone.id] == len(LOADED) * sum(persons[line] for line in touching)
    (trend,) = Asked(fresh, site, None, None, ("theft",), "month").answer()
    assert trend == study(history, "theft", "month", site.estate.handover_date)
    with pytest.raises(UserError, match="no such kind: arson"):
        Asked(fresh, site, None, None, ("arson",), "month").answer()
    _for_people(history, trend, fresh, site, tmp_path)


def _for_people(history: History, trend: Trend, settings: Settings, site: Site, folder: Path) -> None:
    assert (trend.unit, trend.looks.year_on_year_word, trend.looks.hand_over_word) == ("days", "fell", "fell")
    assert trend.placebo_rank == 1
    console = Console(record=True, width=200, file=(folder / "table.txt").open("w"))
    show([trend, study(history, "fight", "month", site.estate.handover_date)], console)
    text = console.export_text()
    assert "fell" in text
    assert "no incident in either year" in text
    assert all(line in text for line in NOT_SHOWN)
    assert msgspec.json.decode(msgspec.json.encode(trend))["looks"]["hand_over_word"] == "fell"
    zones = {zone.id: zone.name for zone in site.zones}
    html = render([trend], site.estate.name, zones, fonts_folder(settings), date(2025, 1, 1))
    assert "盗窃：同比下降；移交前后下降" in html
    assert html.count("<svg") == len([part for part in (trend.series, trend.hours, trend.zones) if part])
    assert all(limit in html for limit in LIMITS)
    assert "src=" not in html
    assert "<script" not in html
    assert 'href="http' not in html.replace('xlink:href="#', "")
