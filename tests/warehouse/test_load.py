"""The columnar loader: every type of our tables goes in and comes out as it was."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from infra.settings import Settings
from warehouse.client import access, ask_columns, connect, identifier
from warehouse.load import batch_writer, insert_columns, numpy_column
from warehouse.migrate import migrate

MS = 1_772_323_200_123
DAY = date(2026, 3, 1)


def test_arrow_columns_become_numpy() -> None:
    assert numpy_column(pa.array([True, False])).dtype == np.uint8
    assert np.isnan(numpy_column(pa.array([1, None]))[1])
    assert numpy_column(pa.array([DAY])).dtype == np.dtype("datetime64[D]")


def test_only_plain_names_are_identifiers() -> None:
    assert identifier("crossings_staging_0a") == "crossings_staging_0a"
    with pytest.raises(ValueError, match="not a plain name"):
        identifier("a; DROP TABLE b")


@pytest.mark.stack
def test_what_goes_in_comes_out(fresh: Settings) -> None:
    migrate(fresh, ("mine",))
    alert = pa.RecordBatch.from_pydict(
        {
            "estate_id": ["mine", "mine"],
            "day": [DAY, DAY],
            "alert_id": ["a", "b"],
            "opened_time": [MS, MS],
            "closed_time": pa.array([None, MS + 1], pa.int64()),
            "measured": pa.array([[("n", 1.5)], []], pa.map_(pa.string(), pa.float64())),
            "evidence": pa.array([["e"], []], pa.list_(pa.string())),
        }
    )
    minute = pa.RecordBatch.from_pydict(
        {
            "estate_id": ["mine", "mine"],
            "day": [DAY, DAY],
            "minute": [MS // 1000, MS // 1000 + 60],
            "zone_id": ["人民", "plaza"],
            "occupancy": pa.array([1.5, 2.5], pa.float32()),
            "visible": pa.array([None, 3], pa.int64()),
        }
    )
    for table, batch in (("alerts", alert), ("zone_minutes", minute)):
        (written,) = batch_writer(access(fresh, "loader"), table)([batch])
        assert written.column(0).to_pylist() == [2]
    with connect(fresh, "loader") as client:
        opened = datetime.fromtimestamp(MS / 1000, UTC)
        rows = client.execute(
            "SELECT alert_id, opened_time, closed_time, measured, evidence FROM alerts ORDER BY alert_id"
        )
        assert rows[0] == ("a", opened, None, {"n": 1.5}, ["e"])
        assert rows[1][2:] == (datetime.fromtimestamp((MS + 1) / 1000, UTC), {}, [])
        minutes = client.execute(
            "SELECT zone_id, toUnixTimestamp(minute), occupancy, visible FROM zone_minutes ORDER BY 1"
        )
        assert minutes == [("plaza", MS // 1000 + 60, 2.5, 3), ("人民", MS // 1000, 1.5, None)]


@pytest.mark.stack
def test_numpy_columns_and_named_queries(fresh: Settings) -> None:
    migrate(fresh, ("mine",))
    days = np.repeat(np.array([DAY, date(2026, 3, 2)], "datetime64[D]"), [1, 2])
    ids = np.array(["x", "y", "z"], object)
    with connect(fresh, "loader", use_numpy=True) as client:
        estates = np.full(3, "mine", object)
        assert insert_columns(client, "crossings", {"estate_id": estates, "day": days, "crossing_id": ids}) == 3
        assert insert_columns(client, "crossings", {"day": days[:0]}) == 0
        answer = ask_columns(client, "databases")
        assert fresh.clickhouse_database in list(answer["name"])
