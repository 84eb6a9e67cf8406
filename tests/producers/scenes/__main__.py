"""`python -m tests.producers.scenes`: every case through the real way, and the table of it for docs/camera.md."""

import tempfile
from pathlib import Path

from tests.producers.scenes.judge import CASES, Score, score, total, watched


def row(name: str, one: Score) -> str:
    """One line of the table."""
    (true_in, true_out), (seen_in, seen_out) = one.true, one.seen
    return (
        f"| {name} | {true_in} / {seen_in} | {true_out} / {seen_out} | {one.off:.1%} "
        f"| {one.hits + one.missed} | {one.precision:.3f} | {one.recall:.3f} |"
    )


def main() -> None:
    """Run all cases and print the table."""
    print("| line | in: true / seen | out: true / seen | off by | persons entering | precision | recall |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            truth, envelopes = watched(case, Path(folder))
            scores.append(score(case, truth, envelopes))
            print(row(case.name, scores[-1]), flush=True)
    print(row("all", total(scores)))


if __name__ == "__main__":
    main()
