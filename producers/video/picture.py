"""What a picture says of its camera: ok, black, frozen, blurred, moved or covered. Pure and cheap.

Once a second a picture is reduced to `SIZE` grey values and compared with this camera's own normal, which is learnt in
the first `LEARN_MS` and then follows slowly, by pictures that are ok only:

- **Orientation** of the edges at each pixel, as a unit vector of twice the angle (the same for an edge and its
  negative: G. H. Granlund, "In search of a general picture processing operator", CGIP 8, 1978), averaged. What moves
  averages out; what stays, stays, whatever the light. A block of the picture is *held* when the edges of the last
  seconds still correlate with the normal ones (A. J. Fitch et al., "Orientation correlation", BMVC 2002).
- **Detail** on strong edges: what a light smoothing takes away, as a share of the gradient (F. Crété et al., "The blur
  effect", SPIE 6492, 2007), per block. It hardly depends on contrast and light.
- **Brightness** of `CELL` pixels, to tell the same scene defocused or darkened from something in front of it.

A verdict is told when it has lasted for `HOLD_MS`, so that no passing bus is one, and ok again after `RECOVER_MS`. Dark
blocks are not judged. A camera that is moved stays so until the producer is started anew (the view has to be drawn anew
anyhow), or for `RELEARN_MS`: then what it sees is taken as normal, since a scaffold would blind it for ever otherwise.
"""

from typing import Final, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from infra.events import Picture
from producers.video.source import Image

Small = NDArray[np.uint8]
Floats = NDArray[np.float32]
Field = NDArray[np.complex64]
A = TypeVar("A", Floats, Field)

SIZE: Final = (256, 192)
BLOCK: Final = 32
CELL: Final = 16
JUDGE_MS: Final = 1_000
"""A camera is judged at most so often."""
MOST_STEP_MS: Final = 2_000
"""What one picture counts for at most, when they are few."""
LEARN_MS: Final = 10_000
FOLLOW_MS: Final = 600_000
RECENT_MS: Final = 5_000
HOLD_MS: Final = 20_000
RECOVER_MS: Final = 10_000
FROZEN_MS: Final = 30_000
"""So long without the slightest change: no real sensor does that."""
RELEARN_MS: Final = 86_400_000

DARK: Final = 8
"""Grey level that no cell of a black picture reaches."""
DIM: Final = 24
"""Grey level below which a block is too dark to be judged."""
FLAT: Final = 3
"""Grey levels: a picture whose cells differ by less shows nothing."""
LEAST_EDGE: Final = 4.0
"""Grey levels across two pixels that noise does not reach after smoothing."""
ASIDE_PX: Final = 4
STABLE: Final = 0.015
"""Share of a block's pixels with lasting edges that makes it worth judging."""
HELD: Final = 0.4
"""Match with the normal (1: the same, 0: nothing in common) from which a block still shows what it did."""
STRAY: Final = 0.25
FOREIGN: Final = 0.4
"""At most the first share of the blocks is held, and the second holds still but shows something else: moved."""
SOFT: Final = 0.65
BLURRED: Final = 0.6
"""The first is the share of a block's normal detail below which it is soft, the second that of soft blocks: blurred."""
GONE: Final = 0.5
"""Share of the blocks that have lost their edges, or hold still and show something else: covered."""
SAME_SCENE: Final = 0.8
"""Correlation of brightness from which it is the same scene, in other light or out of focus."""
EASE: Final = 0.1
"""How much better than needed for ok a picture must be to become ok again (hysteresis)."""


class Sight(Struct, frozen=True):
    """One picture's features: orientation field, and per block edge detail (NaN: no edges) and brightness per cell."""

    field: Field
    detail: Floats
    cells: Floats


class Normal(Struct, frozen=True):
    """What the camera usually shows: the averages of `Sight`, learnt over `learnt_ms`."""

    sight: Sight
    learnt_ms: int = 0


