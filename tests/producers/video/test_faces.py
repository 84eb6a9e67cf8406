"""The best head of a track, the gallery of a day, and the thread between them; with a face that is a plain vector."""

from datetime import date, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import DAY_MS, FakeClock, day_start_ms, local_day
from infra.events import ObjectClass
from infra.local.process import wait_until
from producers.video.faces import DECIDE_MS, HEAD_PX, SAME_PERSON, VECTOR, BestHeads, Gallery, Head, head_of
from producers.video.geometry import JOIN_MS, Floats, Seen
from producers.video.motion import Image
from producers.video.recognise import Recogniser, Represent, Visitors

TZ = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 1)
START_MS = day_start_ms(DAY, TZ) + 9 * 3_600_000
SIZE = (640, 480)


def face_at(*place: float) -> Floats:
    """A vector with these first coordinates."""
    vector = np.zeros(VECTOR)
    vector[: len(place)] = place
    return vector


def picture(seed: int = 0, sharp: int = 60) -> Image:
    """Grey tiles of 8 pixels, differing by up to `sharp` levels."""
    tiles = np.random.default_rng(seed).integers(-sharp, sharp + 1, (SIZE[1] // 8, SIZE[0] // 8, 3))
    return (128 + tiles.repeat(8, axis=0).repeat(8, axis=1)).astype(np.uint8)


def person(track: int, x: float = 300, width: float = 100, object_class: ObjectClass = "person") -> Seen:
    """Somebody whose box begins at `x`."""
    return Seen(track, (x, 100, x + width, 100 + 3 * width), object_class, 0.9)


def plain_search(seen: list[tuple[int, float]]) -> list[str | None]:
    """The oracle: what tokens such faces on such days should get."""
    told: list[str | None] = []
    known: list[tuple[float, str]] = []
    today = -1
    for day, place in seen:
        if day < today:
            told.append(None)
            continue
        known, today = known if day == today else [], day
        near = min(known, key=lambda one: abs(one[0] - place), default=(np.inf, ""))
        if abs(near[0] - place) >= SAME_PERSON:
            near = (place, f"t{len({*told} - {None})}")
            known.append(near)
        told.append(near[1])
    return told


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=40))
def test_a_gallery_knows_again_whom_a_plain_search_knows_again(seen: list[tuple[int, int]]) -> None:
    quarters = [(day, place / 4) for day, place in seen]
    names = (f"t{n}" for n in range(100))
    gallery = Gallery(new_token=lambda: next(names))
    told = [gallery.token(DAY + timedelta(days=day), face_at(place)) for day, place in quarters]
    assert told == plain_search(quarters)


def test_a_token_is_random_another_tomorrow_and_nothing_stays_in_memory() -> None:
    gallery, same = Gallery(), face_at(0.3, -0.2)
    first = gallery.token(DAY, same)
    assert first == gallery.token(DAY, same + 0.01)
    assert Gallery().token(DAY, same) != first
    assert gallery.token(DAY + timedelta(days=1), same) not in (first, None)
    gallery.forget()
    assert not gallery._vectors.any()
    assert len(gallery) == 0


def test_a_full_gallery_makes_nobody_up() -> None:
    gallery = Gallery(faces=2)
    first, second, third = (gallery.token(DAY, face_at(place)) for place in (0, 1, 2))
    assert (first != second, third, len(gallery)) == (True, None, 2)
    assert gallery.token(DAY, face_at(1.1)) == second


def test_a_head_is_the_upper_end_of_the_box_and_never_blown_up() -> None:
    image = picture()
    head = head_of(image, (100.0, 50.0, 200.0, 350.0))
    assert head is not None
    np.testing.assert_array_equal(head, image[50:150, 100:200])
    assert not np.shares_memory(head, image)
    large = head_of(image, (0.0, 0.0, 600.0, 480.0))
    assert large is not None
    assert max(large.shape) == HEAD_PX
    assert head_of(image, (100.0, 50.0, 140.0, 350.0)) is None
    assert head_of(image, (-80.0, 50.0, 30.0, 350.0)) is None


def looked(heads: BestHeads, images: list[Image], widths: list[float], start_ms: int = START_MS) -> None:
    """Track 1 looked at every 100 ms, so wide."""
    for n, (image, width) in enumerate(zip(images, widths, strict=True)):
        heads.look(start_ms + 100 * n, image, [person(1, width=width)])


def test_the_largest_and_sharpest_head_of_a_track_is_chosen_once() -> None:
    heads = BestHeads(SIZE, TZ)
    looked(heads, [picture(1, 5), picture(2, 60), picture(3, 5), picture(4, 60)], [120, 70, 120, 120])
    assert heads.chosen(START_MS + 400) == []
    (best,) = heads.chosen(START_MS + 301 + JOIN_MS)
    assert (best.track, best.event_ms) == (1, START_MS + 300)
    assert heads.chosen(START_MS + 400 + JOIN_MS, at_end=True) == []


def test_a_track_that_stays_is_decided_while_it_is_there_and_not_again() -> None:
    heads = BestHeads(SIZE, TZ)
    looked(heads, [picture()] * 51, [100] * 51)
    assert [head.track for head in heads.chosen(START_MS + DECIDE_MS)] == [1]
    looked(heads, [picture(1)], [160], START_MS + DECIDE_MS + 100)
    assert heads.chosen(START_MS + DECIDE_MS + 200, at_end=True) == []


