"""What recovery keeps of a changelog in which a zombie wrote: the newest owner's furthest value, whatever the order."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import cast

import faust
import msgspec
from faust.types import EventT
from hypothesis import given
from hypothesis import strategies as st

from streams.durable import ZoneValue
from streams.fence import FencedStore, standing

Write = tuple[str, int, int]  # zone, epoch, offset
FETCH = 3  # records of a fetch


def _store() -> FencedStore:
    app = faust.App("fence", store="memory://")
    return FencedStore("memory://", app, app.Table("zones", key_type=bytes, value_type=bytes), table_name="zones")


def _stored(zone: str, epoch: int, offset: int) -> bytes:
    value = ZoneValue(0, f"{zone} at {offset} of {epoch}", {"detections": offset}, [], epoch)
    return msgspec.msgpack.encode(value)


def _recover(store: FencedStore, writes: Iterable[Write]) -> None:
    records = [
        SimpleNamespace(key=zone.encode(), value=_stored(zone, epoch, offset), partition=0)
        for zone, epoch, offset in writes
    ]
    events = [SimpleNamespace(value=records[start : start + FETCH]) for start in range(0, len(records), FETCH)]
    store.apply_changelog_batch(cast(list[EventT[bytes]], events), to_key=bytes, to_value=bytes)


def _kept(store: FencedStore) -> dict[str, tuple[int, int]]:
    return {bytes(key).decode(): standing(value) for key, value in store.data.items()}


def test_a_zombies_late_write_changes_nothing() -> None:
    store = _store()
    _recover(store, [("plaza", 1, 10), ("plaza", 2, 40), ("plaza", 1, 12)])
    assert msgspec.msgpack.decode(store.data[b"plaza"])[1] == "plaza at 40 of 2"


def test_a_tombstone_forgets_the_zone() -> None:
    store = _store()
    _recover(store, [("plaza", 1, 10), ("hall", 1, 10)])
    tombstone = SimpleNamespace(key=b"plaza", value=None, partition=0)
    event = SimpleNamespace(value=[tombstone])
    store.apply_changelog_batch([cast(EventT[bytes], event)], to_key=bytes, to_value=bytes)
    assert _kept(store) == {"hall": (1, 10)}


def test_values_of_before_there_were_epochs_are_followed_by_any() -> None:
    store = _store()
    old = msgspec.msgpack.encode([0, "old", {"detections": 7}, []])
    assert standing(old) == (0, 7)
    store.data[b"plaza"] = old
    _recover(store, [("plaza", 1, 3)])
    assert _kept(store) == {"plaza": (1, 3)}


@given(
    st.lists(st.tuples(st.sampled_from(["plaza", "hall"]), st.integers(0, 4), st.integers(0, 50)), max_size=30),
    st.integers(0, 30),
)
def test_the_greatest_of_each_zone_is_kept_however_it_is_batched(writes: list[Write], cut: int) -> None:
    store = _store()
    _recover(store, writes[:cut])
    _recover(store, writes[cut:])
    zones = {zone for zone, _, _ in writes}
    assert _kept(store) == {zone: max((e, o) for z, e, o in writes if z == zone) for zone in zones}
