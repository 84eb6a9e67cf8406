"""When a worker is ended: it slept past its session timeout, or it is behind and nothing moves."""

from streams.watchdog import STUCK_S, Watchdog


class _World:
    """A clock, whether there is anything to take, and the reasons given for stopping."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.behind = True
        self.reasons: list[str] = []
        self.dog = Watchdog(lambda: self.behind, self.reasons.append, 15.0, lambda: self.now_s)

    def look_every(self, step_s: float, until_s: float) -> None:
        while self.now_s < 1_000.0 + until_s:
            self.now_s += step_s
            self.dog.look()


def test_a_worker_that_slept_past_its_session_timeout_ends() -> None:
    world = _World()
    world.look_every(1, 60)
    assert not world.reasons
    world.now_s += 15.5
    world.dog.look()
    assert world.reasons == ["asleep for 16 s, longer than the session timeout: others have the partitions now"]


def test_a_nap_within_the_session_timeout_is_nothing() -> None:
    world = _World()
    world.look_every(14, 140)
    assert not world.reasons


def test_behind_and_nothing_finished_ends_it() -> None:
    world = _World()
    world.look_every(1, STUCK_S)
    assert not world.reasons
    world.look_every(1, STUCK_S + 1)
    assert world.reasons == [f"behind, and nothing finished for {STUCK_S:.0f} s"]


def test_progress_or_nothing_to_do_is_no_standstill() -> None:
    world = _World()
    for minute in range(1, 11):
        world.look_every(1, 60 * minute)
        world.dog.progress()
    world.behind = False
    world.look_every(1, 600 + 10 * STUCK_S)
    assert not world.reasons
