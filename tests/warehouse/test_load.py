"""The columnar loader: every type of our tables goes in and comes out as it was; a refusal tells why."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import Settings
from tests.warehouse.columns import connect_for_columns, insert_columns
from warehouse.client import access, connect, identifier
from warehouse.load import NotInsertedError, batch_writer, grouped, insert_batches
from warehouse.migrate import migrate

MS = 1_772_323_200_123
DAY = date(2026, 3, 1)


@given(st.lists(st.integers(0, 9)), st.integers(1, 20))
def test_batches_come_together_and_in_order(sizes: list[int], most_rows: int) -> None:
    batches = [pa.RecordBatch.from_pydict({"n": [place] * size}) for place, size in enumerate(sizes)]
    groups = list(grouped(batches, most_rows))
    assert [one for group in groups for one in group] == [batch for batch in batches if batch.num_rows]
    rows = [sum(batch.num_rows for batch in group) for group in groups]
    assert all(number >= most_rows for number in rows[:-1])
    assert all(sum(batch.num_rows for batch in group[:-1]) < most_rows for group in groups)


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
def test_a_refused_insert_says_where_and_why(fresh: Settings) -> None:
    migrate(fresh, ("mine",))
    batch = pa.RecordBatch.from_pydict({"estate_id": ["mine"], "zone_id": [DAY]})
    with pytest.raises(NotInsertedError, match=r"zone_minutes: 1 rows were not taken .*no_such_column"):
        insert_batches(access(fresh, "loader"), "zone_minutes", [batch.rename_columns(["estate_id", "no_such_column"])])
    with pytest.raises(NotInsertedError, match=r"not taken .*: no answer: .*refused"):
        insert_batches(replace(access(fresh, "loader"), http_port=1), "zone_minutes", [batch])
    assert insert_batches(access(fresh, "loader"), "zone_minutes", [batch.slice(0, 0)]) == 0


@pytest.mark.stack
def test_numpy_columns_come_in_as_they_are(fresh: Settings) -> None:
    migrate(fresh, ("mine",))
    days = np.repeat(np.array([DAY, date(2026, 3, 2)], "datetime64[D]"), [1, 2])
    ids = np.array(["x", "y", "z"], object)
    with connect_for_columns(fresh, "loader") as client:
        estates = np.full(3, "mine", object)
        assert insert_columns(client, "crossings", {"estate_id": estates, "day": days, "crossing_id": ids}) == 3
        assert insert_columns(client, "crossings", {"day": days[:0]}) == 0
    with connect(fresh, "migrator") as client:
        rows = client.execute("SELECT crossing_id, day FROM crossings ORDER BY crossing_id")
    assert rows == list(zip("xyz", days.tolist(), strict=True))
