"""The arithmetic of the benchmarks: spreads, ratios by round, turns, files, what counts as the same; no stack."""

from collections import Counter
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.events import Envelope
from infra.validate import Refusal, judge
from tests.benchmarks.__main__ import main
from tests.benchmarks.camera import excess, hit, missed, steady
from tests.benchmarks.feed import DETECTIONS_EACH, ZONES, envelopes, synthetic_site, true_balances
from tests.benchmarks.harness import (
    OURS,
    DifferentAnswerError,
    Machine,
    Result,
    Spread,
    alternate,
    ratios,
    result,
    rounds_wanted,
    same,
    spread,
    this_machine,
    write_result,
)
from tests.benchmarks.sink import fingerprint

MACHINE = Machine("cpu", 2, 24.0, 0.5, "3.11.2")
MESSAGES = [(b"zone", b'{"n":%d}' % n, n) for n in range(20)]


def test_spread_is_median_least_greatest() -> None:
    assert spread([5.0, 1.0, 3.0]) == Spread(3.0, 1.0, 5.0)
    assert spread([4.0, 2.0]) == Spread(3.0, 2.0, 4.0)


@given(st.lists(st.floats(1, 1e9), min_size=1))
def test_median_lies_between(values: list[float]) -> None:
    found = spread(values)
    assert found.min <= found.median <= found.max


def test_ratio_is_taken_within_a_round() -> None:
    found = result("n", "u", MACHINE, [10.0, 100.0, 30.0], {"peer": [5.0, 100.0, 10.0]})
    assert ratios([10.0, 100.0, 30.0], [5.0, 100.0, 10.0]) == [2.0, 1.0, 3.0]
    assert found.ratio == {"peer": Spread(2.0, 1.0, 3.0)}
    assert found.ours == Spread(30.0, 10.0, 100.0)
    assert found.rounds == 3


def test_ratio_of_unequal_rounds_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_sides_take_turns_and_every_second_round_is_backwards() -> None:
    calls: list[str] = []

    def measured(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    values = alternate({name: partial(measured, name) for name in (OURS, "a", "b")}, 3)
    warm, counted = calls[:3], calls[3:]
    assert warm == [OURS, "a", "b"]
    assert counted == [OURS, "a", "b", "b", "a", OURS, OURS, "a", "b"]
    assert values[OURS] == [4.0, 9.0, 10.0]


def test_a_crossing_is_missed_where_the_plain_loop_truly_has_it_and_ours_has_not() -> None:
    truth, plain, ours = {"a": (2, 0), "b": (1, 1)}, {"a": (3, 1), "b": (0, 1)}, {"a": (1, 0), "b": (1, 1)}
    assert hit(plain, truth) == {("a", 0): 2, ("a", 1): 0, ("b", 0): 0, ("b", 1): 1}
    assert missed(ours, plain, truth) == 1
    assert missed(plain, plain, truth) == 0
    assert (excess(plain, truth), excess(ours, truth)) == (2, 0)
    assert steady({"a": (14, 8), "b": (0, 2)}) == {"a": (6, 0), "b": (0, 2)}


def test_result_file_reads_back(tmp_path: Path) -> None:
    one = result("n", "u", MACHINE, [1.0], {"peer": [2.0]})
    path = write_result(one, tmp_path / "deep")
    assert path.name == "n.json"
    assert msgspec.json.decode(path.read_bytes(), type=Result) == one


def test_further_figures_are_keys_beside_the_others(tmp_path: Path) -> None:
    one = msgspec.structs.replace(result("n", "u", MACHINE, [1.0], {"peer": [2.0]}), extra={"p99_ms": 7.5})
    found = msgspec.json.decode(write_result(one, tmp_path).read_bytes())
    assert found["p99_ms"] == 7.5
    assert found["ratio"]["peer"]["median"] == 0.5
    assert "extra" not in found


def test_rounds_from_the_environment() -> None:
    assert rounds_wanted({}) == 5
    assert rounds_wanted({"ANFANG_BENCH_ROUNDS": "9"}) == 9


def test_machine_tells_cores_and_memory() -> None:
    here = this_machine()
    assert here.cores >= 1
    assert here.memory_gb > 0


def test_different_answers_are_an_error() -> None:
    same("x", 1, 1)
    with pytest.raises(DifferentAnswerError, match="x: 1, expected 2"):
        same("x", 1, 2)


def test_unknown_name_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "nightly, occupancy, poison, report, restart, sink" in capsys.readouterr().err


def test_fingerprint_ignores_order_and_sees_every_change() -> None:
    expected = fingerprint(MESSAGES)
    assert fingerprint(reversed(MESSAGES)) == expected
    assert fingerprint(MESSAGES[1:]) != expected
    assert fingerprint([*MESSAGES, MESSAGES[0]]) != expected
    assert fingerprint([(b"zone", b"other", 0), *MESSAGES[1:]]) != expected
    assert fingerprint([(b"zon", b'e{"n":0}', 0), *MESSAGES[1:]]) != expected


def test_every_envelope_is_valid_and_balances_are_those_of_its_crossings() -> None:
    site, messages = synthetic_site(), envelopes(10 * ZONES)
    balances: Counter[str] = Counter()
    for _, value, sent_ms in messages:
        envelope = judge(value, sent_ms, site)
        assert not isinstance(envelope, Refusal)
        assert _detections(envelope) == DETECTIONS_EACH
        balances[envelope.zone_id] += sum(envelope.crossings.direction) if envelope.crossings else 0
    assert len(messages) == 11 * ZONES
    assert true_balances(messages) == dict(balances)
    assert any(balances.values())


def _detections(envelope: Envelope) -> int:
    return len(envelope.detections.event_ms) if envelope.detections else 0
