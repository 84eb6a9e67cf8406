"""De-duplication against the obvious oracle: a set of everything seen."""

from hypothesis import given
from hypothesis import strategies as st

from infra.events import Envelope
from streams.seen import MAX_AHEAD, Sequence, first_time


def _envelope(boot_id: str, seq: int) -> Envelope:
    return Envelope(
        schema_version=1, estate_id="e", zone_id="z", camera_id="c", boot_id=boot_id, seq=seq, start_ms=0, end_ms=0
    )


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 60))))
def test_agrees_with_a_set(arrivals: list[tuple[str, int]]) -> None:
    sequences: list[Sequence] = []
    seen: set[tuple[str, int]] = set()
    first: dict[str, int] = {}
    for boot_id, seq in arrivals:
        assert first_time(sequences, _envelope(boot_id, seq)) is ((boot_id, seq) not in seen)
        seen.add((boot_id, seq))
        first.setdefault(boot_id, seq)
    for known in sequences:
        own = {seq for boot_id, seq in seen if boot_id == known.boot_id}
        assert known.missing == len(set(range(first[known.boot_id], max(own) + 1)) - own)


def test_a_gap_that_stays_open_is_given_up_and_counted() -> None:
    sequences: list[Sequence] = []
    for seq in [0, *range(5, MAX_AHEAD + 10)]:
        assert first_time(sequences, _envelope("a", seq))
    assert sequences[0].lost == 4
    assert sequences[0].missing == 4
    assert sequences[0].ahead == set()
    assert not first_time(sequences, _envelope("a", 3))


def test_a_worker_that_comes_later_misses_nothing_of_before() -> None:
    sequences: list[Sequence] = []
    for seq in range(9_000, 9_000 + 2 * MAX_AHEAD):
        first_time(sequences, _envelope("a", seq))
    assert sequences[0].missing == 0


def test_only_the_last_boots_are_kept() -> None:
    sequences: list[Sequence] = []
    for boot in "abcdef":
        first_time(sequences, _envelope(boot, 0))
    assert [sequence.boot_id for sequence in sequences] == ["c", "d", "e", "f"]