def test_vehicles_and_the_far_away_are_not_looked_at_and_midnight_drops_what_waits() -> None:
    heads = BestHeads(SIZE, TZ)
    heads.look(START_MS, picture(), [person(1, object_class="car"), person(2, width=30), person(3)])
    assert [head.track for head in heads.chosen(START_MS, at_end=True)] == [3]
    midnight = day_start_ms(DAY + timedelta(days=1), TZ)
    heads.look(midnight - 100, picture(), [person(4)])
    assert heads.chosen(midnight, at_end=True) == []


def test_boxes_of_the_view_are_found_in_a_smaller_picture() -> None:
    heads = BestHeads((1280, 960), TZ)
    image = picture()
    heads.look(START_MS, image, [Seen(1, (200.0, 100.0, 400.0, 700.0), "person", 0.9)])
    (head,) = heads.chosen(START_MS, at_end=True)
    np.testing.assert_array_equal(head.image, image[50:150, 100:200])


def test_a_head_does_not_show_itself() -> None:
    assert "array" not in repr(Head(1, START_MS, picture(), 1.0))


def by_brightness(image: Image) -> Floats | None:
    """A face that is the picture's own brightness; none in the dark, and a broken model in full light."""
    if image.max() == 255:
        raise RuntimeError(f"secret {image}")
    return face_at(float(image.max())) if image.max() > 20 else None


def flat(grey: int) -> Image:
    """A picture of one grey."""
    return np.full((SIZE[1], SIZE[0], 3), grey, np.uint8)


def visitors(represent: Represent, clock: FakeClock | None = None, wait: bool = True) -> tuple[Visitors, Recogniser]:
    """One camera, and the thread that it asks."""
    recogniser = Recogniser(represent, TZ, clock, waiting=2)
    return Visitors(recogniser, "for a test", SIZE, TZ, wait=wait), recogniser


def passing(one: Visitors, track: int, grey: int, event_ms: int) -> list[tuple[int, str]]:
    """A track of one look, over."""
    one.look(event_ms, flat(grey), [person(track)])
    return one.recognised(event_ms + JOIN_MS + 1)


def test_two_persons_have_two_tokens_one_person_one_and_another_the_next_day() -> None:
    one, recogniser = visitors(by_brightness)
    ((_, ann),) = passing(one, 1, 100, START_MS)
    ((_, bob),) = passing(one, 2, 150, START_MS + 10_000)
    ((track, again),) = passing(one, 3, 100, START_MS + 20_000)
    ((_, tomorrow),) = passing(one, 4, 100, START_MS + DAY_MS)
    assert (track, again) == (3, ann)
    assert len({ann, bob, tomorrow}) == 3
    assert passing(one, 5, 10, START_MS + DAY_MS + 10_000) == []
    assert passing(one, 6, 255, START_MS + DAY_MS + 20_000) == []
    told = one.told
    assert (told.tokens, told.without, told.skipped, told.failed) == (4, 1, 0, 1)
    assert recogniser.known() == 1
    recogniser.close()
    assert recogniser.known() == 0


def test_cameras_of_one_purpose_share_their_visitors_and_no_others_do() -> None:
    one, recogniser = visitors(by_brightness)
    same, other = (Visitors(recogniser, purpose, SIZE, TZ, wait=True) for purpose in ("for a test", "for another"))
    ((_, first),) = passing(one, 1, 100, START_MS)
    assert passing(same, 1, 100, START_MS + 1000) == [(1, first)]
    assert passing(other, 1, 100, START_MS + 2000) != [(1, first)]
    recogniser.close()


def test_a_live_camera_is_never_held_up_what_is_skipped_is_counted() -> None:
    begun, go = Event(), Event()

    def slow(image: Image) -> Floats | None:
        begun.set()
        assert go.wait(30)
        return by_brightness(image)

    one, recogniser = visitors(slow, wait=False)
    for track in range(6):
        assert passing(one, track, 40 * (track + 1), START_MS + 2_000 * track) == []
        assert begun.wait(30)
    assert one.told.skipped == 3  # one is worked on, two wait
    go.set()
    found: list[tuple[int, str]] = []
    wait_until(lambda: len(_more(found, one)) == 3, 30, "answers")
    assert sorted(track for track, _ in found) == [0, 1, 2]
    recogniser.close()


def _more(found: list[tuple[int, str]], one: Visitors) -> list[tuple[int, str]]:
    found += one.recognised(START_MS + 20_000)
    return found


def test_at_midnight_everybody_is_forgotten_though_nobody_comes() -> None:
    midnight = day_start_ms(DAY + timedelta(days=1), TZ)
    clock = FakeClock(midnight - 60_000)
    one, recogniser = visitors(by_brightness, clock)
    passing(one, 1, 100, midnight - 60_000)
    assert recogniser.known() == 1
    clock.advance(60_000)
    assert local_day(clock.now_ms(), TZ) != DAY
    wait_until(lambda: recogniser.known() == 0, 30, "midnight")
    recogniser.close()


def test_an_answer_that_comes_after_midnight_is_not_told() -> None:
    midnight = day_start_ms(DAY + timedelta(days=1), TZ)
    go = Event()

    def slow(image: Image) -> Floats | None:
        assert go.wait(30)
        return by_brightness(image)

    one, recogniser = visitors(slow, wait=False)
    passing(one, 1, 100, midnight - 2 * JOIN_MS)
    go.set()
    recogniser.close()
    assert one.recognised(midnight) == []
