"""The spool file against a plain list: whatever happens, order per key holds and no crossing is lost."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra import metrics
from infra.errors import UserError
from infra.events import Envelope
from producers.spool import claim
from producers.spool_store import Message, Store
from tests.producers.spooling import (
    crossings_in,
    decoded,
    detections_in,
    encoded,
    envelope,
    thinned_in,
)

LIMIT = 12_000
IN_FLIGHT = 2_000
ZONES = st.sampled_from(["a", "b", "c"])


def add(store: Store, one: Envelope) -> None:
    """Hand over one envelope."""
    store.add("detections", one.zone_id.encode(), encoded(one), one.start_ms, None)


def drain(store: Store) -> list[Envelope]:
    """Everything it holds, taken and acknowledged."""
    found: list[Envelope] = []
    while taken := store.take(IN_FLIGHT):
        found += [decoded(message.value) for message in taken]
        store.acknowledge(message.id for message in taken)
    return found


class SpoolMachine(RuleBasedStateMachine):
    """Any order of add, take, acknowledge, rewind, kill and reopen. `sent` is all that was ever handed over.

    Kafka is `arrived`: what was acknowledged. A kill is a copy of the files as they are at that moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="anfang-spool-"))
        self.folder = self.root / "0"
        self.errors: list[str] = []
        self.sent: dict[str, list[Envelope]] = {"a": [], "b": [], "c": []}
        self.arrived: list[Envelope] = []
        self.in_flight: list[Message] = []
        self.kills = 0

    @initialize()
    def begin(self) -> None:
        self.store = claim(self.folder, LIMIT, self.errors.append)

    @rule(zone=ZONES, detections=st.integers(0, 30), crossing=st.integers(0, 9), health=st.booleans())
    def add(self, zone: str, detections: int, crossing: int, health: bool) -> None:
        one = envelope(zone, len(self.sent[zone]), detections, int(crossing == 0), health=health)
        add(self.store, one)
        self.sent[zone].append(one)

    @rule()
    def take(self) -> None:
        self.in_flight += self.store.take(IN_FLIGHT)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def acknowledge_some(self, data: st.DataObject) -> None:
        chosen = set(data.draw(st.lists(st.sampled_from([message.id for message in self.in_flight]), min_size=1)))
        self.arrived += [decoded(message.value) for message in self.in_flight if message.id in chosen]
        self.in_flight = [message for message in self.in_flight if message.id not in chosen]
        self.store.acknowledge(chosen)

    @rule()
    def rewind(self) -> None:
        self.store.rewind()
        self.in_flight = []

    @rule()
    def kill(self) -> None:
        self.kills += 1
        copy = self.root / str(self.kills)
        shutil.copytree(self.folder, copy)
        self.store._db.close()  # the test's own hand, to leave no open file; the copy was made before
        self.store, self.folder, self.in_flight = claim(copy, LIMIT, lambda _: None), copy, []

    @invariant()
    def it_stays_within_its_limit_and_counts_right(self) -> None:
        held = self._held()
        assert self.store.messages == len(held)
        assert self.store.held_bytes == sum(1 + len(encoded(one)) for one in held) <= LIMIT

    @invariant()
    def every_crossing_is_here_or_there_once(self) -> None:
        found = crossings_in(self._held()) + crossings_in(self.arrived)
        assert sorted(found) == sorted(crossings_in(one for zone in self.sent.values() for one in zone))

    @invariant()
    def order_of_each_key_holds(self) -> None:
        held = self._held()
        for zone in self.sent:
            numbers = [one.seq for one in held if one.zone_id == zone]
            assert numbers == sorted(set(numbers))

    @invariant()
    def every_detection_is_here_or_there_or_told_as_given_up(self) -> None:
        everything = [*self._held(), *self.arrived]
        given_up = thinned_in(everything) + sum(self.store.thinned.values())
        assert detections_in(everything) + given_up == detections_in(one for zone in self.sent.values() for one in zone)

    def teardown(self) -> None:
        assert not self.errors
        self.store.close()
        shutil.rmtree(self.root)

    def _held(self) -> list[Envelope]:
        rows = self.store._db.execute("SELECT message_value FROM messages ORDER BY id")
        return [decoded(row["message_value"]) for row in rows]


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(
    max_examples=30, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def full_of_crossings(path: Path, told: list[str]) -> Store:
    """A spool that had to give up everything but crossings, and then some of these."""
    store = claim(path, LIMIT, told.append)
    for seq in range(100):
        add(store, envelope("a", seq, detections=9, crossings=1, health=seq % 10 == 0))
    return store


def test_crossings_are_the_last_to_go_and_it_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    before = metrics.REGISTRY.get_sample_value("anfang_spool_given_up_total", {"what": "crossing"}) or 0
    store = full_of_crossings(tmp_path, told)
    left = drain(store)
    assert [one for one in left[:-5] if one.detections or one.visible is not None or one.health] == []
    lost = 100 - len(crossings_in(left))
    assert lost > 0
    assert crossings_in(left) == [f"a.{seq}.0" for seq in range(lost, 100)]
    assert metrics.REGISTRY.get_sample_value("anfang_spool_given_up_total", {"what": "crossing"}) == before + lost
    assert len(told) == 1
    assert "ERROR" in told[0]
    store.close()


def test_what_was_given_up_is_told_by_the_next_health_even_of_a_later_process(tmp_path: Path) -> None:
    told: list[str] = []
    store = full_of_crossings(tmp_path, told)
    left = drain(store)
    store.close()
    later = claim(tmp_path, LIMIT, told.append)
    add(later, envelope("a", 100, health=True))
    add(later, envelope("a", 101, health=True))
    healths = drain(later)
    assert healths[0].health is not None
    assert healths[0].health.thinned == 900 - detections_in(left) - thinned_in(left)
    assert thinned_in(healths[1:]) == 0
    later.close()


def test_a_living_process_keeps_its_spool_and_a_dead_one_is_taken_over(tmp_path: Path) -> None:
    told: list[str] = []
    first, second = claim(tmp_path, LIMIT, told.append), claim(tmp_path, LIMIT, told.append)
    assert first.path != second.path
    for store, zone in ((first, "a"), (second, "b")):
        for seq in range(40 if zone == "b" else 5):
            add(store, envelope(zone, seq, 9))
    given_up = dict(second.thinned)
    assert given_up["cam_b"] > 0
    second.close()
    first.close()
    third = claim(tmp_path, LIMIT, told.append)
    assert third.thinned == given_up
    found = drain(third)
    assert [(one.zone_id, one.seq) for one in found[:5]] == [("a", seq) for seq in range(5)]
    assert [(one.zone_id, one.seq) for one in found[5:]] == [("b", seq) for seq in range(40)]
    third.close()
    assert claim(tmp_path, LIMIT, told.append).messages == 0


def test_a_damaged_spool_is_put_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    (tmp_path / "1.sqlite").write_bytes(b"x" * 5_000)
    told: list[str] = []
    store = claim(tmp_path, LIMIT, told.append)
    add(store, envelope("a", 0))
    assert len(drain(store)) == 1
    assert "damaged" in told[0]
    assert [path.read_bytes() for path in tmp_path.glob("*.broken-*")] == [b"x" * 5_000]


def test_a_spool_of_which_one_page_is_damaged_is_put_aside_too(tmp_path: Path) -> None:
    store = claim(tmp_path, 10**9, pytest.fail)
    for seq in range(200):
        add(store, envelope("a", seq, 9))
    asked = "SELECT rootpage FROM sqlite_master WHERE name = 'messages_by_part'"
    ((page,), (size,)) = store._db.execute(asked).fetchone(), store._db.execute("PRAGMA page_size").fetchone()
    store.close()
    with (tmp_path / "1.sqlite").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    told: list[str] = []
    begun = claim(tmp_path, 10**9, told.append)
    assert begun.messages == 0
    assert "damaged" in told[0]
    assert len(list(tmp_path.glob("*.broken-*"))) == 1


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    store = claim(tmp_path / "spool", LIMIT, print)
    add(store, envelope("a", 0))
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "spool").iterdir()} == {
        "1.sqlite": 0o600,
        "1.sqlite-wal": 0o600,
    }
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700


def add_many(store: Store, count: int) -> None:
    """Hand over `count` envelopes of zone a, from its number 1 on."""
    for seq in range(1, count + 1):
        add(store, envelope("a", seq, 99))


def test_a_full_disk_is_told_and_what_was_held_stays(tmp_path: Path) -> None:
    store = claim(tmp_path, 10**9, print)
    add(store, envelope("a", 0))
    store._db.execute("PRAGMA max_page_count = 12")
    with pytest.raises(UserError, match="database or disk is full"):
        add_many(store, 1_000)
    held = store.messages
    assert held > 3
    assert [one.seq for one in drain(store)] == list(range(held))