class Judged(Struct, frozen=True):
    """What is remembered of one camera; `told` is the verdict.

    The last picture came at `at_ms` and has not changed for `still_ms`; verdict `suspect` has contradicted `told` for
    `against_ms`, and `moved_ms` is for how long it has been told as moved.
    """

    told: Picture = "ok"
    at_ms: int | None = None
    last: Small | None = None
    still_ms: int = 0
    suspect: Picture = "ok"
    against_ms: int = 0
    moved_ms: int = 0
    normal: Normal | None = None
    recent: Field | None = None


def reduced(image: Image) -> Small:
    """The picture (height x width x 3, BGR) as `SIZE` grey values, each the mean of what it covers."""
    import cv2

    stride = max(1, image.shape[0] // (2 * SIZE[1]))  # averaging all of a large picture would cost more than the rest
    image = image[::stride, ::stride]
    small: Small = cv2.cvtColor(cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return small


def is_due(judged: Judged, event_ms: int) -> bool:
    """Whether it is time to judge a picture of `event_ms`."""
    return judged.at_ms is None or not 0 <= event_ms - judged.at_ms < JUDGE_MS


def judge(judged: Judged, small: Small, event_ms: int) -> Judged:
    """Look at one reduced picture; the new `told` is what there is to tell of the camera."""
    step_ms = 0 if judged.at_ms is None else min(max(event_ms - judged.at_ms, 0), MOST_STEP_MS)
    still_ms = judged.still_ms + step_ms if judged.last is not None and np.array_equal(judged.last, small) else 0
    sight = look(small)
    recent = sight.field if judged.recent is None else _mixed(judged.recent, sight.field, step_ms / RECENT_MS)
    verdict = _plain_trouble(sight, still_ms)
    if verdict == "ok" and judged.normal is not None and judged.normal.learnt_ms >= LEARN_MS:
        verdict = compare(judged.normal.sight, sight, recent, 0.0 if judged.told == "ok" else EASE)
    judged = msgspec.structs.replace(judged, at_ms=event_ms, last=small, still_ms=still_ms, recent=recent)
    return _learn(_hold(judged, verdict, step_ms), sight, verdict, step_ms)


def _plain_trouble(sight: Sight, still_ms: int) -> Picture:
    """What can be said without knowing the camera."""
    if sight.cells.max() < DARK:
        return "black"
    if sight.cells.max() - sight.cells.min() < FLAT:
        return "covered"
    return "frozen" if still_ms >= FROZEN_MS - HOLD_MS else "ok"


def _hold(judged: Judged, verdict: Picture, step_ms: int) -> Judged:
    """Tell a verdict that has lasted; of troubles that take turns, the one at the end."""
    goes_on = verdict == judged.suspect or (judged.told == "ok" and "ok" not in (verdict, judged.suspect))
    against_ms = 0 if verdict == judged.told else step_ms + (judged.against_ms if goes_on else 0)
    told = judged.told
    if against_ms >= (RECOVER_MS if verdict == "ok" else HOLD_MS):
        told, against_ms = verdict, 0
    moved_ms = judged.moved_ms + step_ms if told == "moved" else 0
    return msgspec.structs.replace(judged, told=told, suspect=verdict, against_ms=against_ms, moved_ms=moved_ms)


def _learn(judged: Judged, sight: Sight, verdict: Picture, step_ms: int) -> Judged:
    """Let the normal follow a picture that is ok; begin anew when the camera has been moved for long."""
    if judged.moved_ms >= RELEARN_MS:
        return msgspec.structs.replace(judged, normal=None, moved_ms=0)
    if verdict != "ok":
        return judged
    if judged.normal is None:
        return msgspec.structs.replace(judged, normal=Normal(sight))
    learnt_ms, known = judged.normal.learnt_ms + step_ms, judged.normal.sight
    share = step_ms / (max(learnt_ms, 1) if learnt_ms < LEARN_MS else FOLLOW_MS)
    detail = np.where(np.isnan(known.detail), sight.detail, _mixed(known.detail, sight.detail, share))
    followed = Sight(
        _mixed(known.field, sight.field, share),
        np.where(np.isnan(detail), known.detail, detail),
        _mixed(known.cells, sight.cells, share),
    )
    return msgspec.structs.replace(judged, normal=Normal(followed, learnt_ms))


def look(small: Small) -> Sight:
    """The features of a reduced picture."""
    grey = small.astype(np.float32)
    smooth = _smoothed(grey)
    framed = np.pad(smooth, 1, mode="edge")
    gradient = (framed[1:-1, 2:] - framed[1:-1, :-2]) + 1j * (framed[2:, 1:-1] - framed[:-2, 1:-1])
    strength = np.abs(gradient)
    strong = strength > max(LEAST_EDGE, 0.75 * float(strength.mean()))
    field = np.where(strong, (gradient / np.where(strong, strength, 1)) ** 2, 0).astype(np.complex64)
    edges, lost = _blocks(strength * strong), _blocks(np.abs(grey - smooth) * strong)
    detail = np.where(_blocks(strong) >= STABLE / 2, lost / np.maximum(edges, 1e-6), np.nan).astype(np.float32)
    return Sight(field, detail, _blocks(grey, CELL))


def compare(normal: Sight, sight: Sight, recent: Field, ease: float = 0.0) -> Picture:
    """The verdict on a picture against the camera's normal; `recent` is the mean field of the last seconds.

    `ease` (0 … 0.3) makes ok harder to reach.
    """
    edges = _edges(normal.field)
    weight = _match(normal.field, edges)
    known = weight >= STABLE
    judgeable = known & (_blocks(sight.cells, BLOCK // CELL) >= DIM)
    least = int(known.sum())
    if judgeable.sum() < max(1, least / 4):
        return "ok"
    same_scene = _correlation(normal.cells, sight.cells) >= SAME_SCENE
    soft = judgeable & ~(sight.detail >= (SOFT + ease) * normal.detail)
    held = judgeable & (_match(recent, edges) >= (HELD + ease) * weight)
    foreign = judgeable & ~held & (_match(recent, _edges(recent)) >= 0.5 * weight)
    gone = ~held & (foreign | soft)  # a crowd has sharp edges that do not hold still: not gone
    if same_scene and soft.sum() >= (BLURRED - ease) * least:
        return "blurred"
    if held.sum() <= (STRAY + ease) * least and foreign.sum() >= (FOREIGN - ease) * least:
        return "moved"
    return "covered" if not same_scene and gone.sum() >= (GONE - ease) * least else "ok"


def _edges(field: Field) -> Field:
    """The field less what lies `ASIDE_PX` beside: what a small shift changes. Else all that is upright looks alike."""
    height, width = field.shape
    framed, twice = np.pad(field, ASIDE_PX, mode="edge"), 2 * ASIDE_PX
    rows, columns = slice(ASIDE_PX, ASIDE_PX + height), slice(ASIDE_PX, ASIDE_PX + width)
    beside = framed[rows, twice:] + framed[rows, :width] + framed[twice:, columns] + framed[:height, columns]
    return field - beside / 4


def _match(one: Field, edges: Field) -> Floats:
    return _blocks((one * edges.conj()).real)


def _smoothed(grey: Floats) -> Floats:
    """By the binomial kernel of 3 x 3."""
    framed = np.pad(grey, 1, mode="edge")
    rows = framed[:-2] + 2 * framed[1:-1] + framed[2:]
    smooth: Floats = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return smooth


def _blocks(values: NDArray[np.float32] | NDArray[np.bool_], side: int = BLOCK) -> Floats:
    """The mean of each square of `side` pixels."""
    height, width = values.shape
    means: Floats = values.reshape(height // side, side, width // side, side).mean(axis=(1, 3), dtype=np.float32)
    return means


def _correlation(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if min(one.std(), other.std()) > 0 else 0.0


def _mixed(known: A, new: A, share: float) -> A:
    """`known`, moved towards `new` by `share` (at most all the way)."""
    mixed: A = (known + min(share, 1.0) * (new - known)).astype(known.dtype)
    return mixed
