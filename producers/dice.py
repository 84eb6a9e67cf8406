"""Seeded randomness: a generator of its own for each purpose and day, so that one day or fault never moves another."""

from datetime import date
from typing import Literal, get_args

import numpy as np

Purpose = Literal[
    "residents", "life", "visible", "missed", "late", "duplicates", "poison", "incidents", "counts", "register"
]


def dice(seed: int, purpose: Purpose, day: date = date.min) -> np.random.Generator:
    """The generator of `purpose` on `day` in the run seeded with `seed` (0 or greater)."""
    return np.random.default_rng([seed, get_args(Purpose).index(purpose), day.toordinal()])
