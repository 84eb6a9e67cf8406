"""From a camera's picture to the ground: the homography that four or more measured points give. Pure.

The ground is taken for a plane and the lens for free of distortion. Fitted by the normalised direct linear transform
(Hartley & Zisserman, Multiple View Geometry, 2nd ed. 2004, algorithm 4.2); four points determine it exactly, more are
fitted by least squares.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Match = tuple[float, float, float, float]
"""One point measured twice: x and y in pixels of the picture, x and y in metres of the site."""

LEAST_SPREAD: Final = 3e-3
"""Ratio of singular values below which points lie as good as on one line: a strip of 200 to 1, or a pixel's error."""


def fit(matches: Sequence[Match]) -> Floats:
    """The homography (3 x 3) from pixels to metres, positive on the ground and negative above the horizon.

    Raises ValueError, saying why, where the points determine none or none that a camera can have.
    """
    picture, site = np.hsplit(np.asarray(matches, np.float64), 2)
    from_picture, from_site = _normaliser(picture), _normaliser(site)
    u, x = _homogeneous(picture) @ from_picture.T, _homogeneous(site) @ from_site.T
    nothing = np.zeros_like(u)
    rows = np.block([[nothing, -u, x[:, 1:2] * u], [u, nothing, -x[:, :1] * u]])
    _, strength, axes = np.linalg.svd(rows)
    core = axes[-1].reshape(3, 3)
    shape = np.linalg.svd(core, compute_uv=False)
    if strength[7] < LEAST_SPREAD * strength[0] or shape[2] < LEAST_SPREAD * shape[0]:
        raise ValueError("four points of which no three lie on one line, neither in the picture nor on the ground")
    matrix: Floats = np.linalg.inv(from_site) @ core @ from_picture
    depth = _homogeneous(picture) @ matrix[2]
    if depth.min() * depth.max() <= 0:
        raise ValueError(
            "points in one order around in the picture and on the ground: some seem exchanged or quite wrong"
        )
    fitted: Floats = matrix / depth.mean()
    return fitted


def to_ground(matrix: Floats, points_px: Floats) -> Floats:
    """n x 2 pixels → n x 2 metres; NaN for a point on the horizon or above it: that is nowhere on the ground."""
    x, y, depth = (_homogeneous(points_px) @ matrix.T).T
    below = np.where(depth > 0, depth, np.nan)
    return np.stack([x / below, y / below], axis=1)


def residuals_m(matches: Sequence[Match], matrix: Floats) -> Floats:
    """How far from where it was measured each point comes to lie, in metres."""
    picture, site = np.hsplit(np.asarray(matches, np.float64), 2)
    off: Floats = np.linalg.norm(to_ground(matrix, picture) - site, axis=1)
    return off


def _homogeneous(points: Floats) -> Floats:
    return np.column_stack([points, np.ones(len(points))])


def _normaliser(points: Floats) -> Floats:
    """What moves the points' centre to 0 and their mean distance from it to the root of 2."""
    centre = points.mean(axis=0)
    distance = float(np.linalg.norm(points - centre, axis=1).mean())
    if distance == 0:
        raise ValueError("points that differ")
    scale = 2**0.5 / distance
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])
