"""What goes wrong on the way: missed crossings, late and repeated envelopes, and messages that must be refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from infra.clock import DAY_MS, MINUTE_MS
from infra.errors import UserError
from infra.events import SCHEMA_VERSION, Detections, Envelope, encoder
from infra.site import Site
from producers.day import Crossed
from producers.layout import Bools, Ints

RETRY_MS: Final = 5_000
LATE_AT_LEAST_MS: Final = 30_000
TOO_LARGE_BYTES: Final = 5_000_000
YEARS_OFF_MS: Final = 3 * 365 * DAY_MS


@dataclass(frozen=True)
class Faults:
    """Shares of crossings missed, envelopes sent twice, envelopes with crossings sent late; number of bad messages.

    Late envelopes come 30 s to `late_minutes` after their time. `poison` is the number over the whole run.
    """

    missed: float = 0.0
    duplicates: float = 0.0
    late: float = 0.0
    late_minutes: float = 3.0
    poison: int = 0

    def __post_init__(self) -> None:
        for name, share in (("missed", self.missed), ("duplicates", self.duplicates), ("late", self.late)):
            if not 0 <= share < 1:
                raise UserError(f"--{name} {share}: not a share", f"give --{name} a number from 0 up to 1, e.g. 0.05")
        if self.poison < 0 or self.late_minutes <= 0:
            raise UserError(
                f"--poison {self.poison}, --late-minutes {self.late_minutes}: out of range",
                "give --poison 0 or more and --late-minutes more than 0",
            )


def missed(crossings: Crossed, faults: Faults, dice: np.random.Generator) -> Bools:
    """Which crossings the cameras overlook; never one that an incident rests on."""
    return (dice.random(len(crossings)) < faults.missed) & ~crossings.kept


def late_ms(spared: Bools, faults: Faults, dice: np.random.Generator) -> Ints:
    """How late each envelope is sent, in ms; 0 for most, and for those that are spared."""
    latest = max(faults.late_minutes * MINUTE_MS, LATE_AT_LEAST_MS + 1)
    delays = dice.integers(LATE_AT_LEAST_MS, int(latest), len(spared))
    return np.where((dice.random(len(spared)) < faults.late) & ~spared, delays, 0)


def repeated(count: int, faults: Faults, dice: np.random.Generator) -> tuple[Ints, Ints]:
    """(envelope, ms after it) of each second sending."""
    again = np.flatnonzero(dice.random(count) < faults.duplicates)
    return again, dice.integers(0, RETRY_MS, len(again))


@dataclass(frozen=True)
class Poison:
    """A message that must be refused: what is wrong with it, its key, its bytes, and when it is sent."""

    kind: str
    key: bytes
    value: bytes
    sent_ms: int


def _malformed(good: Envelope) -> bytes:
    return encoder.encode(good)[:-7]


def _wrong_version(good: Envelope) -> bytes:
    return encoder.encode(good).replace(b'"schema_version":1', b'"schema_version":99')


def _too_large(good: Envelope) -> bytes:
    start = encoder.encode(good)[:-1]
    return start + b" " * (TOO_LARGE_BYTES - len(start) - 1) + b"}"


def _nan(good: Envelope) -> bytes:
    return encoder.encode(good).replace(b'"x_m":[1.0]', b'"x_m":[NaN]')


def _unknown_camera(good: Envelope) -> bytes:
    return encoder.encode(good).replace(good.camera_id.encode(), b"cam_of_nobody")


def _years_off(good: Envelope) -> bytes:
    off = encoder.encode(good)
    for moment in {good.start_ms, good.end_ms}:
        off = off.replace(str(moment).encode(), str(moment - YEARS_OFF_MS).encode())
    return off


POISONS: Final[dict[str, Callable[[Envelope], bytes]]] = {
    "malformed": _malformed,
    "wrong_version": _wrong_version,
    "too_large": _too_large,
    "nan": _nan,
    "unknown_camera": _unknown_camera,
    "years_off": _years_off,
}


def poisons(
    numbers: range, *, start_ms: int, end_ms: int, site: Site, boot_id: str, dice: np.random.Generator
) -> list[Poison]:
    """The bad messages with these numbers (kinds take turns), at random times of the span, by time."""
    moments = np.sort(dice.integers(start_ms, end_ms - 1000, len(numbers))).tolist()
    kinds = list(POISONS)
    found = []
    for number, moment in zip(numbers, moments, strict=True):
        kind = kinds[number % len(kinds)]
        good = _good(number, moment, site, boot_id)
        found.append(Poison(kind, good.zone_id.encode(), POISONS[kind](good), moment))
    return found


def _good(number: int, moment: int, site: Site, boot_id: str) -> Envelope:
    """A fault-free envelope, to be spoilt."""
    camera = site.cameras[number % len(site.cameras)]
    return Envelope(
        schema_version=SCHEMA_VERSION,
        estate_id=site.estate.id,
        zone_id=camera.zones[0],
        camera_id=camera.id,
        boot_id=f"{boot_id}.poison",
        seq=number,
        start_ms=moment,
        end_ms=moment,
        detections=Detections(
            event_ms=[moment], track_id=[number], object_class=["person"], x_m=[1.0], y_m=[1.0], confidence=[0.5]
        ),
    )
