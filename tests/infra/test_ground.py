"""The ground of a picture, against a pinhole camera by its closed formula and against points that determine nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ground import Floats, Match, fit, residuals_m, to_ground

SIZE = (640, 480)
FOCAL = 600.0


def seen(x: float, y: float, height: float, tilt: float) -> tuple[float, float]:
    """Where a camera at (0, 0), `height` m up, looking along +y and down by `tilt`, shows the ground point (x, y).

    By similar triangles: what is `forward` along its axis and `below` it appears `below / forward` beneath the middle.
    """
    forward = y * math.cos(tilt) + height * math.sin(tilt)
    below = height * math.cos(tilt) - y * math.sin(tilt)
    return SIZE[0] / 2 + FOCAL * x / forward, SIZE[1] / 2 + FOCAL * below / forward


def matches(places: list[tuple[float, float]], height: float = 4.0, tilt: float = 0.35) -> list[Match]:
    """Such ground points, measured in the picture and on the ground."""
    return [(*seen(x, y, height, tilt), x, y) for x, y in places]


CORNERS = [(-4.0, 6.0), (4.0, 6.0), (6.0, 20.0), (-6.0, 20.0)]


@given(
    st.floats(2, 12),
    st.floats(0.1, 1.2),
    st.lists(st.tuples(st.floats(-8, 8), st.floats(3, 30)), min_size=1, max_size=8),
)
def test_four_points_give_the_ground_of_a_pinhole_camera(
    height: float, tilt: float, places: list[tuple[float, float]]
) -> None:
    matrix = fit(matches(CORNERS, height, tilt))
    found = to_ground(matrix, np.array([seen(x, y, height, tilt) for x, y in places]))
    assert np.allclose(found, places, atol=1e-5)


@given(st.floats(0, 6.28), st.floats(-1e5, 1e5), st.floats(0.01, 100), st.permutations(range(6)))
def test_a_site_turned_moved_and_measured_in_any_order_gives_the_same_places(
    turn: float, move: float, scale: float, order: list[int]
) -> None:
    """`scale` in pixels: a larger stream of the same camera."""
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    pixels, metres = np.hsplit(np.array(matches([*CORNERS, (1.0, 9.0), (-2.0, 14.0)])), 2)
    moved = np.column_stack([pixels * scale, metres @ rotation.T + move])
    matrix = fit([(a, b, c, d) for a, b, c, d in moved[order].tolist()])
    place = np.array(seen(2.0, 11.0, 4.0, 0.35)) * scale
    assert np.allclose(to_ground(matrix, place[None]), rotation @ (2.0, 11.0) + move, atol=1e-4)


def test_above_the_horizon_there_is_no_ground() -> None:
    matrix = fit(matches(CORNERS))
    horizon = SIZE[1] / 2 - FOCAL * math.tan(0.35)
    above, below = to_ground(matrix, np.array([[320.0, horizon - 1], [320.0, horizon + 1]])).tolist()
    assert np.isnan(above).all()
    depression = 0.35 + math.atan((horizon + 1 - SIZE[1] / 2) / FOCAL)
    assert below == pytest.approx([0.0, 4.0 / math.tan(depression)], abs=1e-3)


def test_more_points_are_fitted_and_one_that_does_not_fit_is_off_the_most() -> None:
    places = [*CORNERS, (0.0, 8.0), (2.0, 12.0), (-3.0, 10.0), (3.0, 16.0)]
    exact = matches(places)
    assert residuals_m(exact, fit(exact)).max() < 1e-9
    x_px, y_px, x, y = exact[5]
    wrong = [*exact[:5], (x_px, y_px, x + 5, y), *exact[6:]]
    off = residuals_m(wrong, fit(wrong))
    assert off.argmax() == 5
    assert off.max() > 2


def test_noise_of_a_pixel_is_centimetres_and_more_points_do_better_than_four() -> None:
    rng = np.random.default_rng(5)
    places = [*CORNERS, *((x, y) for x in (-3.0, 0.0, 3.0) for y in (7.0, 11.0, 15.0))]
    inside = np.array([seen(x, y, 4.0, 0.35) for x, y in ((0.0, 9.0), (2.0, 13.0), (-2.0, 10.0))])
    truth = to_ground(fit(matches(CORNERS)), inside)

    def error(points: list[Match]) -> float:
        noisy = np.array(points) + np.pad(rng.normal(0, 1, (len(points), 2)), ((0, 0), (0, 2)))
        found: Floats = to_ground(fit([(a, b, c, d) for a, b, c, d in noisy.tolist()]), inside)
        return float(np.linalg.norm(found - truth, axis=1).mean())

    four, many = (np.mean([error(matches(some)) for _ in range(100)]) for some in (CORNERS, places))
    assert many < four < 0.1


def mixed(pixels: list[Match], metres: list[Match]) -> list[Match]:
    """The pixels of one, the metres of the other."""
    return [(a[0], a[1], b[2], b[3]) for a, b in zip(pixels, metres, strict=True)]


GOOD = matches(CORNERS)
IN_A_ROW: list[Match] = [(n * 150.0, 300.0 + n % 2, 3.0, float(n)) for n in range(4)]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (matches([(0.0, 6.0), (0.0, 9.0), (0.0, 12.0), (0.0, 15.0)]), "no three lie on one line"),
        (matches([(0.0, 6.0), (0.0, 9.0), (0.0, 12.0), (5.0, 15.0)]), "no three lie on one line"),
        (matches([CORNERS[0], *CORNERS[:3]]), "no three lie on one line"),
        (matches([(0.0, 6.0)] * 4), "points that differ"),
        (mixed(GOOD, IN_A_ROW), "no three lie on one line"),
        (mixed(IN_A_ROW, GOOD), "no three lie on one line"),
        (mixed(GOOD, [GOOD[1], GOOD[0], *GOOD[2:]]), "some seem exchanged"),
    ],
)
def test_points_that_determine_no_ground_are_told(points: list[Match], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        fit(points)
