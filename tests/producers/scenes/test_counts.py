"""Rendered scenes through the real way with the demo weights: counts in and out, and persons who enter a closed zone.

Half of what `python -m tests.producers.scenes` does over 500 crossings and more (its table: docs/scenes.md).
"""

from pathlib import Path

from tests.producers.scenes.judge import CASES, paired, score, total, watched


def test_counts_are_within_two_in_a_hundred_and_hardly_an_intruder_is_missed_or_invented(tmp_path: Path) -> None:
    scores = []
    for case in (CASES[1], CASES[2], CASES[4]):  # the hardest lines of the table, and one that is closed
        truth, envelopes = watched(case, tmp_path)
        scores.append(score(case, truth, envelopes))
        print(f"{case.name}: {scores[-1]}")
    whole = total(scores)
    assert sum(whole.true) > 250
    assert whole.off <= 0.02
    for one in scores:
        assert one.precision >= 0.97
        assert one.recall >= 0.97


def test_times_are_paired_once_and_only_when_near() -> None:
    assert paired([(0, 0), (100, 100), (9000, 9000)], [50, 60, 70, 20_000]) == 2
    assert paired([(5000, 5000)], [2900, 7100]) == 0
    assert paired([(5000, 9000), (5000, 5000)], [10_500, 4000]) == 2
    assert paired([], [1]) == paired([(1, 1)], []) == 0
