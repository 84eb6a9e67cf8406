"""A live source in a process of its own, for killing: `python -m tests.producers.live_source FOLDER`.

It hands over envelope after envelope of `script`, writes down after each how far it came, and goes on from there when
it is started again: it is live, so what it has handed over once it will not hand over again. It ends at `enough`.
"""

import sys
import time
from itertools import count
from pathlib import Path
from typing import Final

from infra.events import Envelope
from infra.settings import load_settings
from infra.topics import DETECTIONS
from producers.spool import open_spooled
from tests.producers.spooling import encoded, envelope

ZONES: Final = [f"zone{number}" for number in range(7)]
PACE_S: Final = 0.002


def script(number: int) -> Envelope:
    """The envelope of that number: seven zones in turn, a few detections in each, a crossing in every third."""
    zone, seq = ZONES[number % 7], number // 7
    return envelope(zone, seq, detections=number % 5, crossings=int(number % 3 == 0), health=number % 60 < 7)


def reached(folder: Path) -> int:
    """How many were handed over."""
    path = folder / "reached"
    return path.stat().st_size if path.exists() else 0


def enough(folder: Path) -> None:
    """Let the source end."""
    (folder / "enough").touch()


def main(folder: Path) -> None:
    """Hand over what was not handed over yet."""
    with open_spooled(load_settings()) as sink, (folder / "reached").open("ab", buffering=0) as notes:
        for number in count(reached(folder)):
            if (folder / "enough").exists():
                break
            one = script(number)
            sink.send(DETECTIONS, one.zone_id.encode(), encoded(one), one.start_ms)
            notes.write(b".")
            time.sleep(PACE_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
